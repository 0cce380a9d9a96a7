package cifar

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"imgcls/internal/fault"
)

// batch makes a file of so many records whose bytes tell their place.
func batch(records, seed int) []byte {
	out := make([]byte, 0, records*recordBytes)
	for r := range records {
		out = append(out, byte((seed+r)%10))
		for i := range imageBytes {
			out = append(out, byte(seed*31+r*7+i*i/97))
		}
	}
	return out
}

const meta = "airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n\n"

// small is a set of six files with 3, 4, … records each.
func small() map[string][]byte {
	files := map[string][]byte{metaName: []byte(meta), "readme.html": []byte("<html>")}
	for i, m := range Archive.Members {
		files[m.Name] = batch(3+i, i)
	}
	return files
}

func write(t *testing.T, dir string, files map[string][]byte) string {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

type entry struct {
	tar.Header
	data []byte
}

func file(name string, data []byte) entry {
	return entry{tar.Header{Name: name, Typeflag: tar.TypeReg, Size: int64(len(data)), Mode: 0o644}, data}
}

func entries(files map[string][]byte) []entry {
	list := []entry{{tar.Header{Name: Folder + "/", Typeflag: tar.TypeDir, Mode: 0o755}, nil}}
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	slices.Reverse(names) // not the order in which they are wanted
	for _, name := range names {
		list = append(list, file(Folder+"/"+name, files[name]))
	}
	return list
}

func pack(list []entry) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	w := tar.NewWriter(z)
	for _, e := range list {
		w.WriteHeader(&e.Header)
		w.Write(e.data)
	}
	w.Close()
	z.Close()
	return out.Bytes()
}

func TestReadGivesTheSameFromEveryForm(t *testing.T) {
	dir := t.TempDir()
	inner := write(t, filepath.Join(dir, Folder), small())
	archive := filepath.Join(t.TempDir(), "any name.tar.gz")
	os.WriteFile(archive, pack(entries(small())), 0o644)

	var first *Set
	for _, path := range []string{inner, dir, archive} {
		if !IsData(path) {
			t.Errorf("IsData(%q) is false", path)
		}
		s, err := Read(path)
		if err != nil {
			t.Fatal(err)
		}
		if s.Train.Len() != 3+4+5+6+7 || s.Test.Len() != 8 || len(s.Classes) != 10 || len(s.Warnings) != 6 {
			t.Fatalf("%q: %d train, %d test, %d classes, %q", path, s.Train.Len(), s.Test.Len(), len(s.Classes), s.Warnings)
		}
		if !strings.HasSuffix(s.Warnings[0], `data_batch_1.bin": 3 records, official has 10,000`) {
			t.Errorf("warning %q", s.Warnings[0])
		}
		s.Warnings = nil
		if first == nil {
			first = s
		}
		if diff := cmp.Diff(first, s); diff != "" {
			t.Errorf("%q differs: %.500s", path, diff)
		}
	}
}

func TestPixelsAndLabelsFollowTheRecords(t *testing.T) {
	files := small()
	s, err := Read(write(t, t.TempDir(), files))
	if err != nil {
		t.Fatal(err)
	}
	check := func(p Part, raw []byte) {
		t.Helper()
		for n := range p.Len() {
			record := raw[n*recordBytes:][:recordBytes]
			if p.Labels[n] != record[0] {
				t.Fatalf("label %d is %d, want %d", n, p.Labels[n], record[0])
			}
			for y := range Size {
				for x := range Size {
					for c := range 3 {
						got, want := p.Images[((n*Size+y)*Size+x)*3+c], record[1+c*1024+y*32+x]
						if got != want {
							t.Fatalf("image %d, row %d, column %d, channel %d is %d, want %d", n, y, x, c, got, want)
						}
					}
				}
			}
		}
	}
	var train []byte
	for i := 1; i <= 5; i++ {
		train = append(train, files[fmt.Sprintf("data_batch_%d.bin", i)]...)
	}
	check(s.Train, train)
	check(s.Test, files[testName])
}

func TestManyBlocks(t *testing.T) {
	for _, records := range []int{1, block - 1, block, block + 1, 2 * block, 3*block + 5, officialRecords} {
		raw := make([]byte, records*recordBytes)
		for r := range records {
			raw[r*recordBytes] = byte(r % 10)
			raw[r*recordBytes+1] = byte(r)
		}
		p, err := decode(bytes.NewReader(raw), int64(len(raw)), "")
		if err != nil || p.Len() != records || len(p.Images) != records*imageBytes {
			t.Fatalf("%d records: %d read, %v", records, p.Len(), err)
		}
		for r := range records {
			if p.Labels[r] != byte(r%10) || p.Images[r*imageBytes] != byte(r) {
				t.Fatalf("%d records: record %d is wrong", records, r)
			}
		}
	}
}

// A file of the official length is held to the official sum.
func TestOfficialSizeWithAnotherSum(t *testing.T) {
	files := small()
	files["data_batch_2.bin"] = make([]byte, officialSize)
	s, err := Read(write(t, t.TempDir(), files))
	if err != nil {
		t.Fatal(err)
	}
	sum := md5.Sum(files["data_batch_2.bin"])
	want := fmt.Sprintf("data_batch_2.bin\": MD5 is %x, that of the official file is 5ea93a67294ea407fff1d09f752e9692", sum)
	if len(s.Warnings) != 6 || !strings.Contains(s.Warnings[1], want) {
		t.Errorf("warnings %q, want %s", s.Warnings, want)
	}
}

func with(name string, data []byte) map[string][]byte {
	files := small()
	files[name] = data
	return files
}

func without(name string) map[string][]byte {
	files := small()
	delete(files, name)
	return files
}

func TestBadFolders(t *testing.T) {
	badLabel := batch(1500, 1)
	badLabel[1200*recordBytes] = 17
	const archive = "cifar-10-binary.tar.gz"
	tests := []struct {
		name  string
		files map[string][]byte
		want  []string
	}{
		{"one byte over", with("data_batch_3.bin", append(batch(2, 0), 0)),
			[]string{`data_batch_3.bin": 6,147 bytes are 2 records of 3,073 bytes and 1 over: truncated or not CIFAR-10 binary`}},
		{"one byte short", with(testName, batch(2, 0)[1:]), []string{"6,145 bytes are 1 records", "3,072 over"}},
		{"empty", with("data_batch_1.bin", nil), []string{`data_batch_1.bin": empty file`}},
		{"label", with("data_batch_4.bin", badLabel), []string{`data_batch_4.bin": record 1,200 at offset 3,687,600 has label 17`, "0 to 9"}},
		{"missing", without("data_batch_2.bin"), []string{"data_batch_2.bin missing; there is data_batch_1.bin, data_batch_3.bin", archive}},
		{"no test", without(testName), []string{"test_batch.bin missing", archive}},
		{"nothing", nil, []string{"none of the set's files", archive}},
		{"pickles", map[string][]byte{"data_batch_1": {0x80, 2}, "batches.meta": {0x80}}, []string{"Python edition of CIFAR-10", archive}},
		{"pickle folder", map[string][]byte{"cifar-10-batches-py": nil}, []string{"Python edition of CIFAR-10", archive}},
		{"hundred", map[string][]byte{"train.bin": make([]byte, 3074), "test.bin": make([]byte, 3074)}, []string{"CIFAR-100", archive}},
		{"hundred's folder", map[string][]byte{"cifar-100-binary": nil}, []string{"CIFAR-100", archive}},
		{"hundred's pickles", map[string][]byte{"cifar-100-python": nil}, []string{"Python edition of CIFAR-100", archive}},
		{"other names", with(metaName, []byte("airplane\nautomobile\ncat\n")), []string{`class 2 is "cat", CIFAR-10 has "bird"`}},
		{"too few names", with(metaName, []byte("airplane\r\n")), []string{`class 1 is missing`}},
		{"too many names", with(metaName, []byte(meta+"eleven\n")), []string{`class 10 is "eleven", CIFAR-10 has missing`}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := write(t, t.TempDir(), test.files)
			if IsData(dir) != (test.files != nil) {
				t.Errorf("IsData is %v", !(test.files != nil))
			}
			expect(t, dir, test.want)
		})
	}
}

// expect wants Read to fail with kind Data and a text that holds all of want.
func expect(t *testing.T, path string, want []string) {
	t.Helper()
	s, err := Read(path)
	if err == nil {
		t.Fatalf("read %d images", s.Train.Len())
	}
	for _, part := range append(want, fault.Quote(path)[:len(fault.Quote(path))-1]) {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not in %q", part, err)
		}
	}
	if fault.KindOf(err) != fault.Data {
		t.Errorf("kind %d: %v", fault.KindOf(err), err)
	}
}

func TestPaths(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string][]byte{
		"cifar-10-python.tar.gz": {0x80}, "cifar-100-binary.tar.gz": nil, "data_batch_1.bin": batch(1, 0),
		"text.tar.gz": []byte("hello"), "empty.tar.gz": nil, "picture.png": nil,
	})
	os.Mkdir(filepath.Join(dir, "pictures"), 0o755)
	tests := []struct {
		name   string
		isData bool
		want   string
	}{
		{"none", false, "no such file"},
		{"cifar-10-python.tar.gz", true, "pickles, which can run code"},
		{"cifar-100-binary.tar.gz", true, "CIFAR-100, not CIFAR-10"},
		{"data_batch_1.bin", true, "give the folder"},
		{"text.tar.gz", true, "not a gzipped tar"},
		{"empty.tar.gz", true, "not a gzipped tar"},
		{"picture.png", false, "not a gzipped tar"},
		{"pictures", false, "none of the set's files"},
	}
	for _, test := range tests {
		path := filepath.Join(dir, test.name)
		if IsData(path) != test.isData {
			t.Errorf("IsData(%q) is %v", path, !test.isData)
		}
		expect(t, path, []string{test.want})
	}
}

func TestBatchThatIsAFolder(t *testing.T) {
	dir := write(t, t.TempDir(), without(testName))
	os.Mkdir(filepath.Join(dir, testName), 0o755)
	expect(t, dir, []string{"not a plain file"})
}

func TestTooManyRecords(t *testing.T) {
	dir := write(t, t.TempDir(), small())
	if err := os.Truncate(filepath.Join(dir, testName), (mostRecords+1)*recordBytes); err != nil {
		t.Skip(err)
	}
	expect(t, dir, []string{"100,001 records, at most 100,000"})
}

func TestBadArchives(t *testing.T) {
	good := entries(small())
	plus := func(e ...entry) []byte { return pack(append(slices.Clone(good), e...)) }
	header := func(name string, flag byte) entry {
		return entry{tar.Header{Name: name, Typeflag: flag, Linkname: "/etc/passwd", Mode: 0o644}, nil}
	}
	whole := pack(good)
	var twoTars bytes.Buffer
	twoTars.Write(whole)
	twoTars.Write(whole)
	tests := []struct {
		name string
		data []byte
		want string
	}{
		{"duplicate", plus(file(Folder+"/data_batch_1.bin", batch(1, 0))), "data_batch_1.bin\" occurs twice"},
		{"duplicate elsewhere", plus(file("other/test_batch.bin", batch(1, 0))), `"other/test_batch.bin" occurs twice`},
		{"case clash", plus(file(Folder+"/Data_Batch_1.bin", batch(1, 0))), "only in case"},
		{"dots", plus(file("../data_batch_1.bin", nil)), `"../data_batch_1.bin" leads out`},
		{"absolute", plus(file("/etc/cron.d/x", nil)), "leads out"},
		{"symbolic link", plus(header("cifar-10-batches-bin/x", tar.TypeSymlink)), "not a plain file"},
		{"hard link", plus(header("cifar-10-batches-bin/x", tar.TypeLink)), "not a plain file"},
		{"device", plus(header("cifar-10-batches-bin/x", tar.TypeChar)), "not a plain file"},
		{"pipe", plus(header("cifar-10-batches-bin/x", tar.TypeFifo)), "not a plain file"},
		{"bomb in another file", plus(file("zeros", make([]byte, 2*archiveSlack+6*officialSize))), "more than it should hold"},
		{"bomb in a batch", pack([]entry{file("test_batch.bin", make([]byte, 2*officialSize))}), "has 61,460,000 bytes, official has 30,730,000"},
		{"trailing bytes", append(slices.Clone(whole), "garbage"...), "trailing bytes"},
		{"second tar", twoTars.Bytes(), "trailing bytes"},
		{"cut in a batch", whole[:len(whole)/2], "cut short"},
		{"cut at the sum", whole[:len(whole)-4], "cut short"},
		{"wrong sum", append(slices.Clone(whole[:len(whole)-8]), make([]byte, 8)...), "damaged"},
		{"pickles", pack([]entry{file("cifar-10-batches-py/data_batch_1", []byte{0x80})}), "Python edition"},
		{"hundred", pack([]entry{file("cifar-100-binary/train.bin", make([]byte, 3074))}), "CIFAR-100"},
		{"missing", pack(entries(without(testName))), "test_batch.bin missing"},
		{"remainder", pack(entries(with(testName, []byte("abc")))), "truncated or not CIFAR-10 binary"},
		{"no tar", gzipped(bytes.Repeat([]byte("no tar "), 1000)), "damaged"},
		{"nothing", gzipped(nil), "none of the set's files"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "a.tar.gz")
			os.WriteFile(path, test.data, 0o644)
			expect(t, path, []string{test.want})
		})
	}
}

func gzipped(data []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	z.Write(data)
	z.Close()
	return out.Bytes()
}

// A size that the bytes do not bear out may not take the memory it claims.
func TestClaimAloneTakesNoMemory(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := decode(strings.NewReader("x"), mostRecords*recordBytes, "")
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; err == nil || took > 4<<20 {
		t.Errorf("one byte took %d, %v", took, err)
	}
}

func TestTableOfSums(t *testing.T) {
	for _, m := range Archive.Members {
		if b, err := hex.DecodeString(m.MD5); err != nil || len(b) != md5.Size || m.Size != 30730000 {
			t.Errorf("%+v", m)
		}
	}
}

func TestNothingIsLost(t *testing.T) {
	raw := batch(50, 3)
	p, err := decode(bytes.NewReader(raw), int64(len(raw)), "")
	if err != nil {
		t.Fatal(err)
	}
	var back []byte
	for n, label := range p.Labels {
		back = append(back, label)
		for c := range 3 {
			for i := range plane {
				back = append(back, p.Images[n*imageBytes+3*i+c])
			}
		}
	}
	if md5.Sum(back) != md5.Sum(raw) {
		t.Error("the records cannot be made again")
	}
}

func FuzzRecords(f *testing.F) {
	f.Add(batch(2, 1), int64(2*recordBytes))
	f.Add(batch(1, 9), int64(1<<62))
	f.Add([]byte{}, int64(-1))
	f.Fuzz(func(t *testing.T, data []byte, size int64) {
		p, err := decode(bytes.NewReader(data), size, "fuzz")
		if err != nil {
			if p.Len() != 0 || fault.KindOf(err) != fault.Data {
				t.Fatalf("%d images and %v", p.Len(), err)
			}
			return
		}
		if int64(p.Len())*recordBytes != size || len(p.Images) != p.Len()*imageBytes || slices.Max(p.Labels) > 9 {
			t.Fatalf("%d images from %d bytes", p.Len(), size)
		}
	})
}

func FuzzArchive(f *testing.F) {
	f.Add(pack(entries(small())))
	f.Add(pack([]entry{file("../x", []byte("x"))}))
	f.Add(gzipped([]byte("x")))
	f.Fuzz(func(t *testing.T, data []byte) {
		// Half of the inputs go past the checksum of gzip.
		for _, zipped := range [][]byte{data, gzipped(data)} {
			s, err := readArchive(bytes.NewReader(zipped), "fuzz")
			if (s == nil) == (err == nil) || err != nil && fault.KindOf(err) != fault.Data {
				t.Fatalf("%v and %v", s, err)
			}
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	raw := batch(officialRecords, 0)
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		if _, err := decode(bytes.NewReader(raw), int64(len(raw)), ""); err != nil {
			b.Fatal(err)
		}
	}
}
