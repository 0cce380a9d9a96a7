package data

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"imgcls/internal/fault"
)

// Held-out pictures are of every class by its share, the same for the same seed,
// and together with the rest they are the set.
func TestHoldOut(t *testing.T) {
	whole := Digits()
	one, same, other := Digits(), Digits(), Digits()
	for _, c := range []struct {
		set  *Set
		seed uint64
	}{{one, 1}, {same, 1}, {other, 2}} {
		if err := c.set.HoldOut(0.1, c.seed); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(one.Val.Images, same.Val.Images) || bytes.Equal(one.Val.Images, other.Val.Images) {
		t.Error("the seed does not decide which are held out")
	}
	pixels := len(whole.Train.Images) / whole.Train.Len()
	counts, all := make([]int, 10), make([]int, 10)
	train, val := 0, 0
	for i, label := range whole.Train.Labels { // a merge of the two parts is the set in its order
		all[label]++
		picture := whole.Train.Images[i*pixels : (i+1)*pixels]
		switch {
		case train < one.Train.Len() && bytes.Equal(one.Train.Images[train*pixels:(train+1)*pixels], picture):
			train++
		case val < one.Val.Len() && one.Val.Labels[val] == label && bytes.Equal(one.Val.Images[val*pixels:(val+1)*pixels], picture):
			counts[label]++
			val++
		default:
			t.Fatalf("picture %d is in neither part", i)
		}
	}
	for class := range counts {
		if share := float64(counts[class]) / float64(all[class]); share < 0.09 || share > 0.11 {
			t.Errorf("of class %d %d of %d are held out", class, counts[class], all[class])
		}
	}
	if one.Test.Len() != whole.Test.Len() {
		t.Error("the test split has changed")
	}
}

func TestHoldOutRefuses(t *testing.T) {
	s := &Set{Classes: []string{"cat", "dog"}, Height: 1, Width: 1, Channels: 1, Train: Split{Images: []byte{1, 2, 3}, Labels: []int32{0, 0, 1}}}
	err := s.HoldOut(0.5, 1)
	if fault.KindOf(err) != fault.Data || !strings.Contains(err.Error(), `class "dog" has 1 training pictures`) || s.Train.Len() != 3 {
		t.Errorf("error %v", err)
	}
	s.Train = Split{Images: []byte{1, 2, 3, 4}, Labels: []int32{0, 0, 1, 1}}
	if err := s.HoldOut(0.99, 1); err != nil || s.Train.Len() != 2 || s.Val.Len() != 2 {
		t.Errorf("%d and %d pictures, error %v", s.Train.Len(), s.Val.Len(), err)
	}
}

func TestChanges(t *testing.T) {
	set := func(train, test []byte) *Set {
		s := &Set{Classes: []string{"a"}, Height: 1, Width: 1, Channels: 1}
		s.Train = Split{Images: train, Labels: make([]int32, len(train))}
		s.Test = Split{Images: test, Labels: make([]int32, len(test))}
		return s
	}
	old := set([]byte{1, 2, 3, 3}, []byte{9}).Index()
	for _, c := range []struct {
		train, test []byte
		want        string
	}{
		{[]byte{1, 2, 3, 3, 4, 5}, []byte{9}, "pictures: 2 added, 0 removed, 0 changed"},
		{[]byte{2, 3, 3}, []byte{9}, "pictures: 0 added, 1 removed, 0 changed"},
		{[]byte{1, 2, 3}, []byte{9}, "pictures: 0 added, 1 removed, 0 changed"},
		{[]byte{1, 7, 3, 3}, []byte{8}, "pictures: 0 added, 0 removed, 2 changed"},
		{[]byte{7, 1, 2, 3}, []byte{9}, "pictures: 1 added, 1 removed, 0 changed"},
		{[]byte{3, 3, 2, 1}, []byte{9}, "the pictures are the same, in another order or with other classes"},
	} {
		if got := set(c.train, c.test).Changes(old); got != c.want {
			t.Errorf("%v, %v: %s, want %s", c.train, c.test, got, c.want)
		}
	}
	relabelled := set([]byte{1, 2, 3, 3}, []byte{9})
	relabelled.Train.Labels[0] = 1
	if got := relabelled.Changes(old); got != "pictures: 0 added, 0 removed, 1 changed" {
		t.Errorf("another label: %s", got)
	}
	for _, bad := range [][]byte{nil, {1, 2, 3}, slices.Repeat([]byte{255}, 16)} {
		if got := set(nil, nil).Changes(bad); got != "" {
			t.Errorf("%v is no index, yet: %s", bad, got)
		}
	}
}
