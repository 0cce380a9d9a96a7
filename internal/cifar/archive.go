package cifar

import (
	"errors"
	"io"
	"path"
	"strings"

	"imgcls/internal/archive"
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
	c := newCollection()
	most := int64(len(Archive.Members))*officialSize + archiveSlack
	err := archive.Walk(r, most, func(e archive.Entry, data io.Reader) error { return c.addEntry(e, data, at) })
	var said *fault.Error
	if err != nil && !errors.As(err, &said) {
		return nil, fault.New(fault.Data, "archive", at, wanted, "%w", err)
	}
	if err != nil {
		return nil, err
	}
	return c.set(at)
}

// addEntry takes a file of the set from an archive, and passes over all others.
func (c *collection) addEntry(e archive.Entry, data io.Reader, at string) error {
	if err := otherEdition("archive", at, strings.Split(e.Name, "/")...); err != nil || e.Folder {
		return err
	}
	refuse := func(why string) error {
		return fault.New(fault.Data, "archive", at, wanted, "entry %s %s", e.Quoted, why)
	}
	base := path.Base(e.Name)
	switch lower := strings.ToLower(base); {
	case base != lower && known(lower):
		return refuse("differs from " + lower + " only in case")
	case !known(base):
		return nil
	case c.paths[base] != "":
		return refuse("occurs twice")
	case e.Size > officialSize:
		return refuse("has " + fault.Grouped(e.Size) + " bytes, official has " + fault.Grouped(officialSize))
	}
	return c.add(base, data, e.Size, at+"/"+e.Name)
}
