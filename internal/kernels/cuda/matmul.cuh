// Products of matrices in memory.

// A Matrix is a Source: element (row, k) lies at row·row_step + k·k_step.
template <class T, bool ALONG_K> struct Matrix {
  static const bool along_k = ALONG_K;
  const T *data;
  i32 rows;
  i64 pitch; // from one line to the next
  struct Row {
    const T *first; // null outside
  };
  __device__ Row row(i32 r) const { return {r < rows ? data + (ALONG_K ? r * pitch : r) : nullptr}; }
  __device__ const T *at(const Row &r, i32 k) const { return r.first ? r.first + (ALONG_K ? k : k * pitch) : nullptr; }
};

// A Strided matrix is one in either order, chosen at run time.
template <class T> struct Strided {
  static const bool along_k = true;
  const T *data;
  i32 rows;
  i64 row_step, k_step;
  struct Row {
    const T *first;
  };
  __device__ Row row(i32 r) const { return {r < rows ? data + r * row_step : nullptr}; }
  __device__ const T *at(const Row &r, i32 k) const { return r.first ? r.first + k * k_step : nullptr; }
};

// share is the part of the sum that the block's split adds up: the depth's
// multiples, so that all splits but the last are equally long.
template <class T> static __device__ void share(i32 K, i32 splits, i32 split, i32 &begin, i32 &end) {
  const i32 deep = depth<T>::value, each = (K + deep * splits - 1) / (deep * splits) * deep;
  begin = min(K, split * each);
  end = min(K, begin + each);
}

template <class T, class B, bool WIDE, class Left, class Right>
static __device__ void matmul(void *y, const float *bias, const Left &a, const Right &b, i64 M, i64 N, i64 K, i64 act, i64 as_float, i64 splits) {
  i32 begin, end;
  share<T>((i32)K, (i32)splits, blockIdx.z, begin, end);
  const i32 m = blockIdx.x * B::rows, n = blockIdx.y * B::columns;
  float *sums = product<T, B, WIDE>(a, b, m, n, begin, end);
  if (splits > 1) y = (float *)y + (i64)blockIdx.z * M * N;
  const Store<T> store = {y, nullptr, bias, (i32)M, (i32)N, N, 1, (i32)act, as_float != 0 || splits > 1};
  store.template put<B>(sums, m, n, B::rows);
}

// matmul_nt_* (a [M,K], b [N,K]), matmul_nn_* (a [M,K], b [K,N]), matmul_tn_*
// (a [K,M], b [K,N]), and matmul_any_* (either order of both):
//
//   y[m,n] = act(bias[n] + Σ_k a[m,k]·b[k,n])
//
//   y     T [M,N], or f32 where as_float; with splits > 1 f32 [splits,M,N], the
//         sums over parts of k, for sum_parts_f32
//   bias  f32 [N]; may be null
//   a b   T; but for matmul_any_* each line is a multiple of 16 bytes
//
//   a_row a_k b_row b_k  steps in memory, of matmul_any_* alone
//   act                  an ActKind; −1 for none
//   M·N and each extent below 2³¹
//
// Work     a block for 128×64 sums, 256 threads, or for 64×32, 64 threads;
//          blocks M/rows × N/columns × splits; a warp has 32×32 sums
// Shared   46 KB or 21 KB: three stages of both tiles, then the sums
// Registers  in resources.txt, checked by the build
// Traffic  a once for every 64 (32) columns, b once for every 128 (64) rows, y once
// Bound    f32 arithmetic, or tensor cores (mma.m16n8k16) for bf16 and f16; at a
//          batch of a few rows b's traffic; not yet run on a GPU
// Exact    no: fmaf with k ascending in f32; products of 16-bit numbers in f32
//          sums, as tensor cores add 16 of them
#define MATMUL_ARGUMENTS i64 M, i64 N, i64 K, i64 act, i64 as_float, i64 splits
#define MATMUL_KERNELS(B, size, T, type)                                                                                             \
  extern "C" __global__ void __launch_bounds__(B::threads)                                                                           \
      matmul_nt_##size##_##type(void *y, const float *bias, const T *a, const T *b, MATMUL_ARGUMENTS) {                              \
    matmul<T, B, true>(y, bias, Matrix<T, true>{a, (i32)M, K}, Matrix<T, true>{b, (i32)N, K}, M, N, K, act, as_float, splits);       \
  }                                                                                                                                  \
  extern "C" __global__ void __launch_bounds__(B::threads)                                                                           \
      matmul_nn_##size##_##type(void *y, const float *bias, const T *a, const T *b, MATMUL_ARGUMENTS) {                              \
    matmul<T, B, true>(y, bias, Matrix<T, true>{a, (i32)M, K}, Matrix<T, false>{b, (i32)N, N}, M, N, K, act, as_float, splits);      \
  }                                                                                                                                  \
  extern "C" __global__ void __launch_bounds__(B::threads)                                                                           \
      matmul_tn_##size##_##type(void *y, const float *bias, const T *a, const T *b, MATMUL_ARGUMENTS) {                              \
    matmul<T, B, true>(y, bias, Matrix<T, false>{a, (i32)M, M}, Matrix<T, false>{b, (i32)N, N}, M, N, K, act, as_float, splits);     \
  }                                                                                                                                  \
  extern "C" __global__ void __launch_bounds__(B::threads)                                                                           \
      matmul_any_##size##_##type(void *y, const float *bias, const T *a, const T *b, i64 a_row, i64 a_k, i64 b_row, i64 b_k,         \
                                 MATMUL_ARGUMENTS) {                                                                                 \
    matmul<T, B, false>(y, bias, Strided<T>{a, (i32)M, a_row, a_k}, Strided<T>{b, (i32)N, b_row, b_k}, M, N, K, act, as_float, splits); \
  }
MATMUL_KERNELS(Large, 128x64, float, f32)
MATMUL_KERNELS(Small, 64x32, float, f32)
MATMUL_KERNELS(Large, 128x64, bf16, bf16)
MATMUL_KERNELS(Small, 64x32, bf16, bf16)
MATMUL_KERNELS(Large, 128x64, f16, f16)
MATMUL_KERNELS(Small, 64x32, f16, f16)
