package train

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"runtime"
	"testing"

	"imgcls/internal/device/cpu"
)

// goldenBits are the SHA-256 of the parameters after two epochs on shapes, by
// architecture and by whether there is assembly. Builds with the race detector
// give the same. A change of kernels that changes them on purpose changes them
// here.
var goldenBits = map[string]string{
	"amd64":       "8fd05621959a39a203ae75987a702f0a282c50b9ae74dbd915495de70fc34c3d",
	"amd64 noasm": "8e56f33b51e9997d970d9e818e9a78bdb4a2218d413eb1f95375d65c302b44b8",
}

// Row 5: the same seed gives the same bits, in every build.
func TestGoldenBits(t *testing.T) {
	want, known := goldenBits[runtime.GOARCH+assembly]
	if !known {
		t.Skipf("no golden bits are known of %s", runtime.GOARCH)
	}
	for _, threads := range []int{1, 2, 3} {
		tr := newTrainer(t, cpu.New(threads), few(70), 2, 8, 0.01)
		if err := tr.Run(context.Background(), Hooks{}); err != nil {
			t.Fatal(err)
		}
		h := sha256.New()
		for _, bits := range parameters(t, tr) {
			h.Write(binary.LittleEndian.AppendUint32(nil, bits))
		}
		if got := fmt.Sprintf("%x", h.Sum(nil)); got != want {
			t.Errorf("%d threads give %s, want %s", threads, got, want)
		}
	}
}
