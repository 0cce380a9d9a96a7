package device

import (
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

// Compile is dev.Compile for a plan of so many pictures a step, which planned makes
// for other numbers too. What does not fit into the memory is an error of kind Room
// that says what is needed and what there is, and names the largest batch that fits.
func Compile(dev Device, m *plan.Module, batch int, planned func(batch int) (*plan.Module, error)) (Program, error) {
	if room := RoomFor(dev, m); !room.fits() {
		return nil, room.refuse(dev, batch, planned, nil)
	}
	prog, err := dev.Compile(m)
	if fault.KindOf(err) == fault.Room {
		return nil, RoomFor(dev, m).refuse(dev, batch, planned, err) // others may have taken some of it
	}
	return prog, err
}

// refuse is the error of a plan that does not fit, be it by its size or by what
// the device says.
func (r Room) refuse(dev Device, batch int, planned func(batch int) (*plan.Module, error), cause error) error {
	const orElse = ", or end other programs that hold memory (nvidia-smi lists those of a GPU)"
	do := "use a smaller --batch-size" + orElse
	if !r.fits() {
		do = "use a smaller --img-size or fewer pictures: a batch of 1 does not fit either"
		if most := r.largest(dev, batch, planned); most > 0 {
			do = "use --batch-size " + strconv.Itoa(most) + " or less, the largest that fits" + orElse
		}
	}
	e := fault.New(fault.Room, "memory", "", do, "a batch of %d needs %s bytes", batch, fault.Grouped(int64(r.Need)))
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
func (r Room) largest(dev Device, batch int, planned func(batch int) (*plan.Module, error)) int {
	most, above := 0, batch
	for above-most > 1 {
		middle := (most + above) / 2
		if m, err := planned(middle); err == nil && dev.(Meter).Needs(m) <= r.Free {
			most = middle
		} else {
			above = middle
		}
	}
	return most
}
