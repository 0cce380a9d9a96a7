# Compiles kernels.cu; the root Makefile includes this file. It takes the nvcc on
# the PATH if that is 13 or later, or NVCC=path, and otherwise installs NVIDIA's
# wheels, pinned by hash, under build/ (105 MB to download, 296 MB on disk; needs
# python3 with venv, and g++).

CUDA := internal/kernels/cuda
ifeq ($(origin NVCC),undefined)
FOUND := $(shell command -v nvcc 2>/dev/null)
NVCC := $(if $(FOUND),$(shell case "$$("$(FOUND)" --version 2>/dev/null)" in \
	(*"release "1[3-9].*|*"release "[2-9][0-9].*) echo "$(FOUND)" ;; esac))
OLDNVCC := $(if $(NVCC),,$(FOUND))
endif

# The architectures to have machine code for; PTX serves those that come after, and
# with none, all.
ARCHS ?= 80 86 89 90a 100 120

# Products and sums round apart, as on the CPU, so that results can be compared. One
# architecture after another: of several at once ptxas mixes up what it says.
NVCCFLAGS := -std=c++17 -O3 -fmad=false -Xptxas -v -Xfatbin -compress-all \
	$(foreach a,$(ARCHS),-gencode arch=compute_$(a),code=sm_$(a)) -gencode arch=compute_80,code=compute_80

ifeq ($(strip $(NVCC)),)
NVCC := build/nvcc/bin/nvcc
endif

## kernels: kernels.cu for NVIDIA GPUs (ARCHS="80 90a" for fewer), which the binary embeds
.PHONY: kernels
FATBIN := $(CUDA)/bin/kernels.fatbin
kernels: $(FATBIN)

# A file that changes with ARCHS alone.
build/architectures: always
	@mkdir -p build
	@echo $(ARCHS) | cmp -s - $@ || echo $(ARCHS) > $@
.PHONY: always

# One compilation gives the kernels and what each takes.
build/resources.txt: build/architectures kernels.cu $(wildcard $(CUDA)/*.cuh) $(CUDA)/ptxas.awk $(CUDA)/build.mk $(filter build/%,$(NVCC))
	$(NVCC) $(NVCCFLAGS) -fatbin -o build/kernels.fatbin kernels.cu 2> build/kernels.ptxas || { cat build/kernels.ptxas; exit 1; }
	@$(if $(strip $(ARCHS)),awk -f $(CUDA)/ptxas.awk build/kernels.ptxas,:) > build/resources.part || { cat build/resources.part; exit 1; }
	@LC_ALL=C sort build/resources.part > $@

$(FATBIN): build/resources.txt $(CUDA)/resources.txt $(CUDA)/resources.awk
	@$(CHECKRESOURCES) || $(if $(STRICT),exit 1,echo "the build goes on: its kernels may be slower, and compute the same")
	@cp build/architectures $(CUDA)/bin/architectures
	@cp build/kernels.fatbin $@

# What the pinned compiler makes of each kernel is held to the table: a difference is
# an error where changes are checked, and news to those who want a binary.
STRICT ?= $(or $(CI),$(IMGCLS_REQUIRE))
CHECKRESOURCES = $(if $(filter build/%,$(NVCC)),$(if $(strip $(ARCHS)),awk -f $(CUDA)/resources.awk $(CUDA)/resources.txt build/resources.txt || \
	{ echo "$(CUDA)/resources.txt says otherwise: if that is meant run make resources and commit it"; false; },true),true)

## resources: write the table of registers, shared memory and spills anew, for ARCHS
.PHONY: resources
resources: build/resources.txt
	@test -s $< || { echo "make resources needs an architecture in ARCHS"; exit 1; }
	@awk 'FNR == NR { built[$$2]; kernel[$$1]; print; next } !($$2 in built) && ($$1 in kernel)' $< $(CUDA)/resources.txt > build/resources.part
	LC_ALL=C sort build/resources.part > $(CUDA)/resources.txt

build/nvcc/bin/nvcc: $(CUDA)/requirements-nvcc.txt
	rm -rf build/nvcc
	python3 -m venv build/nvcc
	build/nvcc/bin/pip install --quiet --no-deps --require-hashes --only-binary=:all: -r $<
	printf '#!/bin/sh\nexec "%s" "$$@"\n' "$$(echo $(CURDIR)/build/nvcc/lib/python3*/site-packages/nvidia/cu13/bin/nvcc)" > $@
	chmod +x $@

# cgo finds cuda.h beside the nvcc in use, after the driver package's own; the
# empty libcuda.a comes before any that is installed.
DRIVER := $(CURDIR)/internal/device/cuda/driver
CUDAENV = CGO_ENABLED=1 CGO_LDFLAGS="-g -O2 -Wl,--as-needed -L$(DRIVER)/stub" \
	CGO_CFLAGS="-g -O2 -I$(DRIVER)/include -I$$(echo $(if $(filter build/%,$(NVCC)),$(CURDIR)/build/nvcc/lib/python3*/site-packages/nvidia/cu13,$(abspath $(dir $(realpath $(NVCC)))..))/include)"

## test-cuda: the tests of what has the build tag cuda, on the stand-in driver
.PHONY: test-cuda test-cuda-device test-cuda-runs
test-cuda: $(FATBIN) build/standin/libcuda.so.1
	@$(CHECKRESOURCES)
	$(CUDAENV) $(GO) vet -tags cuda ./internal/device/cuda/...
	$(MAKE) -j2 --output-sync=target ARCHS="$(ARCHS)" test-cuda-device test-cuda-runs

# Go's cache of tests does not see the library change, so none is taken from it. Most
# launches are of few blocks: two processes of one thread end sooner than one of two.
STANDINTEST = $(CUDAENV) STANDIN_THREADS=1 IMGCLS_LIBCUDA=$(CURDIR)/build/standin/libcuda.so.1 $(GO) test -count=1 -timeout 30m -tags cuda
test-cuda-device:
	$(STANDINTEST) ./internal/device/cuda ./internal/device/cuda/driver # the stand-in's own tests need no tag
test-cuda-runs:
	$(STANDINTEST) -run "GPU|OfTheDriver" ./internal/train ./cmd/imgcls

## goldens-cuda: PyTorch's golden steps of the large models too, on the stand-in driver
.PHONY: goldens-cuda
goldens-cuda: $(FATBIN) build/standin/libcuda.so.1
	IMGCLS_SLOW=models $(STANDINTEST) -timeout 5h -v -run "^Test(Formula|AirBench94)StepsOnTheGPU$$" ./internal/train
