package ref_test

import (
	"slices"
	"testing"

	"imgcls/internal/device"
	"imgcls/internal/device/ref"
	"imgcls/internal/graph"
	"imgcls/internal/plan"
)

// A cast is exact on the plain reference and rounded on the rounding one; the host
// reads the 16-bit numbers either way.
func TestCast(t *testing.T) {
	for _, c := range []struct {
		dev  device.Device
		to   graph.DType
		want []float64
		bits []uint16
	}{
		{ref.New(), graph.BF16, []float64{1.00390625, 1e6}, []uint16{0x3F80, 0x4974}},
		{ref.NewRounding(), graph.BF16, []float64{1, 999424}, []uint16{0x3F80, 0x4974}},
		{ref.NewRounding(), graph.F16, []float64{1.00390625, 65504}, []uint16{0x3C04, 0x7BFF}},
	} {
		x := []float32{1.00390625, 1e6}
		if c.to == graph.F16 {
			x[1] = 65519 // below half-way to what f16 does not hold
		}
		g := graph.New()
		in := g.Input("x", graph.F32, 2)
		y := g.Add("y", graph.Cast{To: c.to}, in)[0]
		back := g.Add("back", graph.Cast{}, y)[0]
		g.Return(y, back)
		m, err := plan.Compile(g, c.dev.Supports)
		if err != nil {
			t.Fatal(err)
		}
		p, err := c.dev.Compile(m)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Write(in, device.Bytes(x)); err != nil {
			t.Fatal(err)
		}
		if err := p.Run(0, 1); err != nil {
			t.Fatal(err)
		}
		bits := make([]byte, 4)
		if err := p.Read(y, bits); err != nil {
			t.Fatal(err)
		}
		got := []uint16{uint16(bits[0]) | uint16(bits[1])<<8, uint16(bits[2]) | uint16(bits[3])<<8}
		if values := p.(*ref.Program).Float64(back); !slices.Equal(values, c.want) || !slices.Equal(got, c.bits) {
			t.Errorf("%s to %s: %v as %#04x, want %v as %#04x", c.dev, c.to, values, got, c.want, c.bits)
		}
	}
}
