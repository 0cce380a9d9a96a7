package picture

import (
	"bytes"
	"compress/zlib"
	"testing"
)

func deflated(zeros int) string {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	w.Write(make([]byte, zeros))
	w.Close()
	return b.String()
}

func TestExifOrientation(t *testing.T) {
	const little, big = "II*\x00\x08\x00\x00\x00", "MM\x00*\x00\x00\x00\x08"
	const other = "\x0f\x01\x02\x00\x04\x00\x00\x00abcd"
	for _, c := range []struct {
		name, tiff string
		want       int
	}{
		{"little-endian", little + "\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00\x06\x00\x00\x00", 6},
		{"big-endian", big + "\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x08\x00\x00", 8},
		{"second entry", little + "\x02\x00" + other + "\x12\x01\x03\x00\x01\x00\x00\x00\x03\x00\x00\x00", 3},
		{"none", little + "\x01\x00" + other, 1},
		{"empty", "", 1},
		{"wrong order mark", "XX" + little[2:] + "\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00\x06\x00\x00\x00", 1},
		{"orientation 0", little + "\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00\x00\x00\x00\x00", 1},
		{"orientation 9", little + "\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00\x09\x00\x00\x00", 1},
		{"wrong type", little + "\x01\x00\x12\x01\x02\x00\x01\x00\x00\x00\x06\x00\x00\x00", 1},
		{"directory beyond the end", "II*\x00\xff\xff\xff\xff\x01\x00", 1},
		{"more entries than bytes", little + "\xff\xff" + other, 1},
		{"directory within itself", "II*\x00\x00\x00\x00\x00\x12\x01\x03\x00", 1},
	} {
		if got := exifOrientation([]byte(c.tiff)); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}
