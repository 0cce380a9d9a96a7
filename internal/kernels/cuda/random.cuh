// Random numbers, those of package rng: the same bits on every device.

// Four words of Philox4x32 with ten rounds.
struct random_block {
  u32 words[4];
};

// random_at returns the words of rng.Block(seed, stream, index).
static __device__ random_block random_at(i64 seed, i64 stream, i64 index) {
  u32 k0 = (u32)seed, k1 = (u32)(seed >> 32);
  u32 c0 = (u32)index, c1 = (u32)(index >> 32), c2 = (u32)stream, c3 = (u32)(stream >> 32);
  for (int round = 0; round < 10; round++) {
    const u64 p0 = (u64)0xD2511F53 * c0, p1 = (u64)0xCD9E8D57 * c2;
    c0 = (u32)(p1 >> 32) ^ c1 ^ k0;
    c1 = (u32)p1;
    c2 = (u32)(p0 >> 32) ^ c3 ^ k1;
    c3 = (u32)p0;
    k0 += 0x9E3779B9;
    k1 += 0xBB67AE85;
  }
  return {{c0, c1, c2, c3}};
}

// random_below scales a word to 0 … n−1, as package augment does.
static __device__ i64 random_below(u32 word, i64 n) { return (i64)((u64)word * (u64)n >> 32); }
