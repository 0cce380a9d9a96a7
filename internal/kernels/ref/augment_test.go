package ref

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"testing"

	"imgcls/internal/augment"
)

// TestTorchvision holds crop, flip and jitter to torchvision's; testdata/augment.py says
// what the lines hold. The bytes are equal, though torchvision multiplies in float32.
func TestTorchvision(t *testing.T) {
	const h, w, c = 5, 7, 3
	var x, y [h * w * c]uint8
	for i := range x {
		x[i] = uint8(37*i*i + 11*i)
	}
	text, err := os.ReadFile("testdata/augment.golden")
	if err != nil {
		t.Fatal(err)
	}
	lines := 0
	for line := range strings.Lines(string(text)) {
		name, numbers, _ := strings.Cut(line, " ")
		p, _ := augment.Parse(name)
		var d augment.Draw
		var flip int
		var digits string
		if _, err := fmt.Sscan(numbers, &d.Top, &d.Left, &flip, &d.Factor[0], &d.Factor[1], &d.Factor[2],
			&d.Order[0], &d.Order[1], &d.Order[2], &digits); err != nil {
			t.Fatal(err)
		}
		d.Flip = flip == 1
		want, err := hex.DecodeString(digits)
		if err != nil {
			t.Fatal(err)
		}
		Augment(y[:], x[:], h, w, p, make([]uint8, c), d)
		if !bytes.Equal(y[:], want) {
			t.Errorf("%s %s: got %x, torchvision %x", name, numbers[:40], y, want)
		}
		lines++
	}
	if lines != 60 {
		t.Errorf("%d cases, want 60", lines)
	}
}
