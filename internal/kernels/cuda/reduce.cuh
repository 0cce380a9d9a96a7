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

// column_sum adds up what the SHARES threads of each of 32 columns bring: thread
// 32·i + j is the i-th of column j. Each gets its column's sum, in the order of the
// threads.
template <int SHARES, class Sum> static __device__ Sum column_sum(Sum (*sums)[32], Sum v) {
  const int lane = threadIdx.x % 32;
  __syncthreads(); // what was there has been read
  sums[threadIdx.x / 32][lane] = v;
  __syncthreads();
  Sum total = 0;
  for (int i = 0; i < SHARES; i++) total += sums[i][lane];
  return total;
}

// column_moments leaves, of the values 0 … n − 1 of each column, their sum in part[0] and the sum of
// their squared distances from their mean in part[C]. Both go in steps of SHARES, then
// over the shares, each in ascending order. n is 0 in columns that are none.
template <int SHARES, class Sum, class Value>
static __device__ void column_moments(Sum (*sums)[32], double *part, i64 C, i64 n, Value value) {
  const int first = threadIdx.x / 32;
  Sum sum = 0, squares = 0;
  for (i64 i = first; i < n; i += SHARES) sum += value(i);
  sum = column_sum<SHARES>(sums, sum);
  const Sum mean = sum / (Sum)n;
  for (i64 i = first; i < n; i += SHARES) {
    const Sum d = value(i) - mean;
    squares += d * d;
  }
  squares = column_sum<SHARES>(sums, squares);
  if (first > 0 || n == 0) return;
  part[0] = sum;
  part[C] = squares;
}
