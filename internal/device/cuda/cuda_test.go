//go:build cuda && linux && cgo

package cuda

import (
	"os"
	"os/exec"
	"slices"
	"testing"

	"gorgonia.org/cu"

	"imgcls/internal/device"
	"imgcls/internal/device/devicetest"
	kernel "imgcls/internal/kernels/cuda"
	"imgcls/internal/plan"
)

// open opens the device that tests run on: a GPU, or the stand-in that
// IMGCLS_LIBCUDA names. IMGCLS_REQUIRE=standin makes a failure of having none.
func open(t *testing.T, o Options) device.Device {
	dev, err := o.New(0)
	if err != nil {
		if os.Getenv("IMGCLS_LIBCUDA") != "" {
			t.Fatal(err)
		}
		t.Log(err)
		devicetest.Require(t, "standin")
	}
	t.Cleanup(func() {
		if err := dev.Close(); err != nil {
			t.Error(err)
		}
	})
	return dev
}

// TestConformanceApart is TestConformance with each piece of a node's room apart and
// filled with NaNs, and guards around it. On the stand-in it is besides in another
// process, where blocks, threads, streams and graphs have another order.
func TestConformanceApart(t *testing.T) {
	if os.Getenv("IMGCLS_LIBCUDA") != "" && os.Getenv("STANDIN_SHUFFLE") == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestConformanceApart$", "-test.timeout=30m")
		cmd.Env = append(os.Environ(), "STANDIN_SHUFFLE=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("STANDIN_SHUFFLE=1: %v\n%s", err, out)
		}
		return
	}
	g := open(t, Options{}).(*gpu)
	g.apart = plan.Align
	a := &apart{gpu: g, t: t}
	devicetest.Run(t, a)
	if a.pieces == 0 {
		t.Error("no node took room")
	}
}

// An apart is a GPU whose programs look at the guards of their room as they close.
type apart struct {
	*gpu
	t      *testing.T
	pieces int
}

type apartProgram struct {
	*program
	apart *apart
}

// unset fills the room and its guards.
const unset = 0xff // each byte of a NaN

func (a *apart) Compile(m *plan.Module) (device.Program, error) {
	made, err := a.gpu.Compile(m)
	if err != nil {
		return nil, err
	}
	p := made.(*program)
	err = p.gpu.owner.ask(request{do: func(request) error {
		if p.memory.room == 0 {
			return nil
		}
		at := p.memory.base + kernel.Addr(p.memory.roomAt())
		return cu.MemsetD8Async(cu.DevicePtr(at), unset, int64(p.memory.room), p.stream)
	}})
	a.pieces += len(p.memory.pieces)
	return &apartProgram{p, a}, err
}

func (p *apartProgram) Close() error {
	m := &p.memory
	room := make([]byte, m.room)
	from := m.base + kernel.Addr(m.roomAt())
	if err := p.gpu.owner.ask(request{do: readBytes, program: p.program, at: uint64(from), bytes: room}); err != nil {
		return err
	}
	for _, piece := range m.pieces {
		begin := int(piece.at - from)
		end := begin + align(piece.bytes) + m.apart
		for at := begin - m.apart; at < end; at++ {
			if at == begin {
				at += piece.bytes
			}
			if room[at] != unset {
				p.apart.t.Errorf("byte %d of a piece of room of %d bytes was written, which %s has", at-begin, piece.bytes, p.has(piece.at))
				break
			}
		}
	}
	return p.program.Close()
}

// has names the kernels that an address is given to.
func (p *apartProgram) has(at kernel.Addr) (kernels string) {
	for _, e := range p.entries {
		for _, l := range e.slots[0].launches {
			if slices.Contains(l.Args, uint64(at)) {
				kernels += where(p.module, e.name, l) + "; "
			}
		}
	}
	return kernels
}

func TestConformance(t *testing.T) {
	devicetest.Run(t, open(t, Options{}))
}
