package main

import (
	"slices"
	"strings"
)

// nearest returns the name that a misspelt word most likely means: the one at
// the least edit distance, of at most a third of the word's length, or the one
// the word begins. Of equally near names it is the first in byte order, and ""
// where none is near.
func nearest(word string, names []string) string {
	const longest = 64 // bytes; a longer word is no slip of the keyboard
	if len(word) < 2 || len(word) > longest {
		return ""
	}
	word = strings.ReplaceAll(strings.ToLower(word), "_", "-")
	best, least := "", (len(word)+2)/3+1
	for _, name := range slices.Sorted(slices.Values(names)) {
		d := distance(word, name)
		if strings.HasPrefix(name, word) {
			d = 0
		}
		if d < least {
			best, least = name, d
		}
	}
	return best
}

// distance counts the insertions, deletions, substitutions and swaps of
// neighbors that turn a into b, none of them touching the same letter twice
// (optimal string alignment).
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before, last, row = last, row, before
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j]+cost, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
	}
	return row[len(b)]
}
