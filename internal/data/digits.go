package data

import (
	_ "embed"

	"imgcls/internal/picture"
)

//go:embed digits/digits.bin
var digitsFile string

const (
	digitSide   = 8
	digitPixels = digitSide * digitSide
	digitRecord = 1 + digitPixels // the label first
	digitMost   = 16              // the value of full ink
	digitsSide  = 32              // of the pictures in the set
)

// Digits returns 1,797 handwritten digits as pictures of 32×32×3: the 8×8 grey
// values of 0 to 16 scaled to 0 to 255, enlarged with a bilinear filter, in
// three equal channels. Of each class every fifth digit, in the file's order,
// is in the test split.
//
// The digits are the test part of E. Alpaydin, C. Kaynak, "Optical Recognition
// of Handwritten Digits", UCI Machine Learning Repository, 1998, CC BY 4.0.
func Digits() *Set {
	s := &Set{
		Name:    "digits",
		Classes: []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"},
		Height:  digitsSide, Width: digitsSide, Channels: 3,
	}
	const testEvery = 5
	var seen [10]int // by class
	for file := digitsFile; len(file) > 0; file = file[digitRecord:] {
		label := file[0]
		seen[label]++
		split := &s.Train
		if seen[label]%testEvery == 0 {
			split = &s.Test
		}
		split.Images = append(split.Images, enlarged(file[1:digitRecord])...)
		split.Labels = append(split.Labels, int32(label))
	}
	return s
}

// enlarged returns the 32×32×3 bytes of an 8×8 digit.
func enlarged(grey string) []byte {
	small := &picture.RGB{Width: digitSide, Height: digitSide, Pix: make([]byte, 0, 3*digitPixels)}
	for _, v := range []byte(grey) {
		level := byte((int(v)*255 + digitMost/2) / digitMost)
		small.Pix = append(small.Pix, level, level, level)
	}
	return picture.Resize(small, digitsSide, digitsSide).Pix
}
