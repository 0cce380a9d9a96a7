package data

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"

	"imgcls/internal/fault"
)

// An index holds eight bytes of the SHA-256 of each picture with its label, so
// that what has changed in a set can be counted when its fingerprint differs. It
// begins with the number of training pictures; those of the test follow them.
const indexEntry = 8

// Index returns the set's index. Like the fingerprint it is that of the set as
// it was read.
func (s *Set) Index() []byte {
	index := binary.LittleEndian.AppendUint64(nil, uint64(s.Train.Len()))
	for _, split := range []Split{s.Train, s.Test} {
		if split.Len() == 0 {
			continue
		}
		pixels := len(split.Images) / split.Len()
		for i, l := range split.Labels {
			h := sha256.New()
			h.Write(split.Images[i*pixels : (i+1)*pixels])
			writeNumbers(h, int(l))
			index = append(index, h.Sum(nil)[:indexEntry]...)
		}
	}
	return index
}

// Changes counts in what the set differs from the one of an older index: "3
// pictures added, 1 removed, 2 changed". A picture counts as changed when the
// old and the new one at its place are both unknown to the other set. It returns
// "" where the index is none.
func (s *Set) Changes(old []byte) string {
	was, ok := parseIndex(old)
	if !ok {
		return ""
	}
	is, _ := parseIndex(s.Index())
	added, removed, changed := 0, 0, 0
	for part := range was {
		a, r, c := compare(was[part], is[part])
		added, removed, changed = added+a, removed+r, changed+c
	}
	if added+removed+changed == 0 {
		return "the pictures are the same, in another order or with other classes"
	}
	var parts []string
	for _, p := range []struct {
		n    int
		what string
	}{{added, "added"}, {removed, "removed"}, {changed, "changed"}} {
		parts = append(parts, fmt.Sprintf("%s %s", fault.Grouped(int64(p.n)), p.what))
	}
	return "pictures: " + strings.Join(parts, ", ")
}

// parseIndex returns the entries of the training and the test part.
func parseIndex(index []byte) (parts [2][]uint64, ok bool) {
	if len(index) < indexEntry || len(index)%indexEntry != 0 {
		return parts, false
	}
	var all []uint64
	for at := 0; at < len(index); at += indexEntry {
		all = append(all, binary.LittleEndian.Uint64(index[at:]))
	}
	train, all := all[0], all[1:]
	if train > uint64(len(all)) {
		return parts, false
	}
	return [2][]uint64{all[:train], all[train:]}, true
}

func compare(was, is []uint64) (added, removed, changed int) {
	counts := map[uint64]int{} // of those in was that is lacks, and of those the other way, below 0
	for _, h := range was {
		counts[h]++
	}
	for _, h := range is {
		counts[h]--
	}
	for _, n := range counts {
		removed += max(n, 0)
		added += max(-n, 0)
	}
	for i := range min(len(was), len(is)) {
		if counts[was[i]] > 0 && counts[is[i]] < 0 {
			changed++
			counts[was[i]]--
			counts[is[i]]++
		}
	}
	return added - changed, removed - changed, changed
}
