// Package driver lets the program start where there is no NVIDIA driver, and has
// the driver calls that gorgonia.org/cu lacks.
//
// It defines every driver call itself (symbols.h lists them): each jumps through
// a slot, and the slot's first value finds the call in libcuda.so.1, which is
// opened then, at the first call of all. So the binary does not ask the system
// for libcuda.so.1, and nothing opens the driver on a run that has no use for it.
// A call that the driver lacks returns CUDA_ERROR_NOT_FOUND; without a driver all
// return CUDA_ERROR_NO_DEVICE.
//
// cu calls cuInit when the program starts and ends the process where that fails.
// So cuInit here does nothing, and Init makes the real call: it comes before
// anything of cu.
//
// The code has the build tag cuda. stub/libcuda.a, an empty archive, is what the
// linker takes for cu's -lcuda; include/cuda.h stands before the toolkit's.
package driver
