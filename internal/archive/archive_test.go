package archive

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"strings"
	"testing"
)

type file struct {
	tar.Header
	data string
}

func plain(name, data string) file {
	return file{tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644}, data}
}

func pack(files ...file) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	t := tar.NewWriter(z)
	for _, f := range files {
		f.Size = int64(len(f.data))
		t.WriteHeader(&f.Header)
		io.WriteString(t, f.data)
	}
	t.Close()
	z.Close()
	return b.Bytes()
}

func TestWalk(t *testing.T) {
	good := pack(file{tar.Header{Name: "set/", Typeflag: tar.TypeDir}, ""}, plain("./set/a", "one"), plain("b", "two"))
	stop := errors.New("enough")
	for _, c := range []struct {
		name, want string
		data       []byte
		most       int64
		visit      error
	}{
		{name: "good", data: good},
		{name: "visitor's error", data: good, visit: stop, want: "enough"},
		{name: "dots", data: pack(plain("../a", "")), want: `entry "../a" leads out`},
		{name: "absolute", data: pack(plain("/a", "")), want: "leads out"},
		{name: "backslash", data: pack(plain(`..\a`, "")), want: "leads out"},
		{name: "drive", data: pack(plain("C:a", "")), want: "leads out"},
		{name: "link", data: pack(file{tar.Header{Name: "a", Typeflag: tar.TypeSymlink, Linkname: "/"}, ""}), want: "is a link or a device"},
		{name: "device", data: pack(file{tar.Header{Name: "a", Typeflag: tar.TypeChar}, ""}), want: "is a link or a device"},
		{name: "twice", data: pack(plain("a", "1"), plain("./a", "2")), want: `entry "./a" occurs twice`},
		{name: "bomb", data: pack(plain("a", strings.Repeat("0", 1<<20))), most: 1 << 16, want: "unpacks to more"},
		{name: "cut", data: good[:len(good)-12], want: "cut short"},
		{name: "wrong sum", data: append(bytes.Clone(good[:len(good)-8]), "12345678"...), want: "damaged"},
		{name: "trailing", data: append(bytes.Clone(good), 'x'), want: "trailing bytes"},
		{name: "another stream", data: append(bytes.Clone(good), good...), want: "trailing bytes"},
		{name: "no gzip", data: []byte("hello"), want: "not a gzipped tar"},
		{name: "empty", want: "not a gzipped tar"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.most == 0 {
				c.most = 1 << 22
			}
			var got strings.Builder
			err := Walk(bytes.NewReader(c.data), c.most, func(e Entry, data io.Reader) error {
				got.WriteString(e.Name + "=")
				if _, err := io.Copy(&got, data); err != nil {
					return err
				}
				got.WriteString(";")
				return c.visit
			})
			if c.want == "" {
				if err != nil || got.String() != "set=;set/a=one;b=two;" {
					t.Errorf("walked %s, error %v", got.String(), err)
				}
			} else if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}
