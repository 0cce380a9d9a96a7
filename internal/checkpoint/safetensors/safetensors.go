// Package safetensors reads and writes the file format of that name: named
// arrays of numbers and a map of strings, and nothing that could run.
//
// A file is the length of its header (8 bytes, little-endian), the header
// (JSON), and the numbers of all tensors without a gap:
//
//	{"__metadata__":{"key":"text"},"conv1.bias":{"dtype":"F32","shape":[6],"data_offsets":[0,24]}}
//
// Offsets are [begin, end), counted from the end of the header. What is written
// has the bytes that the Rust library (which PyTorch's users have) gives the
// same tensors: those of wider elements first, equal ones by name, the header
// padded with spaces to a multiple of 8 bytes. Metadata, which that library
// writes in no fixed order, is sorted by key.
//
// The reader trusts nothing. Beyond the format's own rules it refuses what
// other readers let pass: a key stated twice, an unknown key, metadata above
// 1 MB, more than 64 dimensions. Nothing is allocated for a length, an offset
// or a shape before it has been held against the size of the file, and no
// tensor is read before all of them are known to fit.
//
// The format has no checksums. Seal adds two metadata keys that give a file
// some: sha256, a JSON object of tensor name → SHA-256 of its data, and
// sha256_header, the SHA-256 of the header (without padding and without that
// key) in the form that Encode writes. Together they cover every bit, so that
// Verify finds any that has changed.
//
// Every error that a file can cause is a *fault.Error of kind Model, or Room
// where the system denies access to it.
package safetensors

import "imgcls/internal/fault"

// A Tensor is a named array of numbers.
type Tensor struct {
	Name  string
	DType string // "F32", "F16", "BF16", "F64", "U8", "I32", "I64" and so on
	Shape []int  // row-major; empty for a single number
	Data  []byte // little-endian; aligned for its elements where Decode made it
}

// A File is what a file holds.
type File struct {
	Metadata map[string]string // nil where the header has none
	Tensors  []Tensor          // in name order where Decode made it
	SHA256   string            // of the whole file, in hex; set by Decode and Write
}

const (
	lengthBytes  = 8
	mostHeader   = 100_000_000 // bytes; the Rust library has the same limit
	mostMetadata = 1 << 20     // bytes of JSON
	mostDims     = 64          // as in PyTorch and NumPy
	metadataKey  = "__metadata__"
)

const anotherCopy = "take another copy of the file"

func bad(path, do, why string, args ...any) error {
	return fault.New(fault.Model, "model file", path, do, why, args...)
}
