// The header that cgo finds as <cuda.h>: the toolkit's, and after it the entry
// points as gorgonia.org/cu calls them. CUDA 13 maps five names to newer entry
// points with other parameters; the driver has the old ones still.
#ifndef IMGCLS_CUDA_H
#define IMGCLS_CUDA_H
#include_next <cuda.h>
#if CUDA_VERSION >= 13000
#undef cuCtxCreate
#undef cuMemAdvise
#undef cuMemPrefetchAsync
#undef cuGraphAddDependencies
#undef cuGraphGetEdges
#define cuCtxCreate cuCtxCreate_v2
extern CUresult cuCtxCreate_v2(CUcontext *, unsigned int, CUdevice);
extern CUresult cuMemAdvise(CUdeviceptr, size_t, CUmem_advise, CUdevice);
extern CUresult cuMemPrefetchAsync(CUdeviceptr, size_t, CUdevice, CUstream);
extern CUresult cuGraphAddDependencies(CUgraph, const CUgraphNode *, const CUgraphNode *, size_t);
extern CUresult cuGraphGetEdges(CUgraph, CUgraphNode *, CUgraphNode *, size_t *);
#endif
#endif
