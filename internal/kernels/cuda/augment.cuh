// What is done to training pictures at random, in whole numbers.

// A policy is package augment's, as words. The words of a blank pixel follow it.
struct policy {
  i64 seed, crop, reflect, flip, jitters, cutout;
  i64 least[3], count[3]; // factors of brightness, contrast and saturation, in 65536ths
  i64 flip_stream, crop_stream, jitter_stream, cutout_stream;
  i64 blank[1];
};

// A draw is what becomes of one picture.
struct draw {
  i64 flip, top, left, factor[3], order[3], cut_top, cut_left;
};

// drawn returns the draw of a sample in an epoch, that of augment.Policy.Draw.
static __device__ draw drawn(const policy *p, i64 epoch, i64 sample, i64 H, i64 W) {
  draw d = {0, 0, 0, {65536, 65536, 65536}, {0, 1, 2}, 0, 0};
  const i64 index = epoch << 32 | sample;
  if (p->flip == 1) d.flip = random_at(p->seed, p->flip_stream, index).words[0] & 1;
  if (p->flip == 2) d.flip = (random_at(p->seed, p->flip_stream, sample).words[0] + epoch) & 1;
  if (p->crop) {
    const random_block r = random_at(p->seed, p->crop_stream, index);
    d.top = random_below(r.words[0], 2 * p->crop + 1);
    d.left = random_below(r.words[1], 2 * p->crop + 1);
  }
  if (p->jitters) {
    const random_block r = random_at(p->seed, p->jitter_stream, index);
    for (int i = 0; i < 3; i++) d.factor[i] = p->least[i] + random_below(r.words[i], p->count[i]);
    const i64 order = random_below(r.words[3], 6), first = order / 2;
    d.order[0] = first;
    d.order[1] = (first + 1 + order % 2) % 3;
    d.order[2] = (first + 2 - order % 2) % 3;
  }
  if (p->cutout) {
    const random_block r = random_at(p->seed, p->cutout_stream, index);
    d.cut_top = random_below(r.words[0], H) - p->cutout / 2;
    d.cut_left = random_below(r.words[1], W) - p->cutout / 2;
  }
  return d;
}

static __device__ i64 mirrored(i64 i, i64 n) {
  if (i < 0) i = -i;
  return i < n ? i : 2 * (n - 1) - i;
}

static __device__ i64 grey(const u8 *pixel, i64 C) {
  if (C == 3) return (2989 * (i64)pixel[0] + 5870 * (i64)pixel[1] + 1140 * (i64)pixel[2]) / 10000;
  i64 sum = 0;
  for (i64 c = 0; c < C; c++) sum += pixel[c];
  return sum;
}

static __device__ u8 clamped(i64 v) { return (u8)(v < 0 ? 0 : v > 255 ? 255 : v); }

// jitter_picture changes brightness (0), contrast (1) or saturation (2) of y by f/65536,
// by all threads of a block. Of contrast, each thread leaves its sum of grey in sums.
static __device__ void jitter_picture(u8 *y, i64 kind, i64 f, i64 places, i64 C, i64 *sums) {
  if (f == 65536 || (kind == 2 && C != 3)) return; // all threads do
  const i64 rest = 65536 - f, n = C == 3 ? places : places * C;
  i64 sum = 0;
  if (kind == 1) {
    for (i64 i = threadIdx.x; i < places; i += blockDim.x) sum += grey(y + i * C, C);
    sums[threadIdx.x] = sum;
    __syncthreads();
    sum = 0;
    for (i64 i = 0; i < blockDim.x; i++) sum += sums[i];
  }
  for (i64 i = threadIdx.x; i < places; i += blockDim.x) {
    u8 *pixel = y + i * C;
    const i64 g = kind == 2 ? rest * grey(pixel, C) : 0;
    for (i64 c = 0; c < C; c++) {
      const i64 v = f * pixel[c];
      pixel[c] = clamped(kind == 1 ? (v * n + rest * sum) / (65536 * n) : (v + g) >> 16);
    }
  }
  __syncthreads(); // sums and pixels are the next kind's
}

// augment_u8: of each picture x what policy and the draw of its sample make, y.
//
//   y       u8  [N,H,W,C]
//   x       u8  [N,H,W,C]
//   p       a policy, and C words of a blank pixel
//   order   i32 [K]     samples, not negative
//   cursor  i64 [1]     0 … K−N
//   epoch   i64 [1]     0 … 2³¹
//
// Work     one block per picture (N blocks); 256 threads, one pixel at a time
// Shared   2136 bytes  Registers  in resources.txt, checked by the build
// Traffic  x once in, y once out; what jitters goes over y from cache
// Bound    memory, where nothing jitters; not yet run on a GPU
// Exact    yes, equal to kernels/ref/augment.go
extern "C" __global__ void __launch_bounds__(256) augment_u8(u8 *y, const u8 *x, const policy *p, const i32 *order, const i64 *cursor,
                                                             const i64 *epoch, i64 H, i64 W, i64 C) {
  __shared__ draw d;
  __shared__ i64 sums[256];
  if (threadIdx.x == 0) d = drawn(p, *epoch, order[*cursor + blockIdx.x], H, W);
  __syncthreads();
  y += blockIdx.x * H * W * C;
  x += blockIdx.x * H * W * C;
  for (i64 i = threadIdx.x; i < H * W; i += blockDim.x) {
    const i64 h = i / W, w = i % W;
    i64 r = h + d.top - p->crop, s = (d.flip ? W - 1 - w : w) + d.left - p->crop;
    if (p->reflect) {
      r = mirrored(r, H);
      s = mirrored(s, W);
    }
    const bool within = r >= 0 && r < H && s >= 0 && s < W;
    for (i64 c = 0; c < C; c++) y[i * C + c] = within ? x[(r * W + s) * C + c] : 0;
  }
  if (p->jitters) {
    __syncthreads();
    for (int i = 0; i < 3; i++) jitter_picture(y, d.order[i], d.factor[d.order[i]], H * W, C, sums);
  }
  for (i64 i = threadIdx.x; i < H * W; i += blockDim.x) { // pixels that this thread has made itself
    const i64 h = i / W - d.cut_top, w = i % W - d.cut_left;
    if (h < 0 || h >= p->cutout || w < 0 || w >= p->cutout) continue;
    for (i64 c = 0; c < C; c++) y[i * C + c] = (u8)p->blank[c];
  }
}

// A mixer is package augment's, as words: of a kind that is not asked for there are no
// quantiles. Shares and then halves follow it.
struct mixer {
  i64 seed, mix_stream, box_stream;
  i64 shares, halves;
  i64 quantiles[1];
};

// A mixture says how a picture is mixed with another of its batch.
struct mixture {
  i64 partner, share, top, left, bottom, right;
  float weight;
};

// mixed returns the mixture of a sample in an epoch and a batch of N, that of
// augment.Mixer.Draw.
static __device__ mixture mixed(const mixer *m, i64 epoch, i64 sample, i64 N, i64 H, i64 W) {
  const i64 index = epoch << 32 | sample;
  const random_block r = random_at(m->seed, m->mix_stream, index);
  mixture x = {random_below(r.words[0], N), 65536, 0, 0, 0, 0, 0};
  const bool cuts = m->halves && (!m->shares || r.words[2] & 1);
  if (!cuts) {
    x.share = m->quantiles[random_below(r.words[1], m->shares)];
    x.weight = (float)x.share / 65536;
    return x;
  }
  const i64 *half = m->quantiles + m->shares + 2 * random_below(r.words[1], m->halves);
  const random_block box = random_at(m->seed, m->box_stream, index);
  const i64 row = random_below(box.words[0], H), col = random_below(box.words[1], W);
  x.top = row > half[0] ? row - half[0] : 0;
  x.left = col > half[1] ? col - half[1] : 0;
  x.bottom = row + half[0] < H ? row + half[0] : H;
  x.right = col + half[1] < W ? col + half[1] : W;
  x.weight = (float)(H * W - (x.bottom - x.top) * (x.right - x.left)) / (float)(H * W);
  return x;
}

// mix_u8: each picture mixed with its partner in the batch, and what that one's class is.
//
//   y       u8  [N,H,W,C]   may be null
//   u       i32 [N]         the partners' classes; may be null
//   w       f32 [N]         the weights of t; may be null
//   x       u8  [N,H,W,C]
//   t       i32 [N]
//   m       a mixer, with S shares and 2 S' halves
//   order   i32 [K]         samples, not negative
//   cursor  i64 [1]         0 … K−N
//   epoch   i64 [1]         0 … 2³¹
//
// Work     one block per picture (N blocks); 256 threads, one pixel at a time
// Shared   52 bytes    Registers  in resources.txt, checked by the build
// Traffic  x twice in, y once out
// Bound    memory; not yet run on a GPU
// Exact    yes, equal to kernels/ref/mix.go
extern "C" __global__ void __launch_bounds__(256) mix_u8(u8 *y, i32 *u, float *w, const u8 *x, const i32 *t, const mixer *m, const i32 *order,
                                                         const i64 *cursor, const i64 *epoch, i64 N, i64 H, i64 W, i64 C) {
  __shared__ mixture d;
  const i64 n = blockIdx.x;
  if (threadIdx.x == 0) {
    d = mixed(m, *epoch, order[*cursor + n], N, H, W);
    if (u) u[n] = t[d.partner];
    if (w) w[n] = d.weight;
  }
  __syncthreads();
  if (!y) return;
  const u8 *own = x + n * H * W * C, *other = x + d.partner * H * W * C;
  y += n * H * W * C;
  for (i64 i = threadIdx.x; i < H * W; i += blockDim.x) {
    const i64 row = i / W, col = i % W;
    const bool cut = row >= d.top && row < d.bottom && col >= d.left && col < d.right;
    const u32 share = cut ? 0 : (u32)d.share;
    for (i64 c = i * C; c < (i + 1) * C; c++) y[c] = (u8)((own[c] * share + other[c] * (65536 - share) + 32768) >> 16);
  }
}
