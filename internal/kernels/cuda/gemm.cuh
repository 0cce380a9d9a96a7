// The one matrix product that convolutions and linear layers come to:
//
//   y[m,n] = Σ_k a[m,k]·b[k,n]
//
// A factor is a Source: it says where in memory an element lies, so a matrix, its
// transpose, and the pixels under a filter are read by the same code.
//
//   struct Source {
//     static const bool along_k;                 // neighbours in memory: k and k + 1, or row and row + 1
//     struct Row;                                // what is known of a row, found once for each tile
//     Row row(i32 row) const;                    // any row; those outside give only nulls
//     const T *at(const Row &row, i32 k) const;  // null for an element that is 0
//   };
//
// With WIDE, 16 bytes at a multiple of 16 bytes are either elements all or null
// all, and are copied at once and asynchronously; without it, any element stands
// for itself.
//
// The sum goes with k ascending in one accumulator, whatever the tiles, so that a
// row of y does not depend on how many rows there are.

// Shapes of a block: M×N sums, one warp for each 32×32 of them.
template <int M, int N> struct Block {
  static const int rows = M, columns = N, threads = M / 32 * (N / 32) * 32;
};
typedef Block<128, 64> Large;
typedef Block<64, 32> Small;

static const int stages = 3; // tiles under way, the one in hand included

// A Loader copies the tiles of one factor.
template <class T, class Source, int ROWS, int THREADS, bool WIDE> struct Loader {
  typedef Tile<T, ROWS, Source::along_k> tile;
  static const int piece = WIDE ? 16 / sizeof(T) : 1;
  static const int pieces = ROWS * tile::deep / piece; // of a tile
  static const int turns = (pieces + THREADS - 1) / THREADS;
  // Along k a thread meets several rows, otherwise one alone.
  static const bool several = Source::along_k && WIDE;
  static const int unrolled = WIDE ? turns : 4; // elements one by one: no more registers than that
  typename Source::Row rows[several ? turns : 1];
  const Source &source;

  __device__ Loader(const Source &source, i32 first) : source(source) {
#pragma unroll
    for (int t = 0; t < (several ? turns : 1); t++) rows[t] = source.row(first + row(t));
  }

  static __device__ int row(int turn) {
    const int i = threadIdx.x + turn * THREADS;
    if (!WIDE) return i % ROWS;
    return Source::along_k ? i / (tile::deep / piece) : i % (ROWS / piece) * piece;
  }
  static __device__ int step(int turn) {
    const int i = threadIdx.x + turn * THREADS;
    if (!WIDE) return i / ROWS;
    return Source::along_k ? i % (tile::deep / piece) * piece : i / (ROWS / piece);
  }

  // fetch copies the tile that begins at k; from end on there are zeros.
  __device__ void fetch(T *to, i32 k, i32 end) const {
#pragma unroll unrolled
    for (int t = 0; t < turns; t++) {
      if (pieces % THREADS != 0 && threadIdx.x + t * THREADS >= pieces) break;
      const i32 at = k + step(t);
      const T *from = at < end ? source.at(rows[several ? t : 0], at) : nullptr;
      T *shared = to + tile::at(row(t), step(t));
      if (WIDE) copy_async(shared, from);
      else if (from) *shared = *from;
      else store(*shared, 0.0f);
    }
  }
};

// result_pitch is the elements from one row of a block's sums to the next.
template <class B> static constexpr __device__ int result_pitch() { return B::columns + 4; }

// product leaves in shared memory, [B::rows][result_pitch], the sums over k from
// begin to end of the rows from m and the columns from n on. begin is a multiple
// of the tiles' depth. All threads may read the result when it returns. Behind it there
// is room for a double of each thread.
template <class T, class B, bool WIDE, class Left, class Right>
static __device__ float *product(const Left &left, const Right &right, i32 m, i32 n, i32 begin, i32 end) {
  typedef Loader<T, Left, B::rows, B::threads, WIDE> LeftLoader;
  typedef Loader<T, Right, B::columns, B::threads, WIDE> RightLoader;
  typedef typename LeftLoader::tile LeftTile;
  typedef typename RightLoader::tile RightTile;
  const int deep = depth<T>::value, stage = LeftTile::size + RightTile::size;
  const int held = stages * stage * sizeof(T), result = B::rows * result_pitch<B>() * 4 + B::threads * 8;
  __shared__ __align__(16) char memory[held > result ? held : result];
  T *tiles = (T *)memory;

  LeftLoader a(left, m);
  RightLoader b(right, n);
  const int warp = threadIdx.x / 32;
  const int down = warp / (B::columns / 32) * 32, across = warp % (B::columns / 32) * 32;
  WarpSum<T> sum;
  sum.clear();

  const i32 steps = (end - begin + deep - 1) / deep;
  for (i32 s = 0; s < stages - 1; s++) {
    if (s < steps) {
      a.fetch(tiles + s * stage, begin + s * deep, end);
      b.fetch(tiles + s * stage + LeftTile::size, begin + s * deep, end);
    }
    copies_end();
  }
  for (i32 s = 0; s < steps; s++) {
    copies_wait<stages - 2>();
    __syncthreads(); // stage s has arrived, and nobody reads the one before it any more
    const i32 next = s + stages - 1;
    if (next < steps) {
      T *to = tiles + next % stages * stage;
      a.fetch(to, begin + next * deep, end);
      b.fetch(to + LeftTile::size, begin + next * deep, end);
    }
    copies_end();
    const T *from = tiles + s % stages * stage;
    sum.template add<LeftTile, RightTile, Left::along_k, Right::along_k>(from, from + LeftTile::size, down, across);
  }
  copies_wait<0>();
  __syncthreads(); // the tiles' memory becomes the result's
  float *to = (float *)memory;
  sum.put(to + down * result_pitch<B>() + across, result_pitch<B>());
  __syncthreads();
  return to;
}

// A Channel is what a batch norm does to each channel n: (x − mean[n])·scale[n] + shift[n].
struct Channel {
  const float *mean, *scale, *shift; // [N]; null for no norm
};

// A Store is what becomes of the sums: bias, norm, what is added, activation, the
// greatest of each window of neighbouring rows, and memory; or bias, memory, and the
// moments of what is stored.
template <class T> struct Store {
  void *y;            // T or, where as_float, float [M/window, pitch]
  u8 *arg;            // the greatest's place in its window, laid out like y; may be null
  const float *bias;  // [N]; may be null
  i32 M, N;           // rows, columns
  i64 pitch;
  i32 window;         // rows that are pooled; 1 is none
  i32 act;            // an ActKind, or less than 0 for none
  bool as_float;
  const T *plus;      // laid out like y; may be null, and is with windows
  Channel norm;
  double *part;       // [2,pitch] for the moments of the block's rows; may be null, and is with windows, norm, plus and act

  // element is a sum of column n as it will be stored at that place of y: what T holds
  // stays in T under every step.
  __device__ float element(float sum, i32 n, i64 at) const {
    const auto held = [this](float v) { return as_float ? v : rounded<T>(v); };
    float v = held(bias ? sum + bias[n] : sum);
    if (norm.mean) v = held((v - norm.mean[n]) * norm.scale[n] + norm.shift[n]);
    if (plus) v = held(v + load(plus[at]));
    return act < 0 ? v : activate(act, v);
  }

  // put stores the part [rows, B::columns] that begins at (m, n). rows and m are
  // multiples of the window.
  template <class B> __device__ void put(float *sums, i32 m, i32 n, i32 rows) const {
    const int parts = rows / window * B::columns;
    for (int i = threadIdx.x; i < parts; i += B::threads) {
      const i32 column = i % B::columns, first = i / B::columns * window;
      if (m + first >= M || n + column >= N) continue;
      const i64 at = (i64)((m + first) / window) * pitch + n + column;
      float best = element(sums[first * result_pitch<B>() + column], n + column, at);
      i32 winner = 0;
      for (i32 w = 1; w < window; w++) {
        const float v = element(sums[(first + w) * result_pitch<B>() + column], n + column, at);
        if (v > best || (isnan(v) && !isnan(best))) best = v, winner = w;
      }
      if (arg) arg[at] = (u8)winner;
      if (!y) continue;
      if (as_float) ((float *)y)[at] = best;
      else store(((T *)y)[at], best);
    }
    if (part) moments<B>(sums, M - m < B::rows ? M - m : B::rows, n);
  }

  // moments are those of the numbers in that many rows as they are stored.
  template <class B> __device__ void moments(float *sums, i32 rows, i32 n) const {
    const auto shares = (typename wide<T>::type (*)[32])(sums + B::rows * result_pitch<B>());
    for (i32 column = threadIdx.x % 32; column < B::columns; column += 32) {
      column_moments<B::threads / 32>(shares, part + n + column, pitch, n + column < N ? rows : 0,
                                      [=](i64 m) { return element(sums[m * result_pitch<B>() + column], n + column, 0); });
    }
  }
};

// sum_parts_f32: y[i] = Σ_s part[s,i], s ascending.
//
//   y     f32 [n]
//   part  f32 [S,n]
//
// Work     one thread per element; 256 threads; grid-stride
// Shared   none        Registers  in resources.txt, checked by the build
// Traffic  part once in, y once out
// Bound    memory; not yet run on a GPU
// Exact    no: S − 1 additions in f32
extern "C" __global__ void __launch_bounds__(256) sum_parts_f32(float *y, const float *part, i64 S, i64 n) {
  for (i64 i = thread_index(); i < n; i += thread_count()) {
    float sum = part[i];
    for (i64 s = 1; s < S; s++) sum += part[s * n + i];
    y[i] = sum;
  }
}
