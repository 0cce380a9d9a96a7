# imgcls needs Go and nothing else: `go run ./cmd/imgcls train digits` works
# without this file. The targets here build, check and measure.

GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
FLAGS   := -trimpath -ldflags "-s -w -X main.release=$(VERSION)"
TARGETS := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64

.PHONY: all build cuda pure go root check-root gpu-kit tools test check lint generated noasm arm64 goldens race cross fuzz soak soak-kills soak-signals soak-faults learn finetune bits bench peers epoch clean

all: build

# Where there is Linux and a C compiler the binary has the GPU in it; it starts
# without a driver all the same. Elsewhere it is pure Go.
ifeq ($(shell uname -s),Linux)
build: cuda
else
build: pure
endif

## cuda: build/imgcls with CUDA kernels (needs gcc, and nvcc or python3 with venv)
cuda: tools kernels
	$(CUDAENV) $(GO) build -tags cuda $(FLAGS) -o build/imgcls ./cmd/imgcls

## pure: build/imgcls for CPUs alone, without cgo
pure: go
	CGO_ENABLED=0 $(GO) build $(FLAGS) -o build/imgcls ./cmd/imgcls

## root: build/root, the root folder of the container: the binary, the C library
## that it and the driver need, roots of trust, and places for data and runs
ROOTLIBS := libc.so.6 libm.so.6 libdl.so.2 libpthread.so.0 librt.so.1
root: cuda
	rm -rf build/root
	mkdir -p build/root/etc/ssl/certs build/root/usr/lib build/root/tmp build/root/data build/root/runs
	chmod 1777 build/root/tmp build/root/data build/root/runs
	cp build/imgcls build/root/imgcls
	cp /etc/ssl/certs/ca-certificates.crt build/root/etc/ssl/certs/
	printf 'root:x:0:0::/:\nimgcls:x:65532:65532::/data:\n' > build/root/etc/passwd
	printf 'root:x:0:\nimgcls:x:65532:\n' > build/root/etc/group
	printf '12\n' > build/root/etc/debian_version # the driver's libraries go where Debian has them
	for l in $(ROOTLIBS); do \
		from=$$(gcc -print-file-name=$$l) && to=build/root/usr/lib/$$(gcc -print-multiarch) && mkdir -p $$to && cp -L $$from $$to/ || exit 1; \
	done
	ln -s usr/lib build/root/lib
	loader=$$(readelf -l build/imgcls | sed -n 's/.*interpreter: \(.*\)]/\1/p'); \
		mkdir -p build/root$$(dirname $$loader) && cp -L $$loader build/root$$loader
	du -sh build/root

## check-root: the container's root folder trains, as its user and without a GPU (needs root's rights for chroot)
check-root: root
	! readelf -d build/imgcls | grep NEEDED | grep -v 'lib\(c\|dl\|pthread\|m\|resolv\)\.so' # libcuda, above all
	chroot --userspec=65532:65532 build/root /imgcls train digits --epochs 1 --output /runs

## gpu-kit: build/gpu-kit, what a machine with a GPU and without Go needs to try and measure it (run.sh)
KITLIMIT := 60 # MB
gpu-kit: cuda
	rm -rf build/gpu-kit
	mkdir -p build/gpu-kit/train
	cp build/imgcls bench/gpu/run.sh bench/gpu/*.py $(addprefix bench/peers/,talk.py ops.py nets.py muon.py pytorch.py) build/gpu-kit/
	git describe --always --dirty > build/gpu-kit/commit 2>/dev/null || echo unknown > build/gpu-kit/commit
	$(CUDAENV) $(GO) test -tags cuda -trimpath -ldflags "-s -w" -c -o build/gpu-kit/cuda.test ./internal/device/cuda
	$(CUDAENV) $(GO) test -tags cuda -trimpath -ldflags "-s -w" -c -o build/gpu-kit/train/train.test ./internal/train
	cp -r internal/train/testdata build/gpu-kit/train/
	@mb=$$(du -sm build/gpu-kit | cut -f1); echo "build/gpu-kit: $$mb MB"; \
		test $$mb -lt $(KITLIMIT) || { echo "build/gpu-kit is to stay below $(KITLIMIT) MB: leave something out"; exit 1; }

## gpu-kit-standin: the kit runs to its end on the stand-in driver; PYTHON has PyTorch, or what needs it says so
.PHONY: gpu-kit-standin
gpu-kit-standin: gpu-kit standin
	rm -rf build/gpu-kit-out
	IMGCLS_LIBCUDA=$(CURDIR)/build/standin/libcuda.so.1 PYTHON="$(if $(wildcard $(PYTHON)),$(abspath $(PYTHON)),python3)" \
		build/gpu-kit/run.sh build/gpu-kit-out "$(KITSTEPS)"

# What make cannot do without is named before anything is fetched.
go:
	@command -v $(GO) >/dev/null || { echo "make needs Go 1.26 or later, from https://go.dev/dl"; exit 1; }

tools: go
	@command -v gcc >/dev/null && command -v g++ >/dev/null || { echo "make needs gcc and g++ for the GPU (Debian: apt install g++); make pure builds without"; exit 1; }
	@test -z "$(OLDNVCC)" || echo "$(OLDNVCC) is older than nvcc 13, or does not start: NVIDIA's compiler is fetched into build/nvcc (NVCC=path takes another)"
	@test -n "$(filter-out build/%,$(NVCC))" || python3 -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "make needs nvcc, or python3 with venv to fetch it (Debian: apt install python3-venv); make pure builds without"; exit 1; }

## test: every test; IMGCLS_REQUIRE=gxx,shell turns the skips it names into failures
test:
	$(GO) test ./...

## check: what must hold before a change is taken
check: lint test noasm

## noasm: the CPU's kernels and device without assembly, as processors other than amd64 and arm64 have them
noasm:
	$(GO) test -tags noasm ./internal/kernels/cpu/... ./internal/device/cpu
	$(GO) test -tags noasm -run TestGoldenBits ./internal/train

## arm64: the arithmetic's tests under qemu, and a training run with this processor's bits
arm64:
	GO="$(GO)" bench/arm64.sh

## lint: format, vet, modules, static analysis, and the build for each system
lint: cross generated
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo "run gofmt -w on these"; exit 1; }
	$(GO) vet ./...
	GOARCH=arm64 $(GO) vet ./internal/kernels/cpu/...
	$(GO) mod verify
	$(GO) mod tidy -diff
	$(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...

## generated: the assembly is what its generator writes (fetches avo)
generated:
	@sums() { cat $$(find internal/kernels/cpu -name '*_amd64.s' -o -name '*_arm64.s' -o -name 'stubs_*.go' | sort) | cksum; }; \
	before=$$(sums) && $(GO) generate ./internal/kernels/cpu && test "$$before" = "$$(sums)" || \
		{ echo "internal/kernels/cpu: the assembly was not what its generator writes; look at it and commit it"; exit 1; }

## goldens: PyTorch's golden steps of the large models too, in double precision on the
## reference, and all twenty of each on the CPU: 7 to 25 minutes of a core
goldens:
	IMGCLS_SLOW=models $(GO) test ./internal/train -run '^(TestModelsOnTheReference|TestModelsOnTheCPU|TestAirBench94)$$' -count 1 -timeout 2h -v

## race: the tests of all that runs on several goroutines, under the race detector; those
## that compare numbers with PyTorch's step after step are ten times as slow there, and
## the loops that they run are in the others too
race:
	$(GO) test -race -timeout 20m -skip 'OnTheReference|AgainstPyTorch|TorchvisionLogits|AirBench94|ModelsOnTheCPU' \
		./internal/device ./internal/device/cpu ./internal/kernels/cpu/... ./internal/fetch ./internal/fsys ./internal/infer ./internal/run ./internal/train

## cross: the build for each system, without cgo; what nothing here runs later is not optimized, which takes half the time
cross:
	@for t in $(TARGETS); do \
		echo "build $$t"; \
		case $$t in linux/*) flags=;; *) flags="-gcflags=all=-N -l";; esac; \
		CGO_ENABLED=0 GOOS=$${t%/*} GOARCH=$${t#*/} $(GO) build $${flags:+"$$flags"} -o /dev/null ./... || exit 1; \
	done

# When its time is over, go test now and then reports "context deadline exceeded" for a
# target that has found nothing (a failure names its input): that one is tried again.
## fuzz: each fuzz target for FUZZTIME
FUZZTIME ?= 20s
fuzz:
	@grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u | while read -r pkg; do \
		for f in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
			echo "fuzz $$pkg $$f"; run="$(GO) test -run ^$$ -fuzz ^$$f$$ -fuzztime $(FUZZTIME) -fuzzminimizetime 20x $$pkg"; \
			out=$$($$run 2>&1) || { echo "$$out"; case "$$out" in *"Failing input"*) exit 1;; *"context deadline exceeded"*) $$run || exit 1;; *) exit 1;; esac; }; \
		done; \
	done

## soak: the drills of docs/reliability.md, longer than in test
KILLS   ?= 10000
SIGNALS ?= 2000
soak: soak-kills soak-signals soak-faults

## soak-kills: runs killed KILLS times; soak-signals: stopped SIGNALS times
soak-kills:
	IMGCLS_SOAK_KILLS=$(KILLS) $(GO) test ./cmd/imgcls -run '^TestKills' -count 1 -timeout 12h -v

soak-signals:
	IMGCLS_SOAK_SIGNALS=$(SIGNALS) $(GO) test ./cmd/imgcls -run '^TestSignalsAtAnyPhase$$' -count 1 -timeout 12h -v

## soak-faults: every call fails once in new runs too, and every bit of a checkpoint is flipped
soak-faults:
	IMGCLS_SOAK_FAULTS=1 $(GO) test ./cmd/imgcls -run '^TestEveryCallFails$$' -count 1 -timeout 12h -v
	IMGCLS_SOAK_FAULTS=1 $(GO) test ./internal/checkpoint -run '^TestDamageIsFound$$' -count 1 -timeout 12h -v

## learn: the tutorial's recipe on the whole of CIFAR-10, five seeds (DATA=folder or archive)
learn: build
	bench/learn.sh $(or $(DATA),cifar10)

## finetune: five classes of CIFAR-10 with 50 pictures each, from weights for the other five and from none
finetune:
	@test -n "$(DATA)" || { echo "use: make finetune DATA=folder of cifar-10-batches-bin"; exit 2; }
	IMGCLS_FINETUNE=$(abspath $(DATA)) $(GO) test ./internal/train -run '^TestFineTuning$$' -count 1 -timeout 2h -v

## bits: the same seed gives the same model file for GOMAXPROCS 1, 2 and 8
bits: build
	bench/bits.sh

## bench: imgcls beside the peers that `make peers` installed, in turns; rewrites
## the table of README.md and bench/results (BENCH="-rows train -only 'batch 4'" for less)
PYTHON ?= build/venv/bin/python
BENCH  ?= -write
bench: build
	$(GO) run ./bench -python $(PYTHON) $(BENCH)

## peers: PyTorch, ONNX Runtime and GoMLX, into build/ (about 6 GB)
peers:
	test -x build/venv/bin/python || python3 -m venv build/venv
	build/venv/bin/pip install -r bench/requirements.txt
	cd bench/peers/gomlx && CGO_ENABLED=0 $(GO) build -o ../../../build/gomlx-peer .
	cd bench/peers/gomlx && CGO_ENABLED=0 GOAMD64=v3 GOEXPERIMENT=simd $(GO) build -o ../../../build/gomlx-peer-simd .

## epoch: one epoch of the tutorial on CIFAR-10 beside PyTorch (DATA=folder of CIFAR-10)
epoch: build
	@test -n "$(DATA)" || { echo "use: make epoch DATA=folder of cifar-10-batches-bin"; exit 2; }
	PYTHON=$(PYTHON) bench/epoch.sh $(DATA)

## accuracy: ResNet-20 on CIFAR-10 for 10 epochs, and in PyTorch by the same recipe (DATA=folder of CIFAR-10)
.PHONY: accuracy
accuracy: build
	@test -n "$(DATA)" || { echo "use: make accuracy DATA=folder of cifar-10-batches-bin"; exit 2; }
	build/imgcls train $(DATA) --model resnet20 --epochs 10 --device cpu --output build/accuracy
	$(PYTHON) bench/peers/pytorch_resnet20.py --data $(DATA) --epochs 10

clean:
	rm -rf build

include internal/kernels/cuda/build.mk
include internal/device/cuda/standin/build.mk
