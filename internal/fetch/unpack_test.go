package fetch

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"imgcls/internal/fault"
	"imgcls/internal/fsys"
)

var members = map[string]int64{"set/a.bin": 3, "set/deep/b.bin": 5, "c.txt": 0}

func file(name, data string) tar.Header {
	return tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(data)), Linkname: data}
}

func special(name string, flag byte, target string) tar.Header {
	return tar.Header{Name: name, Typeflag: flag, Mode: 0o777, Linkname: target}
}

// pack writes an archive; a plain file's data stand in its Linkname.
func pack(list ...tar.Header) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	w := tar.NewWriter(z)
	for _, h := range list {
		var data string
		if h.Typeflag == tar.TypeReg {
			data, h.Linkname = h.Linkname, ""
		}
		if err := w.WriteHeader(&h); err != nil {
			panic(err)
		}
		w.Write([]byte(data))
	}
	w.Close()
	z.Close()
	return out.Bytes()
}

func honest() []tar.Header {
	return []tar.Header{
		special("./", tar.TypeDir, ""), special("set/", tar.TypeDir, ""), file("set/a.bin", "abc"),
		file("./set/deep/b.bin", "defgh"), file("c.txt", ""),
	}
}

// listing gives every path below dir with its mode and contents, locks aside.
func listing(t *testing.T, dir string) map[string]string {
	t.Helper()
	list := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || strings.HasSuffix(path, ".lock") {
			return err
		}
		list[path] = d.Type().String()
		if d.Type().IsRegular() {
			data, err := os.ReadFile(path)
			list[path] += string(data)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// place makes a folder with an archive and a file that must not be touched.
func place(t *testing.T, data []byte) (top, archive, dir string) {
	t.Helper()
	top = t.TempDir()
	archive, dir = filepath.Join(top, "cache", "set.tar.gz"), filepath.Join(top, "cache", "set")
	os.Mkdir(filepath.Join(top, "cache"), 0o755)
	os.WriteFile(archive, data, 0o644)
	os.WriteFile(filepath.Join(top, "victim"), []byte("mine"), 0o644)
	return top, archive, dir
}

func TestUnpack(t *testing.T) {
	_, archive, dir := place(t, pack(honest()...))
	for range 2 { // the second time there is nothing to do
		if err := Unpack(t.Context(), archive, dir, members); err != nil {
			t.Fatal(err)
		}
		os.Remove(archive)
	}
	want := map[string]string{"": "d---------", "set": "d---------", "set/deep": "d---------",
		"set/a.bin": "----------abc", "set/deep/b.bin": "----------defgh", "c.txt": "----------"}
	got := map[string]string{}
	for path, what := range listing(t, dir) {
		got[strings.TrimPrefix(filepath.ToSlash(strings.TrimPrefix(path, dir)), "/")] = what
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// A file that is no member, as the readme.html of CIFAR-10, is passed over.
func TestOtherFilesArePassedOver(t *testing.T) {
	_, archive, dir := place(t, pack(append(honest(), file("set/readme.html", "hello"), file("x\x1b[2Jy", ""))...))
	if err := Unpack(t.Context(), archive, dir, members); err != nil {
		t.Fatal(err)
	}
	for path := range listing(t, dir) {
		if strings.HasSuffix(path, ".html") || strings.HasSuffix(path, "y") {
			t.Errorf("%q was unpacked", path)
		}
	}
}

func TestHostileArchives(t *testing.T) {
	plus := func(h ...tar.Header) []byte { return pack(append(honest(), h...)...) }
	before := func(h ...tar.Header) []byte { return pack(append(h, honest()...)...) }
	whole := pack(honest()...)
	zeros := strings.Repeat("\x00", 3<<20)
	tests := []struct {
		name string
		data []byte
		want string
	}{
		{"dots", plus(file("../victim", "evil")), `"../victim" leads out`},
		{"dots below a folder", plus(file("set/../../victim", "evil")), "leads out"},
		{"dots back to a member", plus(file("set/../c.txt", "")), "leads out"},
		{"only dots", plus(special("../", tar.TypeDir, "")), "leads out"},
		{"absolute", plus(file("/victim", "evil")), `"/victim" leads out`},
		{"absolute folder", plus(special("/tmp/", tar.TypeDir, "")), "leads out"},
		{"double slash", plus(file("set//a.bin", "abc")), "leads out"},
		{"the folder itself as a file", plus(file(".", "abc")), `entry "."`},
		{"backslashes", plus(file(`..\victim`, "evil")), `"..\\victim"`},
		{"drive", plus(file(`C:\victim`, "evil")), `victim"`},
		{"unknown file too long", plus(file("set/readme.txt", zeros)), "unpacks to more than it should hold"},
		{"unknown folder", plus(special("other/", tar.TypeDir, "")), `"other/" does not belong`},
		{"folder in place of a member", before(special("c.txt/", tar.TypeDir, "")), `"c.txt/" does not belong`},
		{"symbolic link", before(special("c.txt", tar.TypeSymlink, "../../victim")), `"c.txt" is a link or a device`},
		{"symbolic link as folder", before(special("set", tar.TypeSymlink, "../..")), `"set" is a link or a device`},
		{"chain of links", before(special("set", tar.TypeSymlink, "deep"), special("deep", tar.TypeSymlink, "..")), "is a link"},
		{"hard link", before(special("c.txt", tar.TypeLink, "../../victim")), "is a link or a device"},
		{"character device", before(special("c.txt", tar.TypeChar, "")), "is a link or a device"},
		{"block device", before(special("c.txt", tar.TypeBlock, "")), "is a link or a device"},
		{"pipe", before(special("c.txt", tar.TypeFifo, "")), "is a link or a device"},
		{"duplicate", plus(file("set/a.bin", "xyz")), `"set/a.bin" occurs twice`},
		{"duplicate by another spelling", plus(file("./set/a.bin", "xyz")), `"./set/a.bin" occurs twice`},
		{"case clash", plus(file("SET/A.BIN", "xyz")), `"SET/A.BIN" does not belong`},
		{"too large", pack(file("set/a.bin", "abcd")), "has 4 bytes, wanted 3"},
		{"too small", pack(file("set/a.bin", "ab")), "has 2 bytes, wanted 3"},
		{"huge", pack(file("set/a.bin", zeros)), "has 3145728 bytes, wanted 3"},
		{"member lacking", pack(file("set/a.bin", "abc"), file("c.txt", "")), `lacks "set/deep/b.bin"`},
		{"many folders", pack(folders(5000)...), "unpacks to more than it should hold"},
		{"zeros after the end", zipped(append(plain(t, whole), zeros...)), "unpacks to more than it should hold"},
		{"bytes after the last entry", zipped(append(plain(t, whole), "evil"...)), "trailing bytes"},
		{"bytes after the end", append(bytes.Clone(whole), "evil"...), "trailing bytes"},
		{"a second archive", append(bytes.Clone(whole), whole...), "trailing bytes"},
		{"cut", whole[:len(whole)/2], "cut short"},
		{"cut before the sum", whole[:len(whole)-3], "cut short"},
		{"wrong sum", append(bytes.Clone(whole[:len(whole)-8]), "evilevil"...), "damaged"},
		{"no gzip", []byte("PK\x03\x04 and so on"), "not a gzipped tar"},
		{"no tar", zipped(bytes.Repeat([]byte("evil"), 1000)), "damaged"},
		{"empty", nil, "not a gzipped tar"},
		{"empty inside", zipped(nil), "lacks"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			top, archive, dir := place(t, test.data)
			was := listing(t, top)
			err := Unpack(t.Context(), archive, dir, members)
			failed(t, err, fault.Data, test.want, fault.Quote(archive))
			if diff := cmp.Diff(was, listing(t, top)); diff != "" {
				t.Errorf("the disk has changed: %s", diff)
			}
		})
	}
}

// folders lists one folder so often that the headers alone are a bomb.
func folders(n int) []tar.Header {
	list := make([]tar.Header, n)
	for i := range list {
		list[i] = special("set/", tar.TypeDir, "")
	}
	return list
}

func plain(t testing.TB, archive []byte) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if _, err := out.ReadFrom(z); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func zipped(data []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	z.Write(data)
	z.Close()
	return out.Bytes()
}

func TestStagingOfADeadRunIsRemoved(t *testing.T) {
	top, archive, dir := place(t, pack(honest()...))
	staging := filepath.Join(filepath.Dir(dir), ".set.unpack")
	os.MkdirAll(filepath.Join(staging, "set"), 0o755)
	os.WriteFile(filepath.Join(staging, "set", "a.bin"), []byte("half"), 0o644)
	if err := Unpack(t.Context(), archive, dir, members); err != nil {
		t.Fatal(err)
	}
	for path := range listing(t, top) {
		if strings.Contains(path, ".unpack") {
			t.Errorf("%q is left", path)
		}
	}
}

// A link laid where the staging folder goes is removed, not followed.
func TestStagingThatIsALink(t *testing.T) {
	top, archive, dir := place(t, pack(honest()...))
	if err := os.Symlink(top, filepath.Join(filepath.Dir(dir), ".set.unpack")); err != nil {
		t.Skip(err)
	}
	if err := Unpack(t.Context(), archive, dir, members); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(top, "victim")); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(top, "set")); err == nil {
		t.Error("written through the link")
	}
}

func TestUnpackDoesNotReplaceAFolder(t *testing.T) {
	top, archive, dir := place(t, pack(honest()...))
	os.MkdirAll(filepath.Join(dir, "set"), 0o755)
	os.WriteFile(filepath.Join(dir, "set", "a.bin"), []byte("my own work"), 0o644)
	was := listing(t, top)
	err := Unpack(t.Context(), archive, dir, members)
	failed(t, err, fault.Data, "remove or rename it", fault.Quote(dir))
	if diff := cmp.Diff(was, listing(t, top)); diff != "" {
		t.Error(diff)
	}
}

func TestUnpackOfNothing(t *testing.T) {
	dir := t.TempDir()
	err := Unpack(t.Context(), filepath.Join(dir, "none.tar.gz"), filepath.Join(dir, "set"), members)
	failed(t, err, fault.Data, "none.tar.gz", "no such file")
}

func TestUnpackDiskFailures(t *testing.T) {
	for n := 1; ; n++ {
		top, archive, dir := place(t, pack(honest()...))
		was := listing(t, top)
		var hit fsys.Call
		count := 0
		restore := fsys.Inject(func(call fsys.Call, _ string) error {
			if count++; count == n {
				hit = call
				return syscall.EDQUOT
			}
			return nil
		})
		err := Unpack(t.Context(), archive, dir, members)
		restore()
		if hit == "" {
			if err != nil || n < 10 {
				t.Errorf("%d calls, %v", n-1, err)
			}
			return
		}
		failed(t, err, fault.Room, "quota")
		if !errors.Is(err, syscall.EDQUOT) {
			t.Errorf("%s: %v", hit, err)
		}
		if !Complete(dir, members) { // else the last sync failed, all was in place
			if diff := cmp.Diff(was, listing(t, top)); diff != "" {
				t.Errorf("call %d, %s: %s", n, hit, diff)
			}
		}
		if err := Unpack(t.Context(), archive, dir, members); err != nil {
			t.Errorf("after a failed %s: %v", hit, err)
		}
	}
}

func FuzzUnpack(f *testing.F) {
	f.Add(pack(honest()...))
	f.Add(pack(special("set", tar.TypeSymlink, "../.."), file("set/victim", "evil")))
	f.Add(plain(f, pack(file("../victim", "evil"))))
	f.Fuzz(func(t *testing.T, data []byte) {
		for i, data := range [][]byte{data, zipped(data)} {
			top := t.TempDir()
			archive, dir := filepath.Join(top, fmt.Sprint(i)), filepath.Join(top, "in", "set")
			os.Mkdir(filepath.Dir(dir), 0o755)
			os.WriteFile(archive, data, 0o644)
			was := listing(t, top)
			err := Unpack(t.Context(), archive, dir, members)
			if err == nil && Complete(dir, members) {
				os.RemoveAll(dir)
			} else if fault.KindOf(err) != fault.Data {
				t.Fatal(err)
			}
			if diff := cmp.Diff(was, listing(t, top)); diff != "" {
				t.Fatal(diff)
			}
		}
	})
}
