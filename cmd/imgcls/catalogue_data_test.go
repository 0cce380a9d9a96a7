package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"imgcls/internal/cifar"
)

const recordBytes = 1 + 3*32*32 // of CIFAR-10: a label and a picture

// batch returns a valid batch of so many records.
func batch(records int) []byte {
	b := make([]byte, records*recordBytes)
	for i := range b {
		b[i] = byte(i * 7)
	}
	for i := range records {
		b[i*recordBytes] = byte(i % 10)
	}
	return b
}

// batches returns the names and contents of a small set.
func batches() map[string][]byte {
	files := map[string][]byte{}
	for _, m := range cifar.Archive.Members {
		files[m.Name] = batch(2)
	}
	return files
}

// smallSet makes a folder of the set, changed by change.
func smallSet(change func(files map[string][]byte)) func(*scene) {
	return func(s *scene) {
		files := batches()
		change(files)
		for name, content := range files {
			s.write("set/"+name, content)
		}
	}
}

// archiveOf makes set.tar.gz of the small set and more entries at its end.
func archiveOf(more ...tar.Header) func(*scene) {
	return func(s *scene) { s.write("set.tar.gz", zipped(more...)) }
}

func zipped(more ...tar.Header) []byte {
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	t := tar.NewWriter(z)
	for name, content := range batches() {
		t.WriteHeader(&tar.Header{Name: cifar.Folder + "/" + name, Mode: 0o644, Size: int64(len(content))})
		t.Write(content)
	}
	for _, h := range more {
		t.WriteHeader(&h)
		io.CopyN(t, zeros{}, h.Size)
	}
	t.Close()
	z.Close()
	return b.Bytes()
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// badData are the rows D26 to D29, D32 and D33.
var badData = []badInput{
	{id: "D26", what: "one byte short", given: smallSet(func(f map[string][]byte) { f["data_batch_2.bin"] = batch(2)[1:] }),
		args: "train set", code: 3, stderr: `CIFAR-10 batch: "set/data_batch_2.bin": 6,145 bytes .* 3,073 bytes and 3,072 over: truncated or not CIFAR-10 binary; take cifar-10-binary.tar.gz`},
	{id: "D26", what: "one byte more", given: smallSet(func(f map[string][]byte) { f["test_batch.bin"] = append(batch(2), 0) }),
		args: "train set", code: 3, stderr: `CIFAR-10 batch: "set/test_batch.bin": 6,147 bytes .* and 1 over`},
	{id: "D26", what: "empty", given: smallSet(func(f map[string][]byte) { f["data_batch_1.bin"] = nil }),
		args: "train set", code: 3, stderr: `CIFAR-10 batch: "set/data_batch_1.bin": empty file`},
	{id: "D26", what: "in the archive", given: func(s *scene) {
		s.write("set.tar.gz", zipped()[:500])
	}, args: "train set.tar.gz", code: 3, stderr: `archive: "set.tar.gz": cut short`},

	{id: "D27", what: "small set", given: smallSet(func(map[string][]byte) {}), args: "train set --epochs 1 --name x", code: 0,
		stderr: `(?m)^imgcls: warning: "set/data_batch_3.bin": 2 records, official has 10,000$`, leaves: []string{"runs/x", "runs/latest"}},
	{id: "C3", what: "batch above a small set", given: smallSet(func(map[string][]byte) {}), args: "train set --batch-size 11", code: 3,
		stderr: `--batch-size: a batch of 11 does not fit the 10 training pictures`},

	{id: "D28", what: "label", given: smallSet(func(f map[string][]byte) { f["data_batch_4.bin"][recordBytes] = 10 }),
		args: "train set", code: 3, stderr: `CIFAR-10 batch: "set/data_batch_4.bin": record 1 at offset 3,073 has label 10, the classes are 0 to 9`},

	{id: "D29", what: "batch missing", given: smallSet(func(f map[string][]byte) { delete(f, "data_batch_5.bin") }),
		args: "train set", code: 3, stderr: `CIFAR-10: "set": data_batch_5.bin missing; there is data_batch_1.bin, .*; take cifar-10-binary.tar.gz`},
	{id: "D29", what: "CIFAR-100", given: func(s *scene) {
		s.write("set/train.bin", batch(2))
		s.write("set/test.bin", batch(2))
		s.write("set/fine_label_names.txt", []byte("apple\n"))
	}, args: "train set", code: 3, stderr: `folder: "set": .*this is CIFAR-100, not CIFAR-10; take cifar-10-binary.tar.gz`},
	{id: "D29", what: "archive of CIFAR-100", given: func(s *scene) { s.write("cifar-100-binary.tar.gz", zipped()) },
		args: "train cifar-100-binary.tar.gz", code: 3, stderr: `file: "cifar-100-binary.tar.gz": .*CIFAR-100.*; take cifar-10-binary.tar.gz`},
	{id: "D29", what: "pickles", given: func(s *scene) { s.write("cifar-10-batches-py/data_batch_1", []byte("\x80\x02}q\x00.")) },
		args: "train cifar-10-batches-py", code: 3, stderr: `folder: "cifar-10-batches-py": .*Python edition.* pickles, which can run code; take cifar-10-binary.tar.gz`},
	{id: "D29", what: "one pickle", given: func(s *scene) { s.write("data_batch_1", []byte("\x80\x02}q\x00.")) },
		args: "train data_batch_1", code: 3, stderr: `[^:]+: "data_batch_1": .*cifar-10-binary.tar.gz`},
	{id: "D29", what: "archive of pickles", given: archiveOf(tar.Header{Name: "cifar-10-batches-py/data_batch_1"}),
		args: "train set.tar.gz", code: 3, stderr: `archive: "set.tar.gz": .*Python edition.* pickles, which can run code; take cifar-10-binary.tar.gz`},
	{id: "D29", what: "other class names", given: smallSet(func(f map[string][]byte) { f["batches.meta.txt"] = []byte("airplane\nautomobile\ncat\n") }),
		args: "train set", code: 3, stderr: `class names: "set/batches.meta.txt": class 2 is "cat", CIFAR-10 has "bird"`},
	{id: "D29", what: "nothing of the set", given: func(s *scene) { s.folder("set") },
		args: "train set", code: 3, stderr: `data: "set": .*; use cifar10, digits, shapes`},
	{id: "D29", what: "no such data", args: "train nowhere", code: 3, stderr: `data: "nowhere": is neither a built-in set nor a path; use cifar10`},

	{id: "D32", what: "entry that climbs", given: archiveOf(tar.Header{Name: "../outside"}),
		args: "train set.tar.gz", code: 3, stderr: `archive: "set.tar.gz": entry "../outside" leads out of the archive`},
	{id: "D32", what: "entry that climbs inside", given: archiveOf(tar.Header{Name: cifar.Folder + "/../../outside"}),
		args: "train set.tar.gz", code: 3, stderr: `archive: "set.tar.gz": entry "cifar-10-batches-bin/../../outside" leads out`},
	{id: "D32", what: "absolute entry", given: archiveOf(tar.Header{Name: "/tmp/outside"}),
		args: "train set.tar.gz", code: 3, stderr: `archive: "set.tar.gz": entry "/tmp/outside" leads out`},
	{id: "D32", what: "chain of links", given: archiveOf(
		tar.Header{Name: "a", Typeflag: tar.TypeSymlink, Linkname: ".."}, tar.Header{Name: "a/outside", Size: 1}),
		args: "train set.tar.gz", code: 3, stderr: `archive: "set.tar.gz": entry "a" is a link or a device`},
	{id: "D32", what: "hard link", given: archiveOf(tar.Header{Name: "a", Typeflag: tar.TypeLink, Linkname: "../outside"}),
		args: "train set.tar.gz", code: 3, stderr: `archive: "set.tar.gz": entry "a" is a link or a device`},
	{id: "D32", what: "device", given: archiveOf(tar.Header{Name: "a", Typeflag: tar.TypeChar, Devmajor: 1, Devminor: 3}),
		args: "train set.tar.gz", code: 3, stderr: `archive: "set.tar.gz": entry "a" is a link or a device`},
	{id: "D32", what: "escape in a name", given: archiveOf(tar.Header{Name: "../\x1b[31m\n"}),
		args: "train set.tar.gz", code: 3, stderr: `archive: "set.tar.gz": entry "../\\x1b\[31m\\n" leads out`},

	{id: "D33", what: "bomb", given: archiveOf(tar.Header{Name: cifar.Folder + "/readme.html", Size: 200 << 20}),
		args: "train set.tar.gz", code: 3, stderr: `archive: "set.tar.gz": .*unpacks to more than it should hold`},
	{id: "D33", what: "duplicate", given: archiveOf(tar.Header{Name: cifar.Folder + "/data_batch_1.bin", Size: recordBytes}),
		args: "train set.tar.gz", code: 3, stderr: `archive: "set.tar.gz": entry "cifar-10-batches-bin/data_batch_1.bin" occurs twice`},
	{id: "D33", what: "names equal but for case", given: archiveOf(tar.Header{Name: cifar.Folder + "/Data_Batch_1.bin", Size: recordBytes}),
		args: "train set.tar.gz", code: 3, stderr: `archive: "set.tar.gz": entry ".*/Data_Batch_1.bin" differs from data_batch_1.bin only in case`},
	{id: "D33", what: "trailing bytes", given: func(s *scene) { s.write("set.tar.gz", append(zipped(), "PK\x03\x04"...)) },
		args: "train set.tar.gz", code: 3, stderr: `archive: "set.tar.gz": .*trailing bytes after the end`},
	{id: "D33", what: "no archive", given: func(s *scene) { s.write("set.tar.gz", []byte("<html>")) },
		args: "train set.tar.gz", code: 3, stderr: `archive: "set.tar.gz": not a gzipped tar`},
}

const (
	archive = "cifar-10-binary.tar.gz"
	inData  = "data/" + archive
	lockOf  = "data/." + archive + ".lock"
	fetched = "data get cifar10 --data-dir data --mirror $MIRROR"
)

// partly makes a part of the archive that holds so many bytes of nothing, which
// take no room on the disk.
func partly(name string, bytes int64) func(*scene) {
	return func(s *scene) {
		s.write(name, nil)
		s.must(os.Truncate(s.path(name), bytes))
	}
}

// onMirror answers for the mirror; all other hosts lack the file.
func onMirror(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.TLS != nil {
			http.NotFound(w, r)
			return
		}
		h(w, r)
	}
}

// sends answers with so many bytes of nothing from where the client wants them,
// and then ends the connection.
func sends(n int64) http.HandlerFunc {
	return onMirror(func(w http.ResponseWriter, r *http.Request) {
		from, size, status := int64(0), cifar.Archive.Size, http.StatusOK
		if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from); err == nil {
			if from != 124<<20 && from != size-n {
				http.NotFound(w, r) // what came is enough
				return
			}
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, size-1, size))
			status = http.StatusPartialContent
		}
		w.Header().Set("Content-Length", strconv.FormatInt(size-from, 10))
		w.WriteHeader(status)
		io.CopyN(w, zeros{}, n)
		if from+n < size {
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}
	})
}

func page(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>Log in first</html>") }

func redirect(to string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusFound) }
}

// onPublisher answers for all hosts but the mirror.
func onPublisher(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.TLS == nil {
			http.NotFound(w, r)
			return
		}
		h(w, r)
	}
}

// badDownloads are the rows D30, D31 and D34.
var badDownloads = []badInput{
	{id: "D30", what: "wrong sums", given: partly(inData+".part", cifar.Archive.Size-1000), web: sends(1000), args: fetched, code: 3,
		stderr: `download: "data/` + archive + `": MD5 is [0-9a-f]{32}, wanted c32a1d4ab5d03f1284b67883e8d87530, SHA-256 is [0-9a-f]{64}, wanted c4a38c50\w+; the file is now ` + archive + `\.bad`,
		leaves: []string{inData + ".bad", lockOf}, gone: []string{inData + ".part"}},
	{id: "D30", what: "wrong file in the cache", given: partly(inData, 1000), web: http.NotFound, args: fetched, code: 8,
		stderr: `download: "` + archive + `": .*404`, leaves: []string{inData + ".bad", lockOf}, gone: []string{inData}},

	{id: "D31", what: "cut", web: sends(1 << 20), args: fetched, code: 8,
		stderr: `download: "` + archive + `": 1\.0 of 162\.2 MB; .*; ` + archive + `\.part kept, the next call goes on`,
		leaves: []string{inData + ".part", lockOf}},
	{id: "D31", what: "cut again", given: partly(inData+".part", 124<<20), web: sends(1 << 19), args: fetched, code: 8,
		stderr: `download: "` + archive + `": 124\.5 of 162\.2 MB; .*; ` + archive + `\.part kept, the next call goes on`,
		leaves: []string{inData + ".part", lockOf}},
	{id: "D31", what: "nobody answers", given: partly(inData+".part", 100<<20), web: http.NotFound, args: fetched, code: 8,
		stderr: `download: "` + archive + `": 100\.0 of 162\.2 MB; .*\.part kept`, leaves: []string{lockOf}},

	{id: "D34", what: "login page", web: page, args: fetched, code: 8,
		stderr: `download: "` + archive + `": http://127.*: answers with a web page .*; https://www\.cs\.toronto.*: answers with a web page .*; check the network`,
		leaves: []string{lockOf}},
	{id: "D34", what: "to http", web: onPublisher(redirect("http://www.cs.toronto.edu/kriz/" + archive)), args: fetched, code: 8,
		stderr: `download: "` + archive + `": .*https://www\.cs\.toronto\.edu/~kriz/` + archive + `: redirects to "http://.*", which is not https: not followed`,
		leaves: []string{lockOf}},
	{id: "D34", what: "to a foreign host", web: redirect("https://evil.example/" + archive), args: fetched, code: 8,
		stderr: `download: "` + archive + `": http://127.*: redirects to "https://evil\.example/.*", a foreign host: not followed; https://www\.cs\.toronto\.edu.*foreign host`,
		leaves: []string{lockOf}},
	{id: "D34", what: "no address", args: "data get cifar10 --data-dir data --mirror ftp://x/", code: 2,
		stderr: `--mirror: "ftp://x/": not the address of a mirror; give an address that begins with https:// or http://`},
}

// serve makes h answer every request of the scene, whatever its host: as a
// plain mirror, whose address it returns, and behind a proxy for all of https.
func (s *scene) serve(h http.HandlerFunc) (mirror string) {
	quiet := log.New(io.Discard, "", 0)
	plain, secure := httptest.NewUnstartedServer(h), httptest.NewUnstartedServer(h)
	plain.Config.ErrorLog, secure.Config.ErrorLog = quiet, quiet
	certificate, authority := s.certificate()
	secure.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	plain.Start()
	secure.StartTLS()
	proxy := httptest.NewServer(tunnel(secure.Listener.Addr().String()))
	for _, server := range []*httptest.Server{plain, secure, proxy} {
		s.t.Cleanup(server.Close)
	}
	s.env = append(s.env, "HTTPS_PROXY="+proxy.URL, "SSL_CERT_FILE="+authority)
	return plain.URL
}

// tunnel is a proxy all of whose roads lead to one address.
func tunnel(to string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		there, err := net.Dial("tcp", to)
		if err != nil || r.Method != http.MethodConnect {
			http.Error(w, "no way", http.StatusBadGateway)
			return
		}
		defer there.Close()
		here, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer here.Close()
		io.WriteString(here, "HTTP/1.1 200 OK\r\n\r\n")
		go io.Copy(there, here)
		io.Copy(here, there)
	}
}

// certificate returns one for the hosts of the archive, and the path of the
// file by which it is trusted.
func (s *scene) certificate() (tls.Certificate, string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	s.must(err)
	hosts := []string{"evil.example"}
	for _, text := range cifar.Archive.URLs {
		u, err := url.Parse(text)
		s.must(err)
		hosts = append(hosts, u.Hostname())
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: hosts,
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	s.must(err)
	file := filepath.Join(s.t.TempDir(), "authority.pem")
	s.must(os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}
