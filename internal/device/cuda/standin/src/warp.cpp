// What a warp does together: votes, products of tiles, loads of matrices; and
// asynchronous copies.

#include "block.h"

namespace standin {

unsigned vote(unsigned mask, bool yes) {
  struct Lane {
    bool yes;
    unsigned all;
  } mine{yes, 0};
  meet(mask, "vote", &mine,
       [](void *, void **lanes) {
         unsigned all = 0;
         for (int i = 0; i < 32; i++) all |= lanes[i] && ((Lane *)lanes[i])->yes ? 1u << i : 0;
         for (int i = 0; i < 32; i++) {
           if (lanes[i]) ((Lane *)lanes[i])->all = all;
         }
       },
       nullptr);
  return mine.all;
}

// aligned stops the program where a GPU reports a misaligned address; `to` is a power of 2.
static inline void aligned(const void *at, unsigned to, const char *what, int lane) {
  if (((uintptr_t)at & (to - 1)) == 0) return;
  char text[96];
  snprintf(text, sizeof text, "%s of lane %d: %p, which is no multiple of %u", what, lane, at, to);
  stop(text);
}

void cp_async(void *shared, const void *global, int bytes, int filled) {
  const int lane = here.thread->id % 32;
  aligned(global, bytes, "cp_async's source", lane);
  aligned(shared, bytes, "cp_async's destination", lane);
  memset(shared, 0xff, bytes);
  here.thread->copies.push_back({shared, global, bytes, filled, here.thread->group});
}

void cp_commit() { here.thread->group++; }

void cp_wait(int pending) {
  std::vector<Copy> &copies = here.thread->copies;
  size_t kept = 0;
  for (const Copy &c : copies) {
    if (c.group >= here.thread->group - pending) {
      copies[kept++] = c;
      continue;
    }
    if (c.filled) memcpy(c.to, c.from, c.filled); // from may be null
    memset((char *)c.to + c.filled, 0, c.bytes - c.filled);
  }
  copies.resize(kept);
}

float half_to_float(uint16_t v) {
  const unsigned sign = (unsigned)(v & 0x8000) << 16, exponent = v >> 10 & 31, fraction = v & 1023;
  if (exponent == 0) {
    const float small = fraction * 0x1p-24f;
    return sign ? -small : small;
  }
  if (exponent == 31) return __uint_as_float(sign | 0x7f800000 | fraction << 13);
  return __uint_as_float(sign | (exponent + 112) << 23 | fraction << 13);
}

uint16_t float_to_half(float v) {
  const unsigned u = __float_as_uint(v), sign = u >> 16 & 0x8000, size = u & 0x7fffffff;
  if (size > 0x7f800000) return 0x7fff;
  if (size >= 0x477ff000) return sign | 0x7c00; // 65520 and more
  if (size < 0x38800000) {                      // below the least normal: a multiple of 2^-24
    const float scaled = __uint_as_float(size) * 0x1p24f;
    return sign | (unsigned)rintf(scaled);
  }
  const unsigned shifted = size - (112u << 23);
  return sign | (shifted + 0xfff + (shifted >> 13 & 1)) >> 13;
}

struct Fragments {
  float *d;
  const uint32_t *a, *b;
};

// product does all tiles of a warp: fragments to matrices, row times column, back.
template <float (*widen)(uint16_t)> static void product(Fragments **lanes, int rows, int columns) {
  typedef float eight __attribute__((vector_size(32)));
  static const int most = 16;
  alignas(32) float a[most][16][16], b[most][16][8];
  for (int l = 0; l < 32; l++) {
    const int g = l / 4, q = l % 4 * 2;
    for (int m = 0; m < rows; m++) {
      for (int i = 0; i < 4; i++) {
        const uint32_t pair = lanes[l]->a[m * 4 + i];
        a[m][g + i % 2 * 8][q + i / 2 * 8] = widen(pair);
        a[m][g + i % 2 * 8][q + i / 2 * 8 + 1] = widen(pair >> 16);
      }
    }
    for (int n = 0; n < columns; n++) {
      for (int i = 0; i < 2; i++) {
        const uint32_t pair = lanes[l]->b[n * 2 + i];
        b[n][q + i * 8][g] = widen(pair);
        b[n][q + i * 8 + 1][g] = widen(pair >> 16);
      }
    }
  }
  for (int m = 0; m < rows; m++) {
    for (int n = 0; n < columns; n++) {
      alignas(32) float c[16][8];
      eight column[16];
      memcpy(column, b[n], sizeof column);
      for (int i = 0; i < 16; i += 4) {
        eight sums[4] = {};
        for (int k = 0; k < 16; k++) {
#pragma GCC unroll 4 // keeps the sums in registers
          for (int r = 0; r < 4; r++) sums[r] += a[m][i + r][k] * column[k];
        }
        memcpy(c[i], sums, sizeof sums);
      }
      for (int l = 0; l < 32; l++) {
        const int g = l / 4, q = l % 4 * 2;
        float *d = lanes[l]->d + (m * columns + n) * 4;
        d[0] += c[g][q];
        d[1] += c[g][q + 1];
        d[2] += c[g + 8][q];
        d[3] += c[g + 8][q + 1];
      }
    }
  }
}

static float widen_bf16(uint16_t v) { return __uint_as_float((unsigned)v << 16); }

void mma_bf16(float *d, const uint32_t *a, const uint32_t *b, int rows, int columns) {
  Fragments mine{d, a, b};
  warp(&mine, [=](Fragments **lanes) { product<widen_bf16>(lanes, rows, columns); });
}

void mma_f16(float *d, const uint32_t *a, const uint32_t *b, int rows, int columns) {
  Fragments mine{d, a, b};
  warp(&mine, [=](Fragments **lanes) { product<half_to_float>(lanes, rows, columns); });
}

void ldmatrix(uint32_t *registers, const void *row, int count, bool transposed) {
  struct Lane {
    uint32_t *registers;
    const uint16_t *row;
  } mine{registers, (const uint16_t *)row};
  warp(&mine, [=](Lane **lanes) {
    for (int l = 0; l < 8 * count; l++) aligned(lanes[l]->row, 16, "ldmatrix's row", l);
    for (int i = 0; i < count; i++) {
      for (int l = 0; l < 32; l++) {
        const int r = l / 4, c = l % 4 * 2;
        uint32_t &pair = lanes[l]->registers[i];
        if (transposed) pair = lanes[8 * i + c]->row[r] | (uint32_t)lanes[8 * i + c + 1]->row[r] << 16;
        else memcpy(&pair, lanes[8 * i + r]->row + c, sizeof pair);
      }
    }
  });
}

} // namespace standin
