// Package picture reads picture files and scales them, and is the only place
// that does, so that training, evaluation, prediction and serving see the same
// pixels.
//
// PNG and JPEG are told by their content, never by their name, and become RGB
// with 8 bits a channel: grey is repeated, 16 bits are rounded, alpha is
// composited over black, CMYK and YCCK are converted, and a JPEG is turned
// upright as its EXIF orientation says. Where a conversion leaves a choice,
// the choice is that of libjpeg-turbo and Pillow, with which most pictures
// and most imported weights were made: chroma is interpolated with libjpeg's
// triangle filter, and Resize is Pillow's antialiased bilinear filter.
//
// A file is not believed. Its size is checked against Limits and against what
// its number of bytes can hold before memory is taken for it, the scans of a
// JPEG are counted before they are decoded, decoding ends at a deadline, and
// a file that is cut or lacks a part of its data is an error, never a picture
// that is half grey. Embedded profiles and comments are skipped, not
// decompressed.
//
// Errors hold only the reason; the caller adds the path and what it means.
package picture

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"io/fs"
	"os"
	"time"

	"imgcls/internal/fault"
)

// An RGB is a picture of Height rows of Width pixels, three bytes each: red,
// green, blue.
type RGB struct {
	Width, Height int
	Pix           []byte // Height×Width×3, row-major
}

// Limits bound what one picture may cost. A JPEG takes up to 20 bytes of
// memory a pixel while it is decoded.
type Limits struct {
	Bytes      int64         // of the file
	Megapixels int           // 10⁶ pixels
	Scans      int           // of a JPEG; ordinary progressive files have about 10
	Time       time.Duration // for decoding
}

// Default are the limits for a user's own files.
var Default = Limits{Bytes: 256 << 20, Megapixels: 50, Scans: 64, Time: 10 * time.Second}

// Open reads the picture at path. Only a regular file, or a link to one, is
// opened: opening a named pipe would wait for a writer.
func Open(path string, l Limits) (*RGB, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fault.Cause(err)
	}
	if err := readable(info, l); err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fault.Cause(err)
	}
	defer f.Close()
	var data bytes.Buffer
	data.Grow(int(info.Size()) + bytes.MinRead)
	if _, err := data.ReadFrom(io.LimitReader(f, l.Bytes+1)); err != nil {
		return nil, fault.Cause(err)
	}
	return Decode(data.Bytes(), l)
}

// readable says why a file is not to be opened.
func readable(info fs.FileInfo, l Limits) error {
	switch mode := info.Mode(); {
	case mode.IsDir():
		return errors.New("a folder, not a file")
	case !mode.IsRegular():
		return errors.New("not a regular file")
	case info.Size() > l.Bytes:
		return tooLong(info.Size(), l)
	}
	return nil
}

// Decode returns the picture in data, a whole PNG or JPEG file.
func Decode(data []byte, l Limits) (*RGB, error) {
	switch {
	case int64(len(data)) > l.Bytes:
		return nil, tooLong(int64(len(data)), l)
	case bytes.HasPrefix(data, []byte("\x89PNG\r\n\x1a\n")):
		return decodePNG(data, l)
	case bytes.HasPrefix(data, []byte("\xff\xd8")):
		return decodeJPEG(data, l)
	}
	return nil, foreign(data)
}

// WritePNG writes p as a PNG file.
func WritePNG(w io.Writer, p *RGB) error {
	m := image.NewNRGBA(image.Rect(0, 0, p.Width, p.Height))
	for i := range p.Width * p.Height {
		copy(m.Pix[4*i:], p.Pix[3*i:3*i+3])
		m.Pix[4*i+3] = 0xff
	}
	return png.Encode(w, m)
}

// deflateMost is the most bytes that a byte of deflated data can stand for: a
// copy of 258 bytes takes two bits at the least.
const deflateMost = 1032

func decodePNG(data []byte, l Limits) (*RGB, error) {
	config, err := png.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return nil, decodingError(err)
	}
	if err := checkSize(config.Width, config.Height, l); err != nil {
		return nil, err
	}
	// The header's bit depth and colour type stand at fixed places, and
	// DecodeConfig has found them legal.
	channels := map[byte]int64{0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[data[25]]
	row := (int64(config.Width)*channels*int64(data[24]) + 7) / 8
	if row*int64(config.Height) > deflateMost*int64(len(data)) {
		return nil, tooShort(config.Width, config.Height, len(data))
	}
	return decodeWithin(l.Time, data, png.Decode)
}

// decodeWithin runs one of the standard library's decoders over data and
// converts what it returns. The decoders take no context, so they are given
// the data in small pieces by a reader that fails after the time is up.
func decodeWithin(d time.Duration, data []byte, decode func(io.Reader) (image.Image, error)) (p *RGB, err error) {
	// They can panic on sizes and tables that no checks foresee (Go issues
	// 45694 and 54586).
	defer func() {
		if r := recover(); r != nil {
			p, err = nil, fmt.Errorf("decoder failed: %v", r)
		}
	}()
	r := &timedReader{data: data, limit: d, until: time.Now().Add(d)}
	img, err := decode(r)
	if err != nil {
		return nil, decodingError(err)
	}
	return toRGB(img)
}

type timedReader struct {
	data  []byte
	limit time.Duration
	until time.Time
}

func (r *timedReader) Read(p []byte) (int, error) {
	if len(r.data) == 0 {
		return 0, io.EOF
	}
	if time.Now().After(r.until) {
		return 0, fmt.Errorf("decoding takes more than %v", r.limit)
	}
	const piece = 64
	n := copy(p[:min(len(p), piece)], r.data)
	r.data = r.data[n:]
	return n, nil
}

var errTruncated = errors.New("truncated: the file ends before its data does")

func decodingError(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return errTruncated
	}
	return err
}

// checkSize compares the claimed size of a picture with the limit, and its
// sides with the longest that a JPEG can have. Both sides are below 2³¹, so
// their product fits.
func checkSize(width, height int, l Limits) error {
	if width < 1 || height < 1 {
		return fmt.Errorf("%d×%d pixels", width, height)
	}
	const mega, side = 1_000_000, 1<<16 - 1
	if pixels := int64(width) * int64(height); pixels > int64(l.Megapixels)*mega {
		return fmt.Errorf("%s Mpx > %s", fault.Grouped((pixels+mega-1)/mega), fault.Grouped(int64(l.Megapixels)))
	}
	if longest := max(width, height); longest > side {
		return fmt.Errorf("a side of %s pixels > %s", fault.Grouped(int64(longest)), fault.Grouped(side))
	}
	return nil
}

func tooLong(size int64, l Limits) error {
	return fmt.Errorf("%s bytes > %s", fault.Grouped(size), fault.Grouped(l.Bytes))
}

func tooShort(width, height, size int) error {
	return fmt.Errorf("truncated: %s bytes cannot hold %d×%d pixels", fault.Grouped(int64(size)), width, height)
}
