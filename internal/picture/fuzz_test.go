package picture

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// FuzzDecode: a picture or an error, never both, within the deadline and a
// second for what follows the last byte.
func FuzzDecode(f *testing.F) {
	names, _ := filepath.Glob("testdata/*.*g")
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add(pngFile(50_000, 50_000, 8, 6))
	f.Add([]byte("\x00\x00\x00\x20ftypavif\x00\x00"))
	l := Limits{Bytes: 1 << 20, Megapixels: 1, Scans: 64, Time: time.Second}
	f.Fuzz(func(t *testing.T, data []byte) {
		begin := time.Now()
		p, err := Decode(data, l)
		if took := time.Since(begin); took > 2*time.Second {
			t.Errorf("took %v", took)
		}
		if (p == nil) == (err == nil) {
			t.Fatalf("picture %v, error %v", p != nil, err)
		}
		if p == nil {
			return
		}
		if p.Width < 1 || p.Height < 1 || len(p.Pix) != 3*p.Width*p.Height {
			t.Fatalf("%d×%d in %d bytes", p.Width, p.Height, len(p.Pix))
		}
		if q := Resize(p, 32, 32); len(q.Pix) != 3*32*32 {
			t.Errorf("resized to %d bytes", len(q.Pix))
		}
	})
}
