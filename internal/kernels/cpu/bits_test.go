package cpu

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"testing"

	"imgcls/internal/kernels/cpu/tile"
)

// sums holds the first digits of the SHA-256 of results of every instruction
// set in assembly on every processor. A change of them changes what a seed gives.
var sums = map[string]string{
	"1×1 strided dw":                "b7bc306e62450e89",
	"1×1 strided dx":                "85d7de075ff658bd",
	"1×1 strided y":                 "92366ec11e4bea2e",
	"3×3 padded dw":                 "9d246c7df31c280e",
	"3×3 padded dx":                 "188d46c2f327fc71",
	"3×3 padded y":                  "aea0583add926879",
	"3×3 strided dw":                "1e0a3c78014d1bc8",
	"3×3 strided dx":                "c7432afc9d2b6080",
	"3×3 strided dx of few":         "48625a8fab7532ba",
	"3×3 strided y":                 "7637f3615cc4980f",
	"5×5 dw":                        "1b4a1cb50c765059",
	"5×5 dx":                        "3b4659c46338af7d",
	"5×5 dx of few":                 "340e56e2894fb0a1",
	"5×5 y":                         "9800950ba027ed80",
	"7×7 padded, strided dw":        "66e66f902fa866e1",
	"7×7 padded, strided dx":        "ccda30869e2f720a",
	"7×7 padded, strided dx of few": "9b972a20dd86016c",
	"7×7 padded, strided y":         "3e5048ac6f420755",
	"far apart dw":                  "cc162996a646b1fa",
	"far apart dx":                  "1ce5136dfc721cd9",
	"far apart y":                   "d6968395ee19aef1",
	"far apart, long dw":            "759156288214af21",
	"far apart, long dx":            "d32df93d4f86e7ba",
	"far apart, long y":             "67db9b461e28d4af",
	"patches by Winograd dw":        "38351aa0284b69ea",
	"patches by Winograd dx":        "266bb03fa2bc4290",
	"patches by Winograd y":         "5edf7ab8fed497d5",
	"patches dw":                    "1a54933138f29766",
	"patches dx":                    "d4d2596904b62f1f",
	"patches y":                     "b73a0622647e5341",
	"patches, long by Winograd dw":  "1f6432aca1badf89",
	"patches, long by Winograd dx":  "3b164781de778440",
	"patches, long by Winograd y":   "d1a28c8ed071a515",
	"patches, long dw":              "8c53442cd727b8fd",
	"patches, long dx":              "1084dc893941a2b1",
	"patches, long y":               "6f9dde66998b7fdc",
	"a·b":                           "39587e15deddbbbb",
	"a·bᵀ":                          "5bf0f415b0b0761e",
	"aᵀ·b":                          "fb4859ebf7b0005c",
	"aᵀ·bᵀ":                         "55e2403de346a7f9",
}

// TestBits shows that AVX2, AVX-512 and NEON give the same bits: each runs on
// other machines than the others do.
func TestBits(t *testing.T) {
	if !tile.Best().Native() {
		t.Skip("gonum has other last bits than the assembly")
	}
	for _, set := range tile.Sets() {
		if !set.Native() {
			continue
		}
		for name, c := range map[string]Conv{
			"5×5":                 {N: 3, H: 14, W: 14, I: 6, P: 10, Q: 10, O: 16, R: 5, S: 5, Stride: 1},
			"3×3 padded":          {N: 2, H: 9, W: 11, I: 19, P: 9, Q: 11, O: 37, R: 3, S: 3, Stride: 1, Pad: 1},
			"3×3 strided":         {N: 2, H: 13, W: 10, I: 3, P: 7, Q: 5, O: 70, R: 3, S: 3, Stride: 2, Pad: 1},
			"1×1 strided":         {N: 4, H: 8, W: 8, I: 33, P: 4, Q: 4, O: 21, R: 1, S: 1, Stride: 2},
			"far apart":           {N: 5, H: 4, W: 4, I: 70, P: 4, Q: 4, O: 83, R: 3, S: 3, Stride: 1, Pad: 1},
			"far apart, long":     {N: 1, H: 2, W: 150, I: 65, P: 2, Q: 150, O: 81, R: 1, S: 3, Stride: 1, Pad: 1},
			"patches":             {N: 2, H: 7, W: 9, I: 24, P: 7, Q: 9, O: 72, R: 3, S: 3, Stride: 1, Pad: 1},
			"patches, long":       {N: 2, H: 7, W: 30, I: 136, P: 9, Q: 32, O: 40, R: 3, S: 3, Stride: 1, Pad: 2},
			"7×7 padded, strided": {N: 3, H: 16, W: 16, I: 3, P: 8, Q: 8, O: 8, R: 7, S: 7, Stride: 2, Pad: 3},
		} {
			for of, x := range convolved(set, c) {
				expectSum(t, set, name+" "+of, x)
			}
		}
		for trans, name := range []string{"a·b", "aᵀ·b", "a·bᵀ", "aᵀ·bᵀ"} {
			expectSum(t, set, name, multiplied(set, 37, 45, 617, trans))
		}
	}
}

// expectSum compares the sum of x, whose NaN count as one.
func expectSum(t *testing.T, set *tile.Set, what string, x []float32) {
	t.Helper()
	hash := sha256.New()
	if err := binary.Write(hash, binary.LittleEndian, bits(x)); err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(hash.Sum(nil))[:16]; got != sums[what] {
		t.Errorf("%s: the sum of %q is %q, want %q", set.Name, what, got, sums[what])
	}
}

// seeded is random, with some of the numbers that rounding treats otherwise:
// infinities, zeros, and those whose products are too small to be normal.
func seeded(seed uint64, n int) []float32 {
	x := random(seed, n)
	for i := 0; i < n; i += 7 {
		x[i] *= 0x1p-72
	}
	x[n/2] = float32(math.Copysign(0, -1))
	x[n/3] = float32(math.Inf(1))
	return x
}

// convolved returns y, dx and dw of a convolution, and dx once more by FewBack where
// channels are few.
func convolved(set *tile.Set, c Conv) map[string][]float32 {
	x, w, bias := seeded(1, c.N*c.H*c.W*c.I), seeded(2, c.O*c.Taps()), seeded(3, c.O)
	dy := seeded(4, c.N*c.Places()*c.O)
	y, dx, dw := filled(len(dy)), filled(len(x)), filled(len(w))

	forward := c.Forward(set)
	packed := filled(forward.Packed())
	c.PackForward(set, packed, w, 0, c.O)
	forward.Compute(Layer{Y: y, X: x, Packed: packed, Bias: bias, ReLU: true}, 0, c.N*forward.Tiles(), 0, c.O, nil)

	back := c.BackData(set)
	packed = filled(back.Packed())
	c.PackBackData(set, packed, w, 0, c.I)
	back.Compute(Layer{Y: dx, X: dy, Packed: packed}, 0, c.N*back.Tiles(), 0, c.I, nil)

	f, parts := NewFilter(set, c), filled(len(w))
	f.Sum(parts, x, dy, 0, f.Panels(), c.N, false, make([]float32, f.Scratch()))
	f.Finish(dw, parts)
	results := map[string][]float32{"y": y, "dx": dx, "dw": dw}
	if c.InPatches() {
		for name, x := range patched(set, c, x, w, bias, dy) {
			results["by Winograd "+name] = x
		}
	}
	if few := c.FewBackData(set); few != nil {
		packed, scratch, dx := filled(few.Packed()), filled(few.Scratch()), filled(len(x))
		few.Pack(packed, w)
		for i := range dy { // as behind a ReLU
			dy[i] = max(dy[i], 0)
		}
		for n := range c.N {
			few.Compute(dx[n*c.H*c.W*c.I:], packed, dy[n*c.Places()*c.O:], scratch)
		}
		results["dx of few"] = dx
	}
	return results
}

// patched returns y, dx and dw of a convolution in patches.
func patched(set *tile.Set, c Conv, x, w, bias, dy []float32) map[string][]float32 {
	y, dx, dw := filled(len(dy)), filled(len(x)), filled(len(w))
	run := func(f *Winograd, out, in, bias []float32) {
		packed, scratch := filled(f.Packed()), filled(f.Scratch())
		f.Pack(packed, w, 0, f.o, scratch)
		f.ComputeBands(Layer{Y: out, X: in, Packed: packed, Bias: bias}, 0, c.N*f.Bands(), 0, f.o, scratch)
	}
	run(c.ForwardWinograd(set), y, x, bias)
	run(c.BackDataWinograd(set), dx, dy, nil)
	back := c.BackFilterWinograd(set, PanelSide)
	sums := filled(back.Size())
	back.Sum(sums, x, dy, 0, back.Panels(), c.N, false, filled(back.Scratch()))
	back.Finish(dw, sums, 0, back.Panels())
	return map[string][]float32{"y": y, "dx": dx, "dw": dw}
}

// multiplied returns a product of an [m,k] and a [k,n] matrix, transposed as
// checkMatMul has them.
func multiplied(set *tile.Set, m, n, k, trans int) []float32 {
	p := MatMul{Set: set, M: m, N: n, K: k, Bias: seeded(3, n)}
	p.A = Matrix{seeded(1, m*k), k, trans&1 > 0}
	p.B = Matrix{seeded(2, k*n), n, trans&2 > 0}
	if p.A.Trans {
		p.A.Stride = m
	}
	if p.B.Trans {
		p.B.Stride = k
	}
	p.Y = Matrix{filled(m * n), n, false}
	p.Part(0, 0, m, n, nil, filled(p.Scratch(m, n)))
	return p.Y.Data
}
