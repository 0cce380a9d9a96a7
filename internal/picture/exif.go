package picture

import "encoding/binary"

// exifOrientation returns the orientation, 1 to 8, that a block of EXIF data
// gives, and 1, upright, where it gives none or cannot be read. The block has
// the form of a TIFF file: byte order, the number 42, the offset of the first
// directory; there a count and entries of 12 bytes, being tag, type, count and
// value. Only the first directory is read and no offset in it is followed, so
// there is nothing to loop on.
func exifOrientation(tiff []byte) int {
	const (
		headerSize, entrySize  = 8, 12
		tagOrientation         = 0x0112
		typeShort              = 3
		typeAt, countAt, value = 2, 4, 8
	)
	if len(tiff) < headerSize {
		return 1
	}
	var order binary.ByteOrder
	switch string(tiff[:4]) {
	case "II*\x00":
		order = binary.LittleEndian
	case "MM\x00*":
		order = binary.BigEndian
	default:
		return 1
	}
	offset := int64(order.Uint32(tiff[4:]))
	if offset+2 > int64(len(tiff)) {
		return 1
	}
	entries := tiff[offset+2:]
	for range order.Uint16(tiff[offset:]) {
		if len(entries) < entrySize {
			return 1
		}
		if order.Uint16(entries) == tagOrientation {
			o := order.Uint16(entries[value:])
			if order.Uint16(entries[typeAt:]) == typeShort && order.Uint32(entries[countAt:]) == 1 && 1 <= o && o <= 8 {
				return int(o)
			}
			return 1
		}
		entries = entries[entrySize:]
	}
	return 1
}

// upright undoes an EXIF orientation. Each is a choice of three: columns
// mirrored, rows mirrored, and, from 5 on, rows and columns exchanged first.
func upright(p *RGB, orientation int) *RGB {
	if orientation == 1 {
		return p
	}
	exchange := orientation >= 5
	var mirrorX, mirrorY bool // in the picture as stored
	switch orientation {
	case 2, 8:
		mirrorX = true
	case 4, 6:
		mirrorY = true
	case 3, 7:
		mirrorX, mirrorY = true, true
	}
	q := &RGB{Width: p.Width, Height: p.Height, Pix: make([]byte, 0, len(p.Pix))}
	if exchange {
		q.Width, q.Height = p.Height, p.Width
	}
	for y := range q.Height {
		for x := range q.Width {
			sx, sy := x, y
			if exchange {
				sx, sy = y, x
			}
			if mirrorX {
				sx = p.Width - 1 - sx
			}
			if mirrorY {
				sy = p.Height - 1 - sy
			}
			at := 3 * (sy*p.Width + sx)
			q.Pix = append(q.Pix, p.Pix[at:at+3]...)
		}
	}
	return q
}
