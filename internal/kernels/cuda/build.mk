# Compiles kernels.cu; the root Makefile includes this file. It takes the nvcc on
# the PATH, or NVCC=path, and otherwise installs NVIDIA's wheels, pinned by hash,
# under build/ (105 MB to download; needs python3 with venv, and g++).

CUDA := internal/kernels/cuda
NVCC ?= $(shell command -v nvcc 2>/dev/null)

# Products and sums round apart, as on the CPU, so that results can be compared.
NVCCFLAGS := -std=c++17 -O3 -fmad=false -Xptxas -v \
	-gencode arch=compute_80,code=sm_80 \
	-gencode arch=compute_90a,code=sm_90a \
	-gencode arch=compute_80,code=compute_80

# The most registers a thread may take: the headers of the kernels state it. An
# SM has 65536, which is 40 for each thread of six blocks of 256.
REGISTERS := 255

ifeq ($(strip $(NVCC)),)
NVCC := build/nvcc/bin/nvcc
endif

## kernels: kernels.cu for NVIDIA GPUs, which the binary embeds; a register spill fails
.PHONY: kernels
FATBIN := $(CUDA)/bin/kernels.fatbin
kernels: $(FATBIN)

$(FATBIN): kernels.cu $(wildcard $(CUDA)/*.cuh) $(CUDA)/ptxas.awk $(CUDA)/build.mk $(filter build/%,$(NVCC))
	@mkdir -p build
	$(NVCC) $(NVCCFLAGS) -fatbin -Xfatbin -compress-all -o $@.part $< 2> build/kernels.ptxas || { cat build/kernels.ptxas; exit 1; }
	@awk -v most=$(REGISTERS) -f $(CUDA)/ptxas.awk build/kernels.ptxas
	@mv $@.part $@

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
.PHONY: test-cuda
test-cuda: $(FATBIN) build/standin/libcuda.so.1
	$(CUDAENV) $(GO) vet -tags cuda ./internal/device/cuda/...
	$(CUDAENV) IMGCLS_LIBCUDA=$(CURDIR)/build/standin/libcuda.so.1 $(GO) test -tags cuda ./internal/device/cuda/...
