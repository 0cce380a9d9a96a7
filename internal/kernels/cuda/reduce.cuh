// Reductions over the threads of a warp and of a block. All lanes of each warp
// take part, so blocks are a multiple of 32 threads.

static const unsigned all_lanes = 0xffffffffu;

// warp_sum adds up v over the lanes and gives every lane the same bits: in each
// round two partners add the same two numbers.
template <class T> static __device__ T warp_sum(T v) {
  for (int distance = 16; distance > 0; distance /= 2) {
    v += __shfl_xor_sync(all_lanes, v, distance);
  }
  return v;
}

// warp_max is the greatest v that is not NaN; -infinity if there is none.
static __device__ float warp_max(float v) {
  for (int distance = 16; distance > 0; distance /= 2) {
    v = fmaxf(v, __shfl_xor_sync(all_lanes, v, distance));
  }
  return v;
}

// block_sum adds up v over the threads of a block, the lanes of each warp first
// and then the warps from the first to the last. Every thread gets the sum. A
// kernel calls it once: a second call would overwrite sums that are being read.
template <class T> static __device__ T block_sum(T v) {
  __shared__ T sums[32]; // one for each warp
  const int warps = blockDim.x / 32;
  v = warp_sum(v);
  if (threadIdx.x % 32 == 0) sums[threadIdx.x / 32] = v;
  __syncthreads();
  T total = 0;
  for (int w = 0; w < warps; w++) total += sums[w];
  return total;
}
