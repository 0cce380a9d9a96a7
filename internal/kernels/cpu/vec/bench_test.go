package vec

import (
	"math/rand/v2"
	"testing"
)

// The sizes are those of the tutorial's net, 62,006 parameters, for 4 pictures.
const parameters = 62006

func numbers(n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = rand.Float32() - 0.5
	}
	return x
}

// bench runs f with each body; bytes are what it reads and writes.
func bench(b *testing.B, name string, bytes int, f func()) {
	for _, s := range sets {
		b.Run(name+"/body="+s.name, func(b *testing.B) {
			defer func(old *set) { active = old }(active)
			active = s
			b.SetBytes(int64(bytes))
			for b.Loop() {
				f()
			}
		})
	}
}

func BenchmarkVec(b *testing.B) {
	p, dp, v := numbers(parameters), numbers(parameters), numbers(parameters)
	step := SGD{LR: 1e-3, Momentum: 0.9}
	bench(b, "Finite", 4*parameters, func() { Finite(p) })
	bench(b, "SGDFinite", 12*parameters, func() { step.Finite(p, dp, v) })
	bench(b, "SGDUpdate", 20*parameters, func() { step.Update(p, dp, v) })

	const image = 4 * 28 * 28 * 6
	x, y, z := numbers(image), numbers(image), numbers(image)
	bench(b, "Add", 12*image, func() { Add(z, x, y) })
	bench(b, "ReLU", 8*image, func() { ReLU(y, x) })
	bench(b, "ReLUBack", 12*image, func() { ReLUBack(z, y, x) })
	bench(b, "ReLU6", 8*image, func() { ReLU6(y, x) })
	bench(b, "ReLU6Back", 12*image, func() { ReLU6Back(z, y, x) })
	bench(b, "GELU", 8*image, func() { GELU(y, x) })
	bench(b, "GELUBack", 12*image, func() { GELUBack(z, y, x) })
	bench(b, "SiLU", 8*image, func() { SiLU(y, x) })
	bench(b, "SiLUBack", 12*image, func() { SiLUBack(z, y, x) })
	bench(b, "SumRows", 4*image, func() { SumRows(y[:48], x, image/48, 48) })

	var scale, shift [Period]float64
	pixels := make([]uint8, 4*32*32*3)
	bench(b, "Affine", 5*len(pixels), func() { Affine(z[:len(pixels)], pixels, &scale, &shift) })

	for _, c := range []struct {
		name           string
		lines, channel int
	}{{"28x28x6", 14, 6}, {"10x10x16", 5, 16}} {
		n := c.lines * c.lines * c.channel
		arg := make([]uint8, n)
		bench(b, "MaxPool2/"+c.name, 20*n, func() { MaxPool2(y, nil, x, c.lines, 2*c.lines, c.lines, c.channel) })
		bench(b, "MaxPool2Arg/"+c.name, 21*n, func() { MaxPool2(y, arg, x, c.lines, 2*c.lines, c.lines, c.channel) })
		bench(b, "MaxPool2Back/"+c.name, 21*n, func() { MaxPool2Back(z, arg, y, c.lines, 2*c.lines, c.lines, c.channel) })
	}
}
