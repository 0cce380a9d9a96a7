package data

import (
	"context"
	"os"
	"path/filepath"

	"imgcls/internal/cifar"
	"imgcls/internal/fault"
	"imgcls/internal/fetch"
	"imgcls/internal/picture"
)

// Options say where data come from and in which size.
type Options struct {
	Dir      string // keeps what was downloaded
	Offline  bool   // never use the network
	Mirror   string // address to try first; empty for none
	Samples  int    // training pictures of a set that is drawn; 0 for its default
	Size     int    // height and width; 0 for the set's own
	Progress func(fetch.Progress)
	Warn     func(text string)
}

// Names are the data sets that need no path.
var Names = []string{"cifar10", "digits", "shapes"}

// Open returns the data set that name stands for: cifar10, digits, shapes, or the
// path of CIFAR-10 as a folder, the folder around it, or the official archive.
func Open(ctx context.Context, name string, o Options) (*Set, error) {
	if o.Samples > 0 && name != "shapes" {
		return nil, fault.New(fault.Usage, "--samples", "", "leave it out", "%s is not drawn and has a size of its own", fault.Quote(name))
	}
	set, err := open(ctx, name, o)
	if err != nil || o.Size == 0 {
		return set, err
	}
	return set, set.resize(o.Size)
}

func open(ctx context.Context, name string, o Options) (*Set, error) {
	switch name {
	case "cifar10":
		return downloaded(ctx, o)
	case "digits":
		return Digits(), nil
	case "shapes":
		return drawn(o)
	}
	if cifar.IsData(name) {
		return fromCifar(name)
	}
	why := "holds none of CIFAR-10's files"
	if _, err := os.Stat(name); err != nil {
		why = "is neither a built-in set nor a path"
	}
	return nil, fault.New(fault.Data, "data", name,
		"use cifar10, digits, shapes, the folder cifar-10-batches-bin or the archive "+cifar.Archive.Name, "%s", why)
}

// drawn returns a shapes set of the size asked for; a quarter as many pictures
// again are its test split.
func drawn(o Options) (*Set, error) {
	shapes := DefaultShapes
	if o.Samples > 0 {
		shapes.Train, shapes.Test = o.Samples, max(1, o.Samples/4)
	}
	if o.Size > 0 {
		shapes.Side = o.Size
	}
	return Shapes(shapes)
}

// downloaded returns CIFAR-10 from the cache folder, filling it first if need
// be: the archive is fetched, checked and unpacked.
func downloaded(ctx context.Context, o Options) (*Set, error) {
	unpacked := filepath.Join(o.Dir, "cifar-10")
	members := map[string]int64{}
	for _, m := range cifar.Archive.Members {
		members[cifar.Folder+"/"+m.Name] = m.Size
	}
	if _, err := os.Stat(unpacked); err == nil && !fetch.Complete(unpacked, members) {
		return nil, fault.New(fault.Data, "data", unpacked, "remove this folder, and it will be made again",
			"lacks files of CIFAR-10 or holds cut ones")
	}
	for _, folder := range []string{unpacked, filepath.Join(o.Dir, cifar.Folder)} {
		if _, err := os.Stat(folder); err == nil {
			return fromCifar(folder)
		}
	}
	source := cifar.Archive
	if o.Offline {
		if archive := filepath.Join(o.Dir, source.Name); cifar.IsData(archive) {
			return fromCifar(archive)
		}
		return nil, fault.New(fault.Data, "data", o.Dir, "leave out --download never, or give the path of CIFAR-10 as DATA",
			"holds neither %s nor %s", cifar.Folder, source.Name)
	}
	archive, err := fetch.Get(ctx, fetch.File{
		Name: source.Name, Size: source.Size, MD5: source.MD5, SHA256: source.SHA256, URLs: source.URLs,
	}, o.Dir, fetch.Options{Mirror: o.Mirror, Progress: o.Progress, Warn: o.Warn})
	if err != nil {
		return nil, err
	}
	if err := fetch.Unpack(ctx, archive, unpacked, members); err != nil {
		return nil, err
	}
	return fromCifar(unpacked)
}

func fromCifar(path string) (*Set, error) {
	c, err := cifar.Read(path)
	if err != nil {
		return nil, err
	}
	if absolute, err := filepath.Abs(path); err == nil { // a run folder keeps it
		path = absolute
	}
	return &Set{
		Name: "cifar10", Path: path, Classes: c.Classes,
		Height: cifar.Size, Width: cifar.Size, Channels: 3,
		Train: split(c.Train), Test: split(c.Test), Warnings: c.Warnings,
	}, nil
}

func split(p cifar.Part) Split {
	s := Split{Images: p.Images, Labels: make([]int32, len(p.Labels))}
	for i, l := range p.Labels {
		s.Labels[i] = int32(l)
	}
	return s
}

// mostScaled bounds the bytes of a set that is scaled, all of which is held in
// memory.
const mostScaled = 4 << 30

// resize scales every picture to size×size.
func (s *Set) resize(size int) error {
	if s.Height == size && s.Width == size {
		return nil
	}
	if pictures, each := s.Train.Len()+s.Test.Len(), size*size*s.Channels; pictures > mostScaled/each {
		return fault.New(fault.Usage, "--img-size", "", "use a smaller size",
			"%d pictures of %d×%d×%d take %d bytes; at most %d are held", pictures, size, size, s.Channels, pictures*each, mostScaled)
	}
	bytes := s.Height * s.Width * s.Channels
	for _, split := range []*Split{&s.Train, &s.Test} {
		scaled := make([]byte, 0, split.Len()*size*size*s.Channels)
		for i := range split.Len() {
			p := picture.RGB{Width: s.Width, Height: s.Height, Pix: split.Images[i*bytes : (i+1)*bytes]}
			scaled = append(scaled, picture.Resize(&p, size, size).Pix...)
		}
		split.Images = scaled
	}
	s.Height, s.Width = size, size
	return nil
}
