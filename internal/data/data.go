// Package data holds data sets in memory and makes the two that need no
// download: digits, which is embedded, and shapes, which is drawn.
//
// A Set is bytes and indices, the form in which a device takes them: the
// pictures of a split lie one after another, rows of pixels with their
// channels together, and each has the number of its class. Normalisation is
// no part of it; that belongs to the recipe which trains on the set and is
// stored with the model.
//
// Targets other than a class, boxes and masks, belong to the sets that have
// them: the shapes are drawn as a Scene, which has both.
package data

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
)

// A Set is a data set in memory: pictures as bytes, and what is to be learnt
// of each.
type Set struct {
	Name     string // "digits", "shapes", "cifar10"
	Path     string // where it was read from; empty for what is made or embedded
	Classes  []string
	Height   int
	Width    int
	Channels int
	Train    Split
	Val      Split // held out of Train by HoldOut, to choose by
	Test     Split
	Warnings []string // what the user should know of the data, a sentence each
}

// A Split is a part of a set that is used for one purpose.
type Split struct {
	Images []byte  // N×H×W×C, row-major
	Labels []int32 // indices into Classes
}

// Len returns the number of pictures.
func (s Split) Len() int { return len(s.Labels) }

// Fingerprint returns a SHA-256, in hexadecimal, of all that can change what
// is learnt: the sizes, the classes in order, and the pictures and labels of
// both splits in order. It depends neither on the set's name and place nor on
// the platform. It is that of the set as it was read: ask before HoldOut.
func (s *Set) Fingerprint() string {
	h := sha256.New()
	writeNumbers(h, s.Height, s.Width, s.Channels, len(s.Classes))
	for _, c := range s.Classes {
		writeNumbers(h, len(c))
		h.Write([]byte(c))
	}
	for _, split := range []Split{s.Train, s.Test} {
		writeNumbers(h, len(split.Images), len(split.Labels))
		h.Write(split.Images)
		labels := make([]byte, 0, 4*len(split.Labels))
		for _, l := range split.Labels {
			labels = binary.LittleEndian.AppendUint32(labels, uint32(l))
		}
		h.Write(labels)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// writeNumbers adds each number to h as eight bytes. Lengths come before what
// they count, so that two sets whose parts run together the same differ.
func writeNumbers(h hash.Hash, numbers ...int) {
	for _, n := range numbers {
		var b [8]byte
		binary.LittleEndian.PutUint64(b[:], uint64(n))
		h.Write(b[:])
	}
}
