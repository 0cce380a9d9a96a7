package data

import "testing"

// checkSizes compares the lengths of a set's parts with one another.
func checkSizes(t *testing.T, s *Set) {
	t.Helper()
	for _, split := range []Split{s.Train, s.Test} {
		if len(split.Images) != split.Len()*s.Height*s.Width*s.Channels {
			t.Errorf("%d pictures of %d×%d×%d in %d bytes", split.Len(), s.Height, s.Width, s.Channels, len(split.Images))
		}
		for i, l := range split.Labels {
			if l < 0 || int(l) >= len(s.Classes) {
				t.Fatalf("label %d is %d", i, l)
			}
		}
	}
}

func sample() *Set {
	return &Set{
		Name: "a", Path: "b", Classes: []string{"x", "yz"}, Height: 1, Width: 2, Channels: 1,
		Train: Split{Images: []byte{1, 2, 3, 4}, Labels: []int32{0, 1}},
		Test:  Split{Images: []byte{5, 6}, Labels: []int32{1}},
	}
}

func TestFingerprint(t *testing.T) {
	const golden = "409f745be06ec02d98de81fe23bcafd422432e11d9be218cee0b1c8b97715c2d"
	if got := sample().Fingerprint(); got != golden {
		t.Errorf("fingerprint %s, want %s", got, golden)
	}
	for name, change := range map[string]func(*Set){
		"class renamed":       func(s *Set) { s.Classes[1] = "yw" },
		"classes exchanged":   func(s *Set) { s.Classes = []string{"yz", "x"} },
		"names cut otherwise": func(s *Set) { s.Classes = []string{"xy", "z"} },
		"sides exchanged":     func(s *Set) { s.Height, s.Width = 2, 1 },
		"pixel":               func(s *Set) { s.Train.Images[3]++ },
		"label":               func(s *Set) { s.Test.Labels[0] = 0 },
		"splits cut otherwise": func(s *Set) {
			s.Train = Split{Images: []byte{1, 2}, Labels: []int32{0}}
			s.Test = Split{Images: []byte{3, 4, 5, 6}, Labels: []int32{1, 1}}
		},
	} {
		s := sample()
		change(s)
		if s.Fingerprint() == golden {
			t.Errorf("%s: the fingerprint stays", name)
		}
	}
	s := sample()
	s.Name, s.Path, s.Warnings = "c", "d", []string{"e"}
	if s.Fingerprint() != golden {
		t.Error("the fingerprint depends on name, path or warnings")
	}
}

// counts returns the number of pictures of each class.
func counts(s Split, classes int) []int {
	n := make([]int, classes)
	for _, l := range s.Labels {
		n[l]++
	}
	return n
}
