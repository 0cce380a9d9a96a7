package picture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image/jpeg"

	"imgcls/internal/fault"
)

func decodeJPEG(data []byte, l Limits) (*RGB, error) {
	s, err := surveyJPEG(data)
	if err != nil {
		return nil, err
	}
	if err := checkSize(s.width, s.height, l); err != nil {
		return nil, err
	}
	if s.scans > l.Scans {
		return nil, fmt.Errorf("%s scans > %d", fault.Grouped(int64(s.scans)), l.Scans)
	}
	// Each block of 8×8 pixels takes at least one bit, its first coefficient.
	const pixelsPerByte = 8 * 64
	if int64(s.width)*int64(s.height) > pixelsPerByte*int64(len(data)) {
		return nil, tooShort(s.width, s.height, len(data))
	}
	p, err := decodeWithin(l.Time, data, jpeg.Decode)
	if err != nil {
		return nil, err
	}
	return upright(p, s.orientation), nil
}

// A survey is what the markers of a JPEG file say, read without decoding a
// pixel.
type survey struct {
	width, height int
	progressive   bool
	components    []byte    // their identifiers
	begun         [256]bool // by identifier: a scan holds its first coefficients
	scans         int
	exif          bool
	orientation   int // 1–8, as EXIF counts
}

// Markers, the second byte after 0xff.
const (
	markerSOF0 = 0xc0 // start of frame, baseline
	markerSOF2 = 0xc2 // start of frame, progressive
	markerDHT  = 0xc4 // Huffman tables, among the frames' numbers
	markerJPG  = 0xc8 // reserved, among the frames' numbers
	markerDAC  = 0xcc // arithmetic tables, among the frames' numbers
	markerSOF  = 0xcf // the last of the frames
	markerRST0 = 0xd0
	markerRST7 = 0xd7
	markerEOI  = 0xd9
	markerSOS  = 0xda // start of scan
	markerAPP1 = 0xe1
)

// surveyJPEG walks the markers up to the end of the picture. It passes over
// what stands between segments, entropy-coded data and rubbish alike, in the
// way of the standard library's decoder, so that both see the same scans.
func surveyJPEG(data []byte) (survey, error) {
	s := survey{orientation: 1}
	for rest := data[2:]; ; {
		i := bytes.IndexByte(rest, 0xff)
		if i < 0 {
			return s, errTruncated
		}
		for rest = rest[i:]; len(rest) > 0 && rest[0] == 0xff; {
			rest = rest[1:]
		}
		if len(rest) == 0 {
			return s, errTruncated
		}
		marker := rest[0]
		rest = rest[1:]
		switch {
		case marker == 0 || markerRST0 <= marker && marker <= markerRST7:
			continue
		case marker == markerEOI:
			return s, s.complete()
		case len(rest) < 2:
			return s, errTruncated
		}
		n := int(binary.BigEndian.Uint16(rest))
		if n < 2 {
			return s, errors.New("JPEG segment of wrong length")
		}
		if n > len(rest) {
			return s, errTruncated
		}
		if err := s.segment(marker, rest[2:n]); err != nil {
			return s, err
		}
		rest = rest[n:]
	}
}

// segment takes in one marker segment, given without its length.
func (s *survey) segment(marker byte, body []byte) error {
	switch {
	case marker == markerSOS:
		s.scan(body)
	case marker == markerAPP1:
		if tiff, ok := bytes.CutPrefix(body, []byte("Exif\x00\x00")); ok && !s.exif {
			s.exif = true
			s.orientation = exifOrientation(tiff)
		}
	case marker == markerDHT || marker == markerJPG || marker == markerDAC:
	case markerSOF0 <= marker && marker <= markerSOF:
		return s.frame(marker, body)
	}
	return nil
}

// frame reads a frame header: sample precision, height, width, the number of
// components and three bytes for each.
func (s *survey) frame(marker byte, body []byte) error {
	switch {
	case marker > markerJPG:
		return errors.New("format not supported: JPEG with arithmetic coding")
	case marker > markerSOF2:
		return errors.New("format not supported: lossless or hierarchical JPEG")
	case len(body) < 6 || len(body) != 6+3*int(body[5]):
		return errors.New("JPEG frame of wrong length")
	case s.components != nil:
		return errors.New("two frames in one JPEG")
	case body[0] != 8:
		return fmt.Errorf("format not supported: JPEG with %d bits a sample", body[0])
	}
	s.height = int(binary.BigEndian.Uint16(body[1:]))
	s.width = int(binary.BigEndian.Uint16(body[3:]))
	s.progressive = marker == markerSOF2
	for c := 6; c < len(body); c += 3 {
		s.components = append(s.components, body[c])
	}
	return nil
}

// scan reads a scan header: the number of components, two bytes for each, the
// first and the last coefficient, and a byte whose upper half is not 0 where a
// progressive scan only adds bits to an earlier one. A malformed header is
// left to the decoder to refuse.
func (s *survey) scan(body []byte) {
	s.scans++
	if len(body) < 1 || len(body) != 4+2*int(body[0]) {
		return
	}
	n := int(body[0])
	first, refinement := body[1+2*n], body[3+2*n]>>4
	if s.progressive && (first > 0 || refinement > 0) {
		return
	}
	for c := range n {
		s.begun[body[1+2*c]] = true
	}
}

// complete says which part of a picture has no data. The decoder would leave
// that part zero, which shows as grey.
func (s *survey) complete() error {
	if s.components == nil {
		return errors.New("no frame in the JPEG")
	}
	for i, id := range s.components {
		if !s.begun[id] {
			return fmt.Errorf("truncated: component %d of %d has no data", i+1, len(s.components))
		}
	}
	return nil
}
