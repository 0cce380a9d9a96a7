// The kernels of imgcls for NVIDIA GPUs: this one translation unit, which
// includes one file for each family of operations.
//
// Vocabulary, that of internal/graph:
//
//   N H W C       images: number, height, width, channels, in this memory order
//   P Q           height and width of an output
//   M             rows of a matrix
//   x y           input, output
//   dx dy         their gradients
//   n             a number of elements, or the picture at hand
//   T             tensors that one launch goes through, a row of a table for each
//
// Table of contents:
//
//   number.cuh    numbers of 16 bits; loops over elements
//   random.cuh    random numbers as a function of where they are used
//   reduce.cuh    sums over the threads of a warp and of a block
//   act.cuh       act_relu_T  act_relu_back_T  act_relu6_T  act_relu6_back_T
//                 act_gelu_T  act_gelu_back_T  act_silu_T  act_silu_back_T
//   add.cuh       add_T  channel_sum_T
//   augment.cuh   augment_u8  mix_u8
//   batchnorm.cuh batchnorm_part_T  batchnorm_stats_f32  batchnorm_scale_f32  batchnorm_T
//                 batchnorm_back_part_T  batchnorm_back_sums_f32  batchnorm_back_T
//                 batchnorm_track_f32
//   cast.cuh      cast_X_Y
//   clip.cuh      clip_part_f32  clip_f32
//   conv.cuh      conv_fwd_B_T  conv_back_data_B_T  conv_back_filter_B_T
//   depthwise.cuh depthwise_fwd_T  depthwise_back_data_T  depthwise_back_filter_T
//   dropout.cuh   dropout_T
//   gather.cuh    gather_u8  normalize_T
//   gemm.cuh      the product behind conv and matmul; sum_parts_f32
//   matmul.cuh    matmul_{nt,nn,tn,any}_B_T
//   muon.cuh      muon_direction_f32  muon_unit_f32  muon_quintic_f32  muon_squares_f32
//                 muon_moved_f32  assign_f32
//   optim.cuh     sgd_part_f32  sgd_f32  adamw_part_f32  adamw_f32
//   pool.cuh      pool_max_T  pool_max_back_T  pool_avg_T  pool_avg_back_T
//   step.cuh      gate_part_f32  gate_all_i32  record_f32  tick_f32  rescale_f32
//   tile.cuh      tiles in shared memory, and a warp's product of them
//   xent.cuh      xent_f32  xent_softmax_f32  xent_soft_f32  xent_mean_f32
//
// A name that ends in T stands for three kernels, of f32, bf16 and f16;
// B is the shape of a block: 128x64, 64x32, any_128x64 or any_64x32.
//
// What holds for all of them:
//
// A parameter is a pointer to device memory or an i64, so each is one 8-byte
// word. Outputs come first; they share no memory with inputs. Kernels trust
// their caller: what they need is in the header above each.
//
// A product and the sum that it goes into round separately (-fmad=false), as
// they do in kernels/ref and kernels/cpu; a kernel that wants one rounding says
// fmaf. There are no atomics. A sum has one order, which follows from shapes
// and launch alone: the same bits on every run.
//
// __launch_bounds__(256, 4) lets ptxas take 64 registers where it would keep to 32 and
// spill.
//
// "Bound" in a header names the resource that should limit the kernel, judged by
// its traffic and arithmetic.

#include <math.h>
#include <stdint.h>
#include <string.h>

typedef int64_t i64; // sizes, counters, and places in memory
typedef int32_t i32; // coordinates inside one picture; may be negative in padding
typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

// A grid-stride loop runs from thread_index() by thread_count(), so that it is
// right for any number of blocks.
static __device__ i64 thread_index() { return (i64)blockIdx.x * blockDim.x + threadIdx.x; }
static __device__ i64 thread_count() { return (i64)gridDim.x * blockDim.x; }

#include "internal/kernels/cuda/number.cuh"
#include "internal/kernels/cuda/random.cuh"
#include "internal/kernels/cuda/reduce.cuh"

#include "internal/kernels/cuda/act.cuh"
#include "internal/kernels/cuda/add.cuh"
#include "internal/kernels/cuda/augment.cuh"
#include "internal/kernels/cuda/batchnorm.cuh"
#include "internal/kernels/cuda/cast.cuh"
#include "internal/kernels/cuda/dropout.cuh"
#include "internal/kernels/cuda/gather.cuh"
#include "internal/kernels/cuda/pool.cuh"
#include "internal/kernels/cuda/step.cuh"
#include "internal/kernels/cuda/clip.cuh"
#include "internal/kernels/cuda/optim.cuh"
#include "internal/kernels/cuda/muon.cuh"
#include "internal/kernels/cuda/xent.cuh"

#include "internal/kernels/cuda/tile.cuh"
#include "internal/kernels/cuda/gemm.cuh"
#include "internal/kernels/cuda/matmul.cuh"
#include "internal/kernels/cuda/conv.cuh"
#include "internal/kernels/cuda/depthwise.cuh"
