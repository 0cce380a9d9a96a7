package picture

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"imgcls/internal/fault"
)

func read(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func decode(t testing.TB, name string) *RGB {
	t.Helper()
	p, err := Decode(read(t, name), Default)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return p
}

// apart returns the mean and the largest difference of two pictures' bytes.
func apart(t *testing.T, got, want *RGB) (mean float64, most int) {
	t.Helper()
	if got.Width != want.Width || got.Height != want.Height || len(got.Pix) != 3*got.Width*got.Height {
		t.Fatalf("%d×%d in %d bytes, want %d×%d", got.Width, got.Height, len(got.Pix), want.Width, want.Height)
	}
	for i := range want.Pix {
		d := max(int(got.Pix[i])-int(want.Pix[i]), int(want.Pix[i])-int(got.Pix[i]))
		mean += float64(d)
		most = max(most, d)
	}
	return mean / float64(len(want.Pix)), most
}

// The fixtures and what they are to become were made by testdata/make.py.
func TestDecodeAsPillow(t *testing.T) {
	for _, c := range []struct {
		files string
		mean  float64
		most  int
	}{
		// Two inverse cosine transforms may round a sample differently, and
		// the chroma's difference is up to 1.8 times as large in a colour.
		{"ycc4*.jpg narrow*.jpg progressive.jpg exif*.jpg cmyk.jpg ycck.jpg", 0.1, 3},
		{"grey.jpg rgb.jpg", 0.1, 1},
		{"grey1.png grey16.png greyalpha8.png palette.png rgb16.png rgba16.png rgba8.png rgbtrns.png", 0, 0},
	} {
		for _, pattern := range strings.Fields(c.files) {
			names, err := filepath.Glob(filepath.Join("testdata", pattern))
			if err != nil || len(names) == 0 {
				t.Fatalf("no fixture %s: %v", pattern, err)
			}
			for _, path := range names {
				name := filepath.Base(path)
				t.Run(name, func(t *testing.T) {
					want := decode(t, strings.TrimSuffix(name, filepath.Ext(name))+".want.png")
					mean, most := apart(t, decode(t, name), want)
					t.Logf("mean %.3f, most %d", mean, most)
					if mean > c.mean || most > c.most {
						t.Errorf("mean difference %.3f, largest %d; at most %.2f and %d", mean, most, c.mean, c.most)
					}
				})
			}
		}
	}
}

func TestResizeIsPillows(t *testing.T) {
	src := decode(t, "resize.png")
	names, _ := filepath.Glob("testdata/resize.*.want.png")
	if len(names) != 8 {
		t.Fatalf("%d fixtures", len(names))
	}
	// Pillow makes this one down first, as one may where the picture grows
	// across and shrinks down.
	const downFirst, downFirstMean = "resize.64x20.want.png", 0.25
	for _, path := range names {
		name := filepath.Base(path)
		var w, h int
		if _, err := fmt.Sscanf(name, "resize.%dx%d.want.png", &w, &h); err != nil {
			t.Fatal(err)
		}
		mean, most := apart(t, Resize(src, w, h), decode(t, name))
		if name == downFirst && mean <= downFirstMean && most <= 1 {
			continue
		}
		if most != 0 {
			t.Errorf("%d×%d: mean difference %.3f, largest %d", w, h, mean, most)
		}
	}
	if Resize(src, src.Width, src.Height) != src {
		t.Error("an equal size is not the picture itself")
	}
}

// A flat picture stays flat in any size and either order of the passes.
func TestResizeKeepsFlat(t *testing.T) {
	for _, c := range [][4]int{{1, 1, 7, 5}, {1, 20_000, 32, 32}, {20_000, 1, 32, 32}, {3, 5, 1, 1}, {1, 65_535, 224, 224}} {
		src := &RGB{Width: c[0], Height: c[1], Pix: bytes.Repeat([]byte{3, 200, 255}, c[0]*c[1])}
		got := Resize(src, c[2], c[3])
		if want := bytes.Repeat([]byte{3, 200, 255}, c[2]*c[3]); !bytes.Equal(got.Pix, want) {
			t.Errorf("%v: not flat", c)
		}
	}
}

func TestWritePNG(t *testing.T) {
	p := decode(t, "resize.png")
	var b bytes.Buffer
	if err := WritePNG(&b, p); err != nil {
		t.Fatal(err)
	}
	q, err := Decode(b.Bytes(), Default)
	if err != nil || q.Width != p.Width || !bytes.Equal(q.Pix, p.Pix) {
		t.Errorf("does not come back: %v", err)
	}
}

// pngFile is a PNG of the given header and further chunks, each a kind of four
// letters and a body.
func pngFile(width, height uint32, depth, colour byte, chunks ...string) []byte {
	b := []byte("\x89PNG\r\n\x1a\n")
	head := binary.BigEndian.AppendUint32(nil, width)
	head = binary.BigEndian.AppendUint32(head, height)
	head = append(head, depth, colour, 0, 0, 0)
	for _, c := range append([]string{"IHDR" + string(head)}, chunks...) {
		b = binary.BigEndian.AppendUint32(b, uint32(len(c)-4))
		b = append(b, c...)
		b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE([]byte(c)))
	}
	return b
}

// repeatScan repeats the last scan of a JPEG before its end.
func repeatScan(data []byte, times int) []byte {
	at := bytes.LastIndex(data, []byte{0xff, markerSOS})
	last := data[at : len(data)-2]
	b := append([]byte{}, data[:len(data)-2]...)
	b = append(b, bytes.Repeat(last, times)...)
	return append(b, 0xff, markerEOI)
}

// patched returns a copy of data with the bytes from offset on replaced.
func patched(data []byte, offset int, with ...byte) []byte {
	b := bytes.Clone(data)
	copy(b[offset:], with)
	return b
}

func TestRefusals(t *testing.T) {
	jpg, png := read(t, "ycc420.jpg"), read(t, "rgba8.png")
	progressive, cmyk := read(t, "progressive.jpg"), read(t, "cmyk.jpg")
	frame := bytes.Index(jpg, []byte{0xff, markerSOF0})
	adobe := bytes.Index(cmyk, []byte("Adobe"))
	scan := bytes.Index(progressive, []byte{0xff, markerSOS})
	secondScan := scan + 2 + bytes.Index(progressive[scan+2:], []byte{0xff, markerDHT})
	for _, c := range []struct {
		name string
		data []byte
		want string
	}{
		{"empty", nil, "empty file (0 bytes)"},
		{"html", []byte("\ufeff\n <!DOCTYPE html><p>"), "looks like HTML"},
		{"html without doctype", []byte("<HTML><body>"), "looks like HTML"},
		{"lfs", []byte("version https://git-lfs.github.com/spec/v1\noid sha256:00\n"), "Git LFS pointer: run git lfs pull"},
		{"text", []byte("no picture, é"), "looks like text"},
		{"binary", []byte{0, 1, 2, 3}, "not a PNG or JPEG file"},
		{"gif", []byte("GIF89a......"), "format not supported: GIF"},
		{"bmp", []byte("BM\x00\x00\x00\x00"), "format not supported: BMP"},
		{"webp", []byte("RIFF\x00\x00\x00\x00WEBPVP8 "), "format not supported: WebP"},
		{"avif", []byte("\x00\x00\x00\x20ftypavif\x00\x00"), "format not supported: AVIF"},
		{"heic", []byte("\x00\x00\x00\x18ftypheic\x00\x00"), "format not supported: HEIC"},
		{"tiff", []byte("II*\x00\x08\x00"), "format not supported: TIFF"},

		{"png header only", png[:33], "truncated: the file ends before its data does"},
		{"png cut", png[:len(png)/2], "not enough pixel data"},
		{"png without end", png[:len(png)-12], "truncated: the file ends before its data does"},
		{"png bit flipped", patched(png, 60, ^png[60]), "png: invalid format"},
		{"png header bomb", pngFile(50_000, 50_000, 8, 6), "2,500 Mpx > 50"},
		{"png of huge sides", pngFile(1<<29, 1<<29, 8, 0), "288,230,376,152 Mpx > 50"},
		{"png of absurd sides", pngFile(1<<31-1, 1<<31-1, 16, 6), "dimension overflow"},
		{"png of one long column", pngFile(1, 1_000_000, 8, 0), "a side of 1,000,000 pixels > 65,535"},
		{"png that claims too much", pngFile(7000, 7000, 16, 6), "bytes cannot hold 7000×7000 pixels"},
		{"png without pixels", pngFile(0, 4, 8, 0), "png: invalid format"},
		{"png of too few rows", pngFile(4, 4, 8, 0, "IDAT\x78\x9c\x63\x00\x00\x00\x01\x00\x01", "IEND"), "not enough pixel data"},

		{"jpeg start only", jpg[:2], "truncated: the file ends before its data does"},
		{"jpeg cut in a header", jpg[:frame+8], "truncated: the file ends before its data does"},
		{"jpeg cut", jpg[:len(jpg)-200], "truncated: the file ends before its data does"},
		{"jpeg cut and ended", append(bytes.Clone(jpg[:len(jpg)-200]), 0xff, markerEOI), "missing 0xff00"},
		{"jpeg without end", jpg[:len(jpg)-2], "truncated: the file ends before its data does"},
		{"jpeg without frame", []byte{0xff, 0xd8, 0xff, markerEOI}, "no frame in the JPEG"},
		{"jpeg without scans", append(bytes.Clone(jpg[:frame+19]), 0xff, markerEOI), "truncated: component 1 of 3 has no data"},
		{"progressive without first scan", append(bytes.Clone(progressive[:scan]), progressive[secondScan:]...), "truncated: component 1 of 3 has no data"},
		{"jpeg header bomb", patched(jpg, frame+5, 0xc3, 0x50, 0xc3, 0x50), "2,500 Mpx > 50"},
		{"jpeg that claims too much", patched(jpg, frame+5, 0x10, 0x00, 0x10, 0x00), "bytes cannot hold 4096×4096 pixels"},
		{"jpeg without height", patched(jpg, frame+5, 0, 0), "61×0 pixels"},
		{"scan bomb", repeatScan(progressive, 500), " scans > 64"},
		{"12 bits", patched(jpg, frame+4, 12), "format not supported: JPEG with 12 bits a sample"},
		{"arithmetic", patched(jpg, frame+1, 0xc9), "format not supported: JPEG with arithmetic coding"},
		{"lossless", patched(jpg, frame+1, 0xc3), "format not supported: lossless or hierarchical JPEG"},
		{"frame of wrong length", patched(jpg, frame+9, 4), "JPEG frame of wrong length"},
		{"two frames", append(bytes.Clone(jpg[:frame+19]), jpg[frame:]...), "two frames in one JPEG"},
		{"segment of wrong length", patched(jpg, frame+2, 0, 1), "JPEG segment of wrong length"},
		{"cmyk without adobe marker", patched(cmyk, adobe, 'X'), "Adobe APP14"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := Decode(c.data, Default)
			if p != nil || err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("picture %v, error %v; want %q", p != nil, err, c.want)
			}
		})
	}
}

// Each prefix of a file is refused: nothing half decoded comes out.
func TestNoPrefixIsAPicture(t *testing.T) {
	for _, name := range []string{"narrow5.jpg", "progressive.jpg", "palette.png", "cmyk.jpg"} {
		data := read(t, name)
		for n := range data {
			if _, err := Decode(data[:n], Default); err == nil {
				t.Errorf("%s: the first %d of %d bytes decode", name, n, len(data))
			}
		}
	}
}

// A claim costs nothing: neither the size in a header nor a compressed
// profile that would fill 16 MB.
func TestBombsTakeNoMemory(t *testing.T) {
	jpg := read(t, "ycc420.jpg")
	frame := bytes.Index(jpg, []byte{0xff, markerSOF0})
	small := pngFile(1, 1, 8, 0, "iCCPx\x00\x00"+deflated(16<<20), "zTXtx\x00\x00"+deflated(16<<20),
		"IDAT"+deflated(2), "IEND")
	for _, c := range []struct {
		name string
		data []byte
		ok   bool
	}{
		{"png header", pngFile(7000, 7000, 16, 6), false},
		{"jpeg header", patched(jpg, frame+5, 0x10, 0x00, 0x10, 0x00), false},
		{"compressed profile", small, true},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := Decode(c.data, Default)
		runtime.ReadMemStats(&after)
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > 1<<20 {
			t.Errorf("%s: allocated %d bytes", c.name, took)
		}
	}
}

func TestDeadline(t *testing.T) {
	for _, name := range []string{"ycc420.jpg", "rgba8.png"} {
		l := Default
		l.Time = -time.Second
		if _, err := Decode(read(t, name), l); err == nil || !strings.Contains(err.Error(), "decoding takes more than") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLimits(t *testing.T) {
	data := read(t, "ycc420.jpg")
	l := Default
	l.Bytes = int64(len(data)) - 1
	want := fmt.Sprintf("%s bytes > %s", fault.Grouped(int64(len(data))), fault.Grouped(l.Bytes))
	if _, err := Decode(data, l); err == nil || err.Error() != want {
		t.Errorf("Decode: %v, want %s", err, want)
	}
	if _, err := Open("testdata/ycc420.jpg", l); err == nil || err.Error() != want {
		t.Errorf("Open: %v, want %s", err, want)
	}
}

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	misnamed := filepath.Join(dir, "a.jpg")
	if err := os.WriteFile(misnamed, read(t, "rgba8.png"), 0o600); err != nil {
		t.Fatal(err)
	}
	if p, err := Open(misnamed, Default); err != nil || p.Width != 13 {
		t.Errorf("a PNG named .jpg: %v", err)
	}
	if _, err := Open(dir, Default); err == nil || err.Error() != "a folder, not a file" {
		t.Errorf("folder: %v", err)
	}
	_, err := Open(filepath.Join(dir, "none.png"), Default)
	if err == nil || strings.Contains(err.Error(), dir) {
		t.Errorf("missing file: %v", err)
	}
}

// irregular is a file of a given mode.
type irregular struct {
	fs.FileInfo
	mode fs.FileMode
}

func (i irregular) Mode() fs.FileMode { return i.mode }

func TestOnlyRegularFilesAreOpened(t *testing.T) {
	for _, mode := range []fs.FileMode{fs.ModeNamedPipe, fs.ModeSocket, fs.ModeDevice, fs.ModeDevice | fs.ModeCharDevice} {
		if err := readable(irregular{mode: mode}, Default); err == nil || err.Error() != "not a regular file" {
			t.Errorf("%v: %v", mode, err)
		}
	}
}
