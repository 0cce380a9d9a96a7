package ref

import (
	"imgcls/internal/device"
	"imgcls/internal/graph"
	"imgcls/internal/half"
)

// A memory holds the elements of one tensor: one of the slices has its length,
// the others are nil.
type memory struct {
	real []float64
	u8   []uint8
	i32  []int32
	i64  []int64
	typ  graph.DType
}

func allocate(t graph.Tensor) memory {
	n := t.Len()
	switch t.Type {
	case graph.U8:
		return memory{u8: make([]uint8, n)}
	case graph.I32:
		return memory{i32: make([]int32, n)}
	case graph.I64:
		return memory{i64: make([]int64, n)}
	}
	return memory{real: make([]float64, n), typ: t.Type}
}

// last returns the last n elements.
func (x memory) last(n int) memory {
	return memory{real: last(x.real, n), u8: last(x.u8, n), i32: last(x.i32, n), i64: last(x.i64, n), typ: x.typ}
}

func last[T any](x []T, n int) []T { return x[max(0, len(x)-n):] }

// set converts the elements of a tensor as the host holds them.
func (x memory) set(src []byte) {
	copy(x.u8, src)
	copy(device.Bytes(x.i32), src)
	copy(device.Bytes(x.i64), src)
	if x.typ.Size() == 2 {
		for i := range x.real {
			x.real[i] = widen(x.typ, uint16(src[2*i])|uint16(src[2*i+1])<<8)
		}
		return
	}
	f := make([]float32, len(x.real)) // src may not be aligned
	copy(device.Bytes(f), src)
	for i, v := range f {
		x.real[i] = float64(v)
	}
}

// get converts back; real numbers are rounded to their type.
func (x memory) get(dst []byte) {
	copy(dst, x.u8)
	copy(dst, device.Bytes(x.i32))
	copy(dst, device.Bytes(x.i64))
	if x.typ.Size() == 2 {
		for i, v := range x.real {
			bits := narrow(x.typ, v)
			dst[2*i], dst[2*i+1] = byte(bits), byte(bits>>8)
		}
		return
	}
	f := make([]float32, len(x.real))
	for i, v := range x.real {
		f[i] = float32(v)
	}
	copy(dst, device.Bytes(f))
}

// narrow returns v as a number of 16 bits, little-endian as every host is that
// this runs on.
func narrow(t graph.DType, v float64) uint16 {
	if t == graph.BF16 {
		return half.ToBF16(float32(v))
	}
	return half.ToF16(float32(v))
}

func widen(t graph.DType, bits uint16) float64 {
	if t == graph.BF16 {
		return float64(half.FromBF16(bits))
	}
	return float64(half.FromF16(bits))
}

// round rounds numbers that are stored in 16 bits.
func (x memory) round() {
	if x.typ.Size() != 2 {
		return
	}
	for i, v := range x.real {
		x.real[i] = widen(x.typ, narrow(x.typ, v))
	}
}

// A ring holds the slots that the host has fed and no step has read yet.
type ring struct {
	slots      [][]byte
	fed, taken int // slots ever fed, and ever taken by steps
}

func newRing(t graph.Tensor) *ring {
	r := &ring{slots: make([][]byte, t.Slots)}
	for i := range r.slots {
		r.slots[i] = make([]byte, t.Bytes())
	}
	return r
}

// feed returns the next slot for the host to fill, or nil when all are waiting
// for steps.
func (r *ring) feed() []byte {
	if r.fed-r.taken == len(r.slots) {
		return nil
	}
	slot := r.slots[r.fed%len(r.slots)]
	r.fed++
	return slot
}

// take returns the slot that has waited longest.
func (r *ring) take() []byte {
	slot := r.slots[r.taken%len(r.slots)]
	r.taken++
	return slot
}
