package data

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"imgcls/internal/cifar"
	"imgcls/internal/fault"
	"imgcls/internal/picture"
)

// batches are CIFAR-10's files with two pictures each. Record r of file f has
// label (f+r) mod 10, and its planes are filled with 10f+r, 100 and 200.
func batches() map[string][]byte {
	files := map[string][]byte{}
	const plane = cifar.Size * cifar.Size
	for f, m := range cifar.Archive.Members {
		for r := range 2 {
			record := append([]byte{byte((f + r) % 10)}, bytes.Repeat([]byte{byte(10*f + r)}, plane)...)
			record = append(record, bytes.Repeat([]byte{100}, plane)...)
			record = append(record, bytes.Repeat([]byte{200}, plane)...)
			files[m.Name] = append(files[m.Name], record...)
		}
	}
	return files
}

// writeFolder writes the batches into a folder.
func writeFolder(t *testing.T, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range batches() {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// writeArchive packs the batches.
func writeArchive(t *testing.T, path string) {
	t.Helper()
	var file bytes.Buffer
	zipped := gzip.NewWriter(&file)
	packed := tar.NewWriter(zipped)
	for name, text := range batches() {
		err := packed.WriteHeader(&tar.Header{Name: cifar.Folder + "/" + name, Typeflag: tar.TypeReg, Size: int64(len(text)), Mode: 0o644})
		if err != nil {
			t.Fatal(err)
		}
		packed.Write(text) // into memory: no error but what Close returns
	}
	if err := packed.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zipped.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, file.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

func opened(t *testing.T, name string, o Options) *Set {
	t.Helper()
	set, err := Open(context.Background(), name, o)
	if err != nil {
		t.Fatal(err)
	}
	checkSizes(t, set)
	return set
}

// CIFAR-10 in each form and place is the same set.
func TestOpenCifar(t *testing.T) {
	root := t.TempDir()
	at := func(parts ...string) string { return filepath.Join(append([]string{root}, parts...)...) }
	writeFolder(t, at("around", cifar.Folder))
	writeFolder(t, at("renamed"))
	if err := os.Mkdir(at("archived"), 0o755); err != nil {
		t.Fatal(err)
	}
	writeArchive(t, at("archived", cifar.Archive.Name))
	for name, c := range map[string]struct {
		data string
		dir  string // the cache
		path string // that the set says
	}{
		"the folder":              {data: at("around", cifar.Folder), path: at("around", cifar.Folder)},
		"the folder around it":    {data: at("around"), path: at("around")},
		"under another name":      {data: at("renamed"), path: at("renamed")},
		"the archive":             {data: at("archived", cifar.Archive.Name), path: at("archived", cifar.Archive.Name)},
		"unpacked into the cache": {data: "cifar10", dir: at("around"), path: at("around", cifar.Folder)},
		"archive in the cache":    {data: "cifar10", dir: at("archived"), path: at("archived", cifar.Archive.Name)},
	} {
		t.Run(name, func(t *testing.T) {
			s := opened(t, c.data, Options{Dir: c.dir, Offline: true})
			if s.Name != "cifar10" || s.Path != c.path || s.Height != 32 || s.Width != 32 || s.Channels != 3 {
				t.Errorf("%s from %s, %d×%d×%d", s.Name, s.Path, s.Height, s.Width, s.Channels)
			}
			if len(s.Classes) != 10 || s.Classes[0] != "airplane" || s.Classes[9] != "truck" {
				t.Errorf("classes %v", s.Classes)
			}
			if want := []int32{0, 1, 1, 2, 2, 3, 3, 4, 4, 5}; !slices.Equal(s.Train.Labels, want) {
				t.Errorf("train labels %v, want %v", s.Train.Labels, want)
			}
			if want := []int32{5, 6}; !slices.Equal(s.Test.Labels, want) {
				t.Errorf("test labels %v, want %v", s.Test.Labels, want)
			}
			for i := range s.Train.Len() {
				want := []byte{byte(10*(i/2) + i%2), 100, 200}
				if got := s.Train.Images[i*32*32*3:][:3]; !bytes.Equal(got, want) {
					t.Errorf("picture %d begins with %v, want %v", i, got, want)
				}
			}
			if len(s.Warnings) != 6 || !strings.Contains(s.Warnings[0], "2 records, official has 10,000") {
				t.Errorf("warnings %q", s.Warnings)
			}
		})
	}
}

// What a download unpacked is used only while it is whole.
func TestOpenCutCache(t *testing.T) {
	dir := t.TempDir()
	writeFolder(t, filepath.Join(dir, "cifar-10"))
	_, err := Open(t.Context(), "cifar10", Options{Dir: dir, Offline: true})
	if fault.KindOf(err) != fault.Data || !strings.Contains(err.Error(), "remove this folder") {
		t.Errorf("error %v", err)
	}
}

func TestOnlyShapesHaveSamples(t *testing.T) {
	if _, err := Open(t.Context(), "digits", Options{Samples: 5}); fault.KindOf(err) != fault.Usage {
		t.Errorf("error %v", err)
	}
}

func TestOpenMade(t *testing.T) {
	if d, want := opened(t, "digits", Options{}), Digits(); d.Name != "digits" || d.Fingerprint() != want.Fingerprint() {
		t.Errorf("digits: %s, %d train", d.Name, d.Train.Len())
	}
	for _, c := range []struct {
		samples, size     int
		train, test, side int
	}{
		{0, 0, DefaultShapes.Train, DefaultShapes.Test, 32},
		{10, 0, 10, 2, 32},
		{1, 0, 1, 1, 32},
		{10, 64, 10, 2, 64},
		{10, 16, 10, 2, 16},
	} {
		s := opened(t, "shapes", Options{Samples: c.samples, Size: c.size})
		if s.Train.Len() != c.train || s.Test.Len() != c.test || s.Height != c.side || s.Width != c.side {
			t.Errorf("%+v: %d train, %d test of %d×%d", c, s.Train.Len(), s.Test.Len(), s.Height, s.Width)
		}
	}
	// A set that is drawn is drawn in its size, not scaled.
	want, err := Shapes(ShapesOptions{Seed: DefaultShapes.Seed, Train: 10, Test: 2, Side: 64})
	if err != nil {
		t.Fatal(err)
	}
	if opened(t, "shapes", Options{Samples: 10, Size: 64}).Fingerprint() != want.Fingerprint() {
		t.Error("shapes of 64×64 are not those that Shapes draws")
	}
	for _, o := range []Options{{Samples: 1 << 40}, {Size: 1}, {Size: 1 << 20}} {
		if _, err := Open(context.Background(), "shapes", o); fault.KindOf(err) != fault.Usage {
			t.Errorf("shapes, %d of %d: %v", o.Samples, o.Size, err)
		}
	}
}

// Scaling changes pictures and their sizes and nothing else.
func TestOpenResizes(t *testing.T) {
	whole := opened(t, "digits", Options{})
	if same := opened(t, "digits", Options{Size: 32}); same.Fingerprint() != whole.Fingerprint() {
		t.Error("the set's own size changes it")
	}
	for _, size := range []int{16, 45} {
		scaled := opened(t, "digits", Options{Size: size})
		if scaled.Height != size || scaled.Width != size || scaled.Channels != 3 {
			t.Errorf("%d×%d×%d, want %d", scaled.Height, scaled.Width, scaled.Channels, size)
		}
		if !slices.Equal(scaled.Train.Labels, whole.Train.Labels) || !slices.Equal(scaled.Test.Labels, whole.Test.Labels) {
			t.Errorf("%d: the labels have changed", size)
		}
		const before = 32 * 32 * 3
		after := size * size * 3
		for _, i := range []int{0, 1, 100, whole.Test.Len() - 1} {
			p := picture.RGB{Width: 32, Height: 32, Pix: whole.Test.Images[i*before:][:before]}
			if !bytes.Equal(scaled.Test.Images[i*after:][:after], picture.Resize(&p, size, size).Pix) {
				t.Errorf("%d: picture %d is another", size, i)
			}
		}
	}
}

func TestOpenRefusals(t *testing.T) {
	root := t.TempDir()
	at := func(name string) string { return filepath.Join(root, name) }
	for _, dir := range []string{"empty", "cifar-10-batches-py", "cats"} {
		if err := os.Mkdir(at(dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"notes.txt", "cats/cat.png", "data_batch_1.bin", "cifar-10-python.tar.gz", "broken.tar.gz"} {
		if err := os.WriteFile(at(name), []byte("text"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	offline := Options{Dir: at("empty"), Offline: true}
	for _, c := range []struct {
		name  string
		o     Options
		words []string
	}{
		{"cifar-10", Options{}, []string{`"cifar-10"`, "neither a built-in set nor a path", "cifar10, digits, shapes"}},
		{"", Options{}, []string{"neither a built-in set nor a path"}},
		{at("none"), Options{}, []string{"neither a built-in set nor a path"}},
		{at("empty"), Options{}, []string{"holds none of CIFAR-10's files", cifar.Archive.Name}},
		{at("cats"), Options{}, []string{"holds none of CIFAR-10's files"}},
		{at("notes.txt"), Options{}, []string{"holds none of CIFAR-10's files"}},
		{at("line\n\x1b[2J"), Options{}, []string{`line\n\x1b[2J`}},
		{at("data_batch_1.bin"), Options{}, []string{"give the folder that holds it"}},
		{at("cifar-10-batches-py"), Options{}, []string{"Python edition", cifar.Archive.Name}},
		{at("cifar-10-python.tar.gz"), Options{}, []string{"Python edition", cifar.Archive.Name}},
		{at("broken.tar.gz"), Options{}, []string{"not a gzipped tar"}},
		{"cifar10", offline, []string{"holds neither cifar-10-batches-bin nor cifar-10-binary.tar.gz", "--download never"}},
		{"cifar10", Options{Dir: at("none"), Offline: true}, []string{"--download never"}},
	} {
		t.Run(fmt.Sprintf("%q", filepath.Base(c.name)), func(t *testing.T) {
			_, err := Open(context.Background(), c.name, c.o)
			if fault.KindOf(err) != fault.Data {
				t.Fatalf("error %v", err)
			}
			for _, w := range c.words {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%q lacks %q", err, w)
				}
			}
			if strings.ContainsAny(err.Error(), "\n\x1b") {
				t.Errorf("control characters in %q", err)
			}
		})
	}
	if left, err := os.ReadDir(at("empty")); err != nil || len(left) > 0 {
		t.Errorf("the cache holds %v, %v", left, err)
	}
	if _, err := os.Stat(at("none")); err == nil {
		t.Error("a cache folder was made without need")
	}
}
