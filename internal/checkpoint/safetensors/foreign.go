package safetensors

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// recognised is how many bytes of a file's start are enough to know it by.
const recognised = 512

// foreignKinds are the files that people give in place of safetensors, by how
// they start: exactly so, or as text in any case and after white space.
var foreignKinds = []struct{ start, why, do string }{
	{"version https://git-lfs.", "is a Git LFS pointer, not the file itself", "run git lfs pull"},
	{"<!doctype html", "is an HTML page", "download the file itself"},
	{"<html", "is an HTML page", "download the file itself"},
	{"\x89PNG", "is a picture", "put the model before the pictures"},
	{"\xff\xd8\xff", "is a picture", "put the model before the pictures"},
	{"GGUF", "is a GGUF file", "take the safetensors file of the model"},
	{"\x89HDF\r\n", "is an HDF5 file", "take the safetensors file of the model"},
	{"\x1f\x8b", "is a gzip archive", "unpack it"},
}

// pickled are the extensions of files that PyTorch's own torch.save makes.
var pickled = []string{".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle"}

// foreign says what a file is that cannot be safetensors, by its first bytes
// and then by its name; nil where neither tells.
func foreign(path string, start []byte) error {
	text := bytes.ToLower(bytes.TrimLeft(bytes.TrimPrefix(start, []byte("\ufeff")), " \t\r\n"))
	for _, k := range foreignKinds {
		if bytes.HasPrefix(start, []byte(k.start)) || bytes.HasPrefix(text, []byte(k.start)) {
			return bad(path, k.do, "%s", k.why)
		}
	}
	zip := bytes.HasPrefix(start, []byte("PK"))
	pickle := len(start) > 1 && start[0] == 0x80 && start[1] >= 2 && start[1] <= 5 // the mark and a protocol number
	named := len(start) > 0 && slices.Contains(pickled, strings.ToLower(filepath.Ext(path)))
	if !zip && !pickle && !named {
		return nil
	}
	return bad(path, "convert to safetensors with: "+conversion(path),
		"is a pickle or zip file as PyTorch's torch.save makes: pickle can run code, not read")
}

// conversion returns the shell command that converts a state dict. A path that
// a shell might take for more than a name is not put into it.
func conversion(path string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/"
	to := strings.TrimSuffix(path, filepath.Ext(path)) + ".safetensors"
	if strings.Trim(path, plain) != "" || to == path {
		path, to = "model.pt", "model.safetensors"
	}
	return fmt.Sprintf(`python -c "import torch,safetensors.torch as s; s.save_file(torch.load('%s',weights_only=True),'%s')"`, path, to)
}
