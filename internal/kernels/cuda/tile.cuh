// What matrix products are made of: tiles of two matrices in shared memory,
// copied there by cp.async while the tiles before them are multiplied, and a
// warp's product of 32 rows with 32 columns.
//
// A tile holds `rows` rows of one factor and `deep` steps of the sum, in the order
// in which the factor lies in memory: along the sum ("deep": [row][k]) or along the
// rows ([k][row]). Its pitch is 16 bytes more than it needs, so that the eight
// 16-byte pieces that ldmatrix reads at once lie in different banks.
//
// Each function that is PTX has a version for the stand-in, which compiles this
// file for the host.

// A lane's accumulators of a 32×32 product, float or mma fragments alike.
static const int lane_sums = 32;

template <class T> struct depth { static const int value = 32; };
template <> struct depth<float> { static const int value = 16; };

template <class T, int ROWS, bool ALONG_K> struct Tile {
  static const int deep = depth<T>::value;
  static const int pitch = (ALONG_K ? deep : ROWS) + 16 / sizeof(T);
  static const int size = (ALONG_K ? ROWS : deep) * pitch; // elements
  static __device__ int at(int row, int k) { return ALONG_K ? row * pitch + k : k * pitch + row; }
};

// copy_async copies 16 bytes to shared memory, or zeros where from is null.
static __device__ void copy_async(void *to, const void *from) {
#ifdef STANDIN
  standin::cp_async(to, from, 16, from ? 16 : 0);
#else
  const unsigned shared = (unsigned)__cvta_generic_to_shared(to);
  const int bytes = from ? 16 : 0; // of the 16, the rest becomes zero; nothing is read of a place that may not exist
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared), "l"(from ? from : to), "r"(bytes) : "memory");
#endif
}

// copies_end closes a group of copies; copies_wait waits for all groups but the
// newest `pending`.
static __device__ void copies_end() {
#ifdef STANDIN
  standin::cp_commit();
#else
  asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}

template <int PENDING> static __device__ void copies_wait() {
#ifdef STANDIN
  standin::cp_wait(PENDING);
#else
  asm volatile("cp.async.wait_group %0;" ::"n"(PENDING) : "memory");
#endif
}

// load_matrices gives register i of each lane its part of 8×8 matrix i, whose row
// r begins where lane 8·i + r points; TRANSPOSED gives it as if rows were columns.
template <bool TRANSPOSED> static __device__ void load_matrices(uint32_t (&to)[4], const void *row) {
#ifdef STANDIN
  standin::ldmatrix(to, row, 4, TRANSPOSED);
#else
  const unsigned shared = (unsigned)__cvta_generic_to_shared(row);
  if (TRANSPOSED)
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3]) : "r"(shared) : "memory");
  else
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3]) : "r"(shared) : "memory");
#endif
}

// multiply adds to d, for a warp, 2×4 products of tensor cores: rows 16·i… of a
// with columns 8·j… of b, over 16 steps of the sum. Fragments are those of PTX's
// mma.m16n8k16: lane l holds of d the rows l/4 and l/4 + 8, columns 2·(l%4) and
// the next.
static __device__ void multiply(bf16, float (&d)[2][4][4], const uint32_t (&a)[2][4], const uint32_t (&b)[4][2]) {
#ifdef STANDIN
  standin::mma_bf16(&d[0][0][0], &a[0][0], &b[0][0], 2, 4);
#else
#pragma unroll
  for (int i = 0; i < 2; i++)
#pragma unroll
    for (int j = 0; j < 4; j++)
      asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                   : "+f"(d[i][j][0]), "+f"(d[i][j][1]), "+f"(d[i][j][2]), "+f"(d[i][j][3])
                   : "r"(a[i][0]), "r"(a[i][1]), "r"(a[i][2]), "r"(a[i][3]), "r"(b[j][0]), "r"(b[j][1]));
#endif
}

static __device__ void multiply(f16, float (&d)[2][4][4], const uint32_t (&a)[2][4], const uint32_t (&b)[4][2]) {
#ifdef STANDIN
  standin::mma_f16(&d[0][0][0], &a[0][0], &b[0][0], 2, 4);
#else
#pragma unroll
  for (int i = 0; i < 2; i++)
#pragma unroll
    for (int j = 0; j < 4; j++)
      asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                   : "+f"(d[i][j][0]), "+f"(d[i][j][1]), "+f"(d[i][j][2]), "+f"(d[i][j][3])
                   : "r"(a[i][0]), "r"(a[i][1]), "r"(a[i][2]), "r"(a[i][3]), "r"(b[j][0]), "r"(b[j][1]));
#endif
}

// A WarpSum is a warp's 32×32 sums of T·T, spread over its lanes.
template <class T> struct WarpSum {
  float d[2][4][4]; // [16 rows][8 columns][fragment]

  __device__ void clear() {
#pragma unroll
    for (int i = 0; i < lane_sums; i++) (&d[0][0][0])[i] = 0;
  }

  // add goes through tiles a and b, of which the warp has 32 rows each from row m
  // and n.
  template <class A, class B, bool A_ALONG_K, bool B_ALONG_K>
  __device__ void add(const T *a, const T *b, int m, int n) {
    const int lane = threadIdx.x % 32, piece = lane / 8, line = lane % 8;
#pragma unroll
    for (int k = 0; k < depth<T>::value; k += 16) {
      uint32_t left[2][4], right[4][2];
#pragma unroll
      for (int i = 0; i < 2; i++) { // pieces: rows 0 and 8 of k, then of k + 8
        const int row = m + 16 * i + piece % 2 * 8, step = k + piece / 2 * 8;
        load_matrices<!A_ALONG_K>(left[i], a + (A_ALONG_K ? A::at(row + line, step) : A::at(row, step + line)));
      }
#pragma unroll
      for (int j = 0; j < 4; j += 2) { // pieces: k and k + 8 of columns 0, then of columns 8
        const int row = n + 8 * j + piece / 2 * 8, step = k + piece % 2 * 8;
        uint32_t got[4];
        load_matrices<!B_ALONG_K>(got, b + (B_ALONG_K ? B::at(row + line, step) : B::at(row, step + line)));
        right[j][0] = got[0], right[j][1] = got[1];
        right[j + 1][0] = got[2], right[j + 1][1] = got[3];
      }
      multiply(T(), d, left, right);
    }
  }

  // put stores the sums at to[row·pitch + column].
  __device__ void put(float *to, int pitch) const {
    const int lane = threadIdx.x % 32;
#pragma unroll
    for (int i = 0; i < 2; i++)
#pragma unroll
      for (int j = 0; j < 4; j++)
#pragma unroll
        for (int e = 0; e < 4; e++)
          to[(16 * i + lane / 4 + e / 2 * 8) * pitch + 8 * j + lane % 4 * 2 + e % 2] = d[i][j][e];
  }
};

// In float a lane has 8 rows, 4 apart, and 4 columns, 8 apart: the lanes of a warp
// read 4 rows and 8 columns at once, none of them from the same bank. Each sum is
// a chain of fmaf with k ascending.
template <> struct WarpSum<float> {
  float d[8][4];

  __device__ void clear() {
#pragma unroll
    for (int i = 0; i < lane_sums; i++) (&d[0][0])[i] = 0;
  }

  template <class A, class B, bool A_ALONG_K, bool B_ALONG_K>
  __device__ void add(const float *a, const float *b, int m, int n) {
    const int lane = threadIdx.x % 32;
    m += lane / 8, n += lane % 8;
#pragma unroll
    for (int k = 0; k < depth<float>::value; k++) {
      float left[8], right[4];
#pragma unroll
      for (int i = 0; i < 8; i++) left[i] = a[A::at(m + 4 * i, k)];
#pragma unroll
      for (int j = 0; j < 4; j++) right[j] = b[B::at(n + 8 * j, k)];
#pragma unroll
      for (int i = 0; i < 8; i++)
#pragma unroll
        for (int j = 0; j < 4; j++) d[i][j] = fmaf(left[i], right[j], d[i][j]);
    }
  }

  __device__ void put(float *to, int pitch) const {
    const int lane = threadIdx.x % 32;
#pragma unroll
    for (int i = 0; i < 8; i++)
#pragma unroll
      for (int j = 0; j < 4; j++) to[(lane / 8 + 4 * i) * pitch + lane % 8 + 8 * j] = d[i][j];
  }
};
