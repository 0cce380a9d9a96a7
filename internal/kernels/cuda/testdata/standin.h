// What kernels.cu uses of CUDA's language, for a C++ compiler. One thread runs
// at a time, and one block.
#pragma once

struct Index {
  unsigned x, y;
};

inline Index threadIdx, blockIdx, blockDim, gridDim;

#define __global__
#define __device__
#define __shared__ static
#define __launch_bounds__(most)

void __syncthreads();
template <class T> T __shfl_xor_sync(unsigned mask, T v, int distance); // of float and double
