package device

import (
	"fmt"
	"strconv"

	"imgcls/internal/fault"
	"imgcls/internal/plan"
)

// A Meter is a Device that knows its memory.
type Meter interface {
	// Free returns the bytes that a program may still take, and all that there are.
	Free() (bytes, total int, known bool)
	// Needs returns the bytes that Compile takes for m. Kernels may take a little
	// more beside it, which Compile refuses if need be.
	Needs(m *plan.Module) int
}

// A Room is what a plan takes of a device's memory, and what there is of it, in
// bytes.
type Room struct {
	Need, Free, Total int
	Known             bool // whether Free and Total are
}

// RoomFor returns the room for m on dev.
func RoomFor(dev Device, m *plan.Module) Room {
	r := Room{Need: m.Arena}
	if meter, ok := dev.(Meter); ok {
		r.Need = meter.Needs(m)
		r.Free, r.Total, r.Known = meter.Free()
	}
	return r
}

func (r Room) fits() bool { return !r.Known || r.Need <= r.Free }

// A Batch is how many pictures the steps of a plan take, and the same plan for less memory.
type Batch struct {
	Size    int
	Planned func(size int) (*plan.Module, error)
	// Accum, greater than now, are the numbers of micro-batches in which a step can go
	// through the batch, and InParts plans for one of them.
	Accum   []int
	InParts func(accum int) (*plan.Module, error)
}

// Compile is dev.Compile for a plan of a batch. What does not fit into the memory is an
// error of kind Room that says what is needed and what there is, and names the largest
// batch that fits, and the fewest micro-batches that do.
func Compile(dev Device, m *plan.Module, batch Batch) (Program, error) {
	if room := RoomFor(dev, m); !room.fits() {
		return nil, room.refuse(dev, batch, nil)
	}
	prog, err := dev.Compile(m)
	if fault.KindOf(err) == fault.Room {
		return nil, RoomFor(dev, m).refuse(dev, batch, err) // others may have taken some of it
	}
	return prog, err
}

// refuse is the error of a plan that does not fit, be it by its size or by what
// the device says.
func (r Room) refuse(dev Device, batch Batch, cause error) error {
	const orElse = ", or end other programs that hold memory (nvidia-smi lists those of a GPU)"
	do := "use a smaller --batch-size" + orElse
	if !r.fits() {
		do = "use a smaller --img-size or fewer pictures: a batch of 1 does not fit either"
		if most := r.largest(dev, batch); most > 0 {
			do = "use --batch-size " + strconv.Itoa(most) + " or less, the largest that fits" + r.inParts(dev, batch) + orElse
		}
	}
	e := fault.New(fault.Room, "memory", "", do, "a batch of %d needs %s bytes", batch.Size, fault.Grouped(int64(r.Need)))
	if r.Known {
		e.Why += ", " + fault.Grouped(int64(r.Free)) + " of " + fault.Grouped(int64(r.Total)) + " are free"
	}
	switch cause := cause.(type) {
	case nil:
	case *fault.Error: // what to do is said here
		e.Why, e.Err = e.Why+": "+cause.Why, cause
	default:
		e.Why, e.Err = e.Why+": "+cause.Error(), cause
	}
	return e
}

// largest returns the largest batch below one that does not fit, and 0 if none does.
func (r Room) largest(dev Device, batch Batch) int {
	most, above := 0, batch.Size
	for above-most > 1 {
		middle := (most + above) / 2
		if m, err := batch.Planned(middle); err == nil && dev.(Meter).Needs(m) <= r.Free {
			most = middle
		} else {
			above = middle
		}
	}
	return most
}

// inParts names the fewest micro-batches that fit, if any do.
func (r Room) inParts(dev Device, batch Batch) string {
	for _, accum := range batch.Accum {
		if m, err := batch.InParts(accum); err == nil && dev.(Meter).Needs(m) <= r.Free {
			return fmt.Sprintf(", or --grad-accum %d (the batch stays %d; batch norm sees %d)", accum, batch.Size, batch.Size/accum)
		}
	}
	return ""
}
