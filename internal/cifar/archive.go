package cifar

import (
	"archive/tar"
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"path"
	"strings"

	"imgcls/internal/fault"
)

// A Source says where an archive is to be had and how to know it.
type Source struct {
	Name        string
	Size        int64
	MD5, SHA256 string   // hexadecimal
	URLs        []string // in the order in which to try them
	Members     []Member
}

// A Member is a file of an archive's one folder.
type Member struct {
	Name string
	Size int64
	MD5  string
}

// Archive is the official edition that this package reads. The first address
// is the publisher's; it sends its visitors on to the last one.
var Archive = Source{
	Name:   "cifar-10-binary.tar.gz",
	Size:   170052171,
	MD5:    "c32a1d4ab5d03f1284b67883e8d87530",
	SHA256: "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
	URLs: []string{
		"https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
		"https://storage.googleapis.com/s4tf-hosted-binaries/datasets/CIFAR10/cifar-10-binary.tar.gz",
		"https://mindspore-website.obs.cn-north-4.myhuaweicloud.com/notebook/datasets/cifar-10-binary.tar.gz",
		"https://cave.cs.toronto.edu/kriz/cifar-10-binary.tar.gz",
	},
	Members: []Member{
		{"data_batch_1.bin", officialSize, "5dd7e06a14cb22eb9f671a540d1b7c25"},
		{"data_batch_2.bin", officialSize, "5ea93a67294ea407fff1d09f752e9692"},
		{"data_batch_3.bin", officialSize, "942cd6a4bcdd0dd3c604fbe906cb4421"},
		{"data_batch_4.bin", officialSize, "ae636b3ba5c66a11e91e8cb52e771fcb"},
		{"data_batch_5.bin", officialSize, "53f37980c15c3d472c316c40844f3f0d"},
		{"test_batch.bin", officialSize, "803d5f7f4d78ea53de84dbe85f74fb6d"},
	},
}

// archiveSlack is what an archive may hold beside the batches: headers,
// padding and small files such as readme.html.
const archiveSlack = 1 << 20

// readArchive reads the set from a gzipped tar; at is its path, for messages.
func readArchive(r io.Reader, at string) (*Set, error) {
	file := bufio.NewReader(r)
	zipped, err := gzip.NewReader(file)
	if err != nil {
		return nil, fault.New(fault.Data, "archive", at, wanted, "not a gzipped tar: %w", err)
	}
	zipped.Multistream(false) // what follows the first stream is found below
	bounded := &bound{from: zipped, left: int64(len(Archive.Members))*officialSize + archiveSlack}
	c := newCollection()
	if err := c.readTar(tar.NewReader(bounded), at); err != nil {
		return nil, archiveFault(err, at)
	}
	if err := onlyZeros(bounded); err != nil {
		return nil, archiveFault(err, at)
	}
	if _, err := file.ReadByte(); err != io.EOF {
		return nil, archiveFault(cmp.Or(err, errTrailing), at)
	}
	return c.set(at)
}

func (c *collection) readTar(t *tar.Reader, at string) error {
	seen := map[string]bool{}
	for {
		entry, err := t.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		base, err := vet(entry, at)
		if err != nil {
			return err
		}
		if !known(base) {
			continue
		}
		if seen[base] {
			return refuse(entry, at, "occurs twice")
		}
		seen[base] = true
		if entry.Size > officialSize {
			return refuse(entry, at, "has "+group(entry.Size)+" bytes, official has "+group(officialSize))
		}
		if err := c.add(base, t, entry.Size, at+"/"+entry.Name); err != nil {
			return err
		}
	}
}

// vet refuses the entries that no honest archive of the set has, and returns
// the last element of the name of the others, "" for folders.
func vet(entry *tar.Header, at string) (base string, err error) {
	name := strings.TrimPrefix(strings.TrimSuffix(entry.Name, "/"), "./")
	switch {
	case !fs.ValidPath(name):
		return "", refuse(entry, at, "leads out of the archive")
	case entry.Typeflag != tar.TypeReg && entry.Typeflag != tar.TypeDir:
		return "", refuse(entry, at, "is not a plain file")
	}
	if err := otherEdition("archive", at, strings.Split(name, "/")...); err != nil {
		return "", err
	}
	if entry.Typeflag == tar.TypeDir {
		return "", nil
	}
	base = path.Base(name)
	if lower := strings.ToLower(base); base != lower && known(lower) {
		return "", refuse(entry, at, "differs from "+lower+" only in case")
	}
	return base, nil
}

func refuse(entry *tar.Header, at, why string) error {
	return fault.New(fault.Data, "archive", at, wanted, "entry %s %s", fault.Quote(entry.Name), why)
}

// archiveFault names the archive in the errors of the tar and gzip readers.
func archiveFault(err error, at string) error {
	var said *fault.Error
	switch {
	case errors.As(err, &said):
		return err
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fault.New(fault.Data, "archive", at, wanted, "cut short: %w", err)
	}
	return fault.New(fault.Data, "archive", at, wanted, "damaged: %w", err)
}

var (
	errTooLong  = errors.New("unpacks to more than CIFAR-10 holds")
	errTrailing = errors.New("trailing bytes after the end")
)

// A bound passes on so many bytes and then fails, unlike io.LimitReader, which
// would make a bomb look like a short file.
type bound struct {
	from io.Reader
	left int64
}

func (b *bound) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLong
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.from.Read(p)
	b.left -= int64(n)
	return n, err
}

// onlyZeros reads r to its end. A tar ends in zeros, and nothing else may
// follow its last entry.
func onlyZeros(r io.Reader) error {
	var page, zeros [4096]byte
	for {
		n, err := r.Read(page[:])
		if !bytes.Equal(page[:n], zeros[:n]) {
			return errTrailing
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
