package cifar

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"imgcls/internal/fault"
)

// A Set is the whole of CIFAR-10.
type Set struct {
	Classes  []string // the names of the labels, in their order
	Train    Part
	Test     Part
	Warnings []string // what departs from the official set and was read all the same
}

var classes = []string{"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"}

const (
	Folder   = "cifar-10-batches-bin"
	metaName = "batches.meta.txt"
	metaMost = 4096 // bytes; the official file has 61
	testName = "test_batch.bin"
	wanted   = "take cifar-10-binary.tar.gz from https://www.cs.toronto.edu/~kriz/cifar.html, unpacked or not"
)

// editions lists the names by which the sets that are not read are known.
var editions = []struct {
	is    string
	names []string
}{
	{"the Python edition of CIFAR-10, made of pickles, which can run code", []string{
		"cifar-10-python.tar.gz", "cifar-10-batches-py", "batches.meta", "test_batch",
		"data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5"}},
	{"the Python edition of CIFAR-100, made of pickles, which can run code", []string{
		"cifar-100-python.tar.gz", "cifar-100-python"}},
	{"CIFAR-100, not CIFAR-10", []string{
		"cifar-100-binary.tar.gz", "cifar-100-binary", "train.bin", "test.bin",
		"fine_label_names.txt", "coarse_label_names.txt"}},
}

// IsData tells whether path is for Read: one of the forms that it takes, or of
// those that it refuses with the name of the right archive.
func IsData(path string) bool {
	info, err := os.Stat(path)
	if err != nil {
		return false
	}
	base := filepath.Base(path)
	if info.Mode().IsRegular() {
		return known(base) || otherEdition("file", path, base) != nil || strings.HasSuffix(base, ".tar.gz") || strings.HasSuffix(base, ".tgz")
	}
	names := namesIn(path)
	return info.IsDir() && (slices.ContainsFunc(names, known) || slices.Contains(names, Folder) ||
		otherEdition("folder", path, append(names, base)...) != nil)
}

// Read reads the set from the folder cifar-10-batches-bin, the folder that
// holds it, or the archive cifar-10-binary.tar.gz.
func Read(path string) (*Set, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, fault.New(fault.Data, "CIFAR-10", path, wanted, "%w", fault.Cause(err))
	case info.IsDir():
		return readFolder(path)
	case !info.Mode().IsRegular():
		return nil, fault.New(fault.Data, "CIFAR-10", path, wanted, "neither a folder nor a plain file")
	}
	return readFile(path)
}

func readFile(path string) (*Set, error) {
	base := filepath.Base(path)
	if err := otherEdition("file", path, base); err != nil {
		return nil, err
	}
	if known(base) {
		return nil, fault.New(fault.Data, "CIFAR-10", path, "give the folder that holds it", "is one file of the set")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fault.New(fault.Data, "archive", path, "", "%w", fault.Cause(err))
	}
	defer f.Close()
	return readArchive(f, path)
}

func readFolder(path string) (*Set, error) {
	names := namesIn(path)
	if !slices.ContainsFunc(names, known) && slices.Contains(names, Folder) {
		path = filepath.Join(path, Folder)
		names = namesIn(path)
	}
	c := newCollection()
	if slices.ContainsFunc(names, known) {
		for _, name := range names {
			if !known(name) {
				continue
			}
			if err := c.addFile(filepath.Join(path, name)); err != nil {
				return nil, err
			}
		}
	} else if err := otherEdition("folder", path, append(names, filepath.Base(path))...); err != nil {
		return nil, err
	}
	return c.set(path)
}

// namesIn returns the names in a folder, none where it cannot be read: what is
// missing is then said by name.
func namesIn(dir string) []string {
	entries, _ := os.ReadDir(dir)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// otherEdition returns the refusal where one of the names is that of a set
// which is not read.
func otherEdition(what, at string, names ...string) error {
	for _, e := range editions {
		for _, name := range names {
			if slices.Contains(e.names, name) {
				return fault.New(fault.Data, what, at, wanted, "%s: this is %s", fault.Quote(name), e.is)
			}
		}
	}
	return nil
}

func known(name string) bool {
	return name == metaName || slices.ContainsFunc(Archive.Members, func(m Member) bool { return m.Name == name })
}

// A collection gathers the files of a set in whatever order they come.
type collection struct {
	parts map[string]Part   // by file name
	paths map[string]string // of the parts, for messages
	sums  map[string]string // MD5 of the files
}

func newCollection() *collection {
	return &collection{map[string]Part{}, map[string]string{}, map[string]string{}}
}

func (c *collection) addFile(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fault.New(fault.Data, "CIFAR-10 batch", path, wanted, "%w", fault.Cause(err))
	}
	if !info.Mode().IsRegular() { // opening a pipe would wait for its writer
		return fault.New(fault.Data, "CIFAR-10 batch", path, wanted, "not a plain file")
	}
	f, err := os.Open(path)
	if err != nil {
		return fault.New(fault.Data, "CIFAR-10 batch", path, "", "%w", fault.Cause(err))
	}
	defer f.Close()
	err = c.add(filepath.Base(path), f, info.Size(), path)
	var said *fault.Error
	if err != nil && !errors.As(err, &said) {
		return fault.New(fault.Data, "CIFAR-10 batch", path, "", "%w", fault.Cause(err))
	}
	return err
}

// add takes a file of size bytes; at is its path, for messages.
func (c *collection) add(name string, r io.Reader, size int64, at string) error {
	if name == metaName {
		return checkClasses(r, at)
	}
	sum := md5.New()
	p, err := decode(io.TeeReader(r, sum), size, at)
	if err != nil {
		return err
	}
	c.parts[name], c.paths[name], c.sums[name] = p, at, hex.EncodeToString(sum.Sum(nil))
	return nil
}

// set joins the parts; at is where they were found.
func (c *collection) set(at string) (*Set, error) {
	if err := c.complete(at); err != nil {
		return nil, err
	}
	s := &Set{Classes: slices.Clone(classes), Test: c.parts[testName]}
	total := 0
	for _, p := range c.parts {
		total += p.Len()
	}
	s.Train.grow(total - s.Test.Len())
	for _, m := range Archive.Members {
		n := c.parts[m.Name].Len()
		if m.Name != testName {
			s.Train.add(c.parts[m.Name])
		}
		delete(c.parts, m.Name)
		switch at := fault.Quote(c.paths[m.Name]); {
		case n != officialRecords:
			s.Warnings = append(s.Warnings, at+": "+fault.Grouped(int64(n))+" records, official has "+fault.Grouped(officialRecords))
		case c.sums[m.Name] != m.MD5:
			s.Warnings = append(s.Warnings, at+": MD5 is "+c.sums[m.Name]+", that of the official file is "+m.MD5)
		}
	}
	return s, nil
}

func (c *collection) complete(at string) error {
	var have, lack []string
	for _, m := range Archive.Members {
		if _, ok := c.parts[m.Name]; ok {
			have = append(have, m.Name)
		} else {
			lack = append(lack, m.Name)
		}
	}
	switch {
	case len(lack) == 0:
		return nil
	case len(have) == 0:
		return fault.New(fault.Data, "CIFAR-10", at, wanted, "holds none of the set's files (%s to %s)",
			Archive.Members[0].Name, testName)
	}
	return fault.New(fault.Data, "CIFAR-10", at, wanted, "%s missing; there is %s",
		strings.Join(lack, ", "), strings.Join(have, ", "))
}

// checkClasses compares the list of names that comes with the set with the one
// that labels are shown by.
func checkClasses(r io.Reader, at string) error {
	text, err := io.ReadAll(io.LimitReader(r, metaMost))
	if err != nil {
		return err
	}
	var found []string
	for line := range bytes.Lines(text) {
		if name := string(bytes.TrimSpace(line)); name != "" {
			found = append(found, name)
		}
	}
	for i := range max(len(found), len(classes)) {
		if a, b := nameAt(found, i), nameAt(classes, i); a != b {
			return fault.New(fault.Data, "class names", at, wanted, "class %d is %s, CIFAR-10 has %s", i, a, b)
		}
	}
	return nil
}

func nameAt(names []string, i int) string {
	if i < len(names) {
		return fault.Quote(names[i])
	}
	return "missing"
}
