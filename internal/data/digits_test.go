package data

import "testing"

func TestDigits(t *testing.T) {
	s := Digits()
	all := s.Train.Len() + s.Test.Len()
	if all != 1797 {
		t.Errorf("%d digits", all)
	}
	train, test := counts(s.Train, 10), counts(s.Test, 10)
	// The counts of optdigits.tes in UCI's description.
	for c, want := range []int{178, 182, 177, 183, 181, 182, 181, 179, 174, 180} {
		if train[c]+test[c] != want || test[c] != want/5 {
			t.Errorf("class %d: %d to train and %d to test of %d", c, train[c], test[c], want)
		}
	}
	checkSizes(t, s)
	const golden = "33f21f65df2dfdce3f79f32a664dff2c63fb8eedb78147577accfe8f9554b120"
	if got := s.Fingerprint(); got != golden {
		t.Errorf("fingerprint %s, want %s", got, golden)
	}
}

// Ink keeps its brightness when it is enlarged, and the channels are equal.
func TestDigitsAreGrey(t *testing.T) {
	s := Digits()
	for i := 0; i < len(s.Train.Images); i += 3 {
		if p := s.Train.Images[i:]; p[0] != p[1] || p[0] != p[2] {
			t.Fatalf("byte %d: %v", i, p[:3])
		}
	}
	for _, c := range []struct {
		name string
		grey string
		want byte
	}{
		{"full ink", string(filled(16)), 255},
		{"half ink", string(filled(8)), 128},
		{"no ink", string(filled(0)), 0},
	} {
		for _, v := range enlarged(c.grey) {
			if v != c.want {
				t.Errorf("%s becomes %d, want %d", c.name, v, c.want)
				break
			}
		}
	}
}

func filled(v byte) []byte {
	b := make([]byte, digitPixels)
	for i := range b {
		b[i] = v
	}
	return b
}
