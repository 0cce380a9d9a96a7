package train

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"runtime"
	"testing"

	"imgcls/internal/device/cpu"
	"imgcls/internal/kernels/cpu/tile"
)

// goldenBits are the SHA-256 of the parameters after two epochs on shapes, where
// matrix products are in assembly, of whatever instruction set, and where they are
// gonum's, by architecture and by the tag noasm, which change them too. Builds with the
// race detector give the same. A change of kernels that changes them on purpose
// changes them here.
var goldenBits = map[string]string{
	"assembly":          "5e17fd8e7859787e4244dc56f273c573ce0b8d8a1e9ed2649f231f3ac759bb70",
	"amd64 gonum":       "42fbc9b323f373b6b63e804205fc77435cb3280a6d3c15a1394fc9cf3d15f4ef",
	"amd64 gonum noasm": "dc5b3bed5d9b3347a5e9333d9d3fa9c6155f1f6cce0d09d7f573f1cd0e9e3d40",
}

// Row 5: the same seed gives the same bits, in every build.
func TestGoldenBits(t *testing.T) {
	for _, set := range tile.Sets() {
		key := "assembly"
		if !set.Native() {
			key = runtime.GOARCH + " gonum" + noasm
		}
		want, known := goldenBits[key]
		if !known {
			t.Logf("no golden bits are known of %s", key)
			continue
		}
		for _, threads := range []int{1, 2, 3} {
			tr := newTrainer(t, cpu.With(threads, set), few(70), 2, 8, 0.01)
			if err := tr.Run(context.Background(), Hooks{}); err != nil {
				t.Fatal(err)
			}
			h := sha256.New()
			for _, bits := range parameters(t, tr) {
				h.Write(binary.LittleEndian.AppendUint32(nil, bits))
			}
			if got := fmt.Sprintf("%x", h.Sum(nil)); got != want {
				t.Errorf("%s, %s, %d threads give %s, want %s", key, set.Name, threads, got, want)
			}
		}
	}
}
