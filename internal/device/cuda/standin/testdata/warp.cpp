// What a warp does together, beside plain loops.

#include "scenario.h"

#include <math.h>

// The value of a bf16 or f16, by its definition.
static float value(uint16_t v, int fraction) {
  const int exponents = (1 << (15 - fraction)) - 1, exponent = v >> fraction & exponents, rest = v & ((1 << fraction) - 1);
  const float size = exponent == 0 ? ldexpf(rest, 1 - exponents / 2 - fraction)
                                   : ldexpf(rest | 1 << fraction, exponent - exponents / 2 - fraction);
  return v >> 15 ? -size : size;
}

static uint64_t seed = 1;
static unsigned draw() { return (seed = seed * 6364136223846793005 + 1442695040888963407) >> 40; }

template <class T> static CUdeviceptr upload(const std::vector<T> &x) {
  const auto p = room(x.size() * sizeof(T));
  MUST(cuMemcpyHtoD_v2(p, x.data(), x.size() * sizeof(T)));
  return p;
}

// Sums of products of small numbers, subnormal ones among them: exact in float up
// to an error of the sum's order.
static void product(const char *name, int fraction, unsigned exponents, unsigned least) {
  double worst = 0;
  for (int turn = 0; turn < 20; turn++) {
    std::vector<uint16_t> a(16 * 16), b(16 * 8);
    std::vector<float> d(16 * 8);
    for (auto *x : {&a, &b}) {
      for (auto &v : *x) v = draw() % 2 << 15 | (least + draw() % exponents) << fraction | draw() % (1 << fraction);
    }
    for (auto &v : d) v = draw() % 1000 / 100.f - 5;
    const auto y = upload(d);
    MUST(launch(name, 32, nullptr, y, upload(a), upload(b)));
    const auto got = read<float>(y, d.size());
    for (int i = 0; i < 16; i++) {
      for (int j = 0; j < 8; j++) {
        double want = d[i * 8 + j], size = fabs(want);
        for (int k = 0; k < 16; k++) {
          const double term = (double)value(a[i * 16 + k], fraction) * value(b[k * 8 + j], fraction);
          want += term, size += fabs(term);
        }
        worst = fmax(worst, fabs(got[i * 8 + j] - want) / size);
      }
    }
  }
  printf(worst < 17 * 0x1p-24 ? "as the loop\n" : "off by %g of the terms\n", worst);
}
static Scenario bf16("product_bf16", [] { product("product_bf16", 7, 8, 122); });
static Scenario f16("product_f16", [] { product("product_f16", 10, 18, 0); });

static void matrices(int64_t transposed) {
  std::vector<uint16_t> x(4 * 64);
  for (auto &v : x) v = draw();
  const auto y = room(32 * 4 * 4);
  MUST(launch("load_matrix", 32, nullptr, y, upload(x), transposed));
  const auto got = read<uint16_t>(y, 32 * 4 * 2);
  int wrong = 0;
  for (int lane = 0; lane < 32; lane++) {
    for (int m = 0; m < 4; m++) {
      for (int e = 0; e < 2; e++) { // lane 4·r + c has of row r the columns 2·c and the next
        const int row = lane / 4, column = lane % 4 * 2 + e;
        wrong += got[(lane * 4 + m) * 2 + e] != x[m * 64 + (transposed ? column * 8 + row : row * 8 + column)];
      }
    }
  }
  printf("%d wrong\n", wrong);
}
static Scenario plain("ldmatrix", [] { matrices(0); });
static Scenario transposed("ldmatrix_transposed", [] { matrices(1); });

static Scenario exchanged("exchange", [] {
  const auto y = room(7 * 32 * 4);
  MUST(launch("exchange", 32, nullptr, y));
  const auto got = read<int>(y, 7 * 32);
  int wrong[7] = {};
  for (int l = 0; l < 32; l++) {
    const int half = l / 16 * 16, want[7] = {
        100 + (l ^ 5),
        100 + (l % 16 + 3 < 16 ? l + 3 : l),
        100 + (l % 16 >= 3 ? l - 3 : l),
        100 + half + 21 % 16,
        0x49249249, // every third lane
        2,
        (int)(l < 8 ? 0xaau : 0xaaaaaa00u),
    };
    for (int i = 0; i < 7; i++) wrong[i] += got[i * 32 + l] != want[i];
  }
  printf("wrong: xor %d, down %d, up %d, from %d, ballot %d, any and all %d, halves %d\n", wrong[0], wrong[1], wrong[2], wrong[3],
         wrong[4], wrong[5], wrong[6]);
});

static Scenario rest("ballot_of_rest", [] {
  const auto y = room(32 * 4);
  MUST(launch("ballot_of_rest", 32, nullptr, y));
  for (int l : {0, 30}) printf("%08x\n", read<uint32_t>(y, 32)[l]);
});
