template <class T>
static __device__ void dropout(T *y, const T *x, const i32 *order, const i64 *cursor, const i64 *epoch, i64 N, i64 E, i64 seed, i64 stream, i64 threshold, i64 factor) {
  const i64 fours = (E + 3) / 4;
  for (i64 i = thread_index(); i < N * fours; i += thread_count()) {
    const i64 n = i / fours, four = i % fours;
    const random_block r = random_at(seed, stream + four, *epoch << 32 | order[*cursor + n]);
    for (i64 k = 0; k < 4 && 4 * four + k < E; k++) {
      const i64 at = n * E + 4 * four + k;
      store(y[at], r.words[k] >= (u32)threshold ? load(x[at]) * float_of((u32)factor) : 0.0f);
    }
  }
}

// dropout_T: y[n,e] = x[n,e]·factor where the word of (seed, stream, epoch, sample n,
// e) is at least threshold, else 0.
//
//   y       T [N,E]
//   x       T [N,E]
//   order   i32 [K]     samples, not negative
//   cursor  i64 [1]     0 … K−N
//   epoch   i64 [1]     0 … 2³¹
//
//   factor  the bits of an f32
//
// Work     one thread per 4 elements of a sample; 256 threads; grid-stride
// Shared   none        Registers  in resources.txt, checked by the build
// Traffic  x once in, y once out
// Bound    integer arithmetic, 40 multiplications for 4 elements; not yet run on a GPU
// Exact    yes, equal to kernels/ref/dropout.go where T is f32; else rounded once
extern "C" __global__ void __launch_bounds__(256)
    dropout_f32(float *y, const float *x, const i32 *order, const i64 *cursor, const i64 *epoch, i64 N, i64 E, i64 seed, i64 stream, i64 threshold, i64 factor) {
  dropout(y, x, order, cursor, epoch, N, E, seed, stream, threshold, factor);
}
extern "C" __global__ void __launch_bounds__(256)
    dropout_bf16(bf16 *y, const bf16 *x, const i32 *order, const i64 *cursor, const i64 *epoch, i64 N, i64 E, i64 seed, i64 stream, i64 threshold, i64 factor) {
  dropout(y, x, order, cursor, epoch, N, E, seed, stream, threshold, factor);
}
extern "C" __global__ void __launch_bounds__(256)
    dropout_f16(f16 *y, const f16 *x, const i32 *order, const i64 *cursor, const i64 *epoch, i64 N, i64 E, i64 seed, i64 stream, i64 threshold, i64 factor) {
  dropout(y, x, order, cursor, epoch, N, E, seed, stream, threshold, factor);
}
