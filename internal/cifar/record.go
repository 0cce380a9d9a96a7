package cifar

import (
	"errors"
	"io"
	"slices"

	"imgcls/internal/fault"
)

// Size is the height and width of an image.
const Size = 32

const (
	plane           = Size * Size
	imageBytes      = 3 * plane
	recordBytes     = 1 + imageBytes
	officialRecords = 10000
	officialSize    = officialRecords * recordBytes
)

// A Part is one split of the set.
type Part struct {
	Images []byte  // N×32×32×3: rows of interleaved red, green and blue
	Labels []uint8 // N, each below the number of classes
}

// Len returns the number of images.
func (p Part) Len() int { return len(p.Labels) }

func (p *Part) grow(records int) {
	p.Images = slices.Grow(p.Images, records*imageBytes)
	p.Labels = slices.Grow(p.Labels, records)
}

func (p *Part) add(q Part) {
	p.Images = append(p.Images, q.Images...)
	p.Labels = append(p.Labels, q.Labels...)
}

// block is how many records are read at once; the first block must have come
// before memory is made ready for all that the size claims.
const block = 256

// decode reads a file of size bytes; at is its path, for messages.
func decode(r io.Reader, size int64, at string) (Part, error) {
	if err := checkSize(size, at); err != nil {
		return Part{}, err
	}
	records := int(size / recordBytes)
	var p Part
	raw := make([]byte, min(block, records)*recordBytes)
	for done := 0; done < records; {
		n := min(block, records-done)
		if got, err := io.ReadFull(r, raw[:n*recordBytes]); err != nil {
			return Part{}, readFault(err, int64(done)*recordBytes+int64(got), size, at)
		}
		switch done {
		case 0:
			p.grow(n)
		case block:
			p.grow(records - done)
		}
		for i := range n {
			if err := p.addRecord((*[recordBytes]byte)(raw[i*recordBytes:]), done+i, at); err != nil {
				return Part{}, err
			}
		}
		done += n
	}
	return p, nil
}

// addRecord checks and adds one record; index is its place in the file.
func (p *Part) addRecord(record *[recordBytes]byte, index int, at string) error {
	if label := record[0]; int(label) >= len(classes) {
		return fault.New(fault.Data, "CIFAR-10 batch", at, wanted, "record %s at offset %s has label %d, the classes are 0 to %d",
			fault.Grouped(int64(index)), fault.Grouped(int64(index)*recordBytes), label, len(classes)-1)
	}
	p.Labels = append(p.Labels, record[0])
	n := len(p.Images)
	p.Images = slices.Grow(p.Images, imageBytes)[:n+imageBytes]
	interleave((*[imageBytes]byte)(p.Images[n:]), (*[imageBytes]byte)(record[1:]))
	return nil
}

// interleave turns three planes into pixels of three bytes.
func interleave(pixels, planes *[imageBytes]byte) {
	red, green, blue := (*[plane]byte)(planes[:]), (*[plane]byte)(planes[plane:]), (*[plane]byte)(planes[2*plane:])
	for i := range plane {
		pixel := (*[3]byte)(pixels[3*i:])
		pixel[0], pixel[1], pixel[2] = red[i], green[i], blue[i]
	}
}

// mostRecords bounds what one file may hold, ten times the official number.
const mostRecords = 10 * officialRecords

func checkSize(size int64, at string) error {
	switch {
	case size <= 0:
		return fault.New(fault.Data, "CIFAR-10 batch", at, wanted, "empty file, official has %s bytes", fault.Grouped(officialSize))
	case size%recordBytes != 0:
		return fault.New(fault.Data, "CIFAR-10 batch", at, wanted,
			"%s bytes are %s records of %s bytes and %s over: truncated or not CIFAR-10 binary",
			fault.Grouped(size), fault.Grouped(size/recordBytes), fault.Grouped(recordBytes), fault.Grouped(size%recordBytes))
	case size > mostRecords*recordBytes:
		return fault.New(fault.Data, "CIFAR-10 batch", at, wanted, "%s records, at most %s are read from one file",
			fault.Grouped(size/recordBytes), fault.Grouped(mostRecords))
	}
	return nil
}

func readFault(err error, got, size int64, at string) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fault.New(fault.Data, "CIFAR-10 batch", at, wanted, "cut short: %s of %s bytes: %w", fault.Grouped(got), fault.Grouped(size), err)
	}
	return err
}
