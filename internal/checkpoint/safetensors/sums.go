package safetensors

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"

	"imgcls/internal/fault"
)

// The metadata keys of the sums that Seal adds.
const (
	tensorsKey = "sha256"
	headerKey  = "sha256_header"
)

// Sums returns the SHA-256 of each tensor's data, in hex, by name.
func (f *File) Sums() map[string]string {
	sums := make(map[string]string, len(f.Tensors))
	for _, t := range f.Tensors {
		sums[t.Name] = digest(t.Data)
	}
	return sums
}

// Seal adds the sums to the metadata, in the place of any that are there.
// Nothing of f may change between it and Encode, whose errors it shares.
func (f *File) Seal() error {
	text, err := json.Marshal(f.Sums())
	if err != nil {
		return err
	}
	if f.Metadata == nil {
		f.Metadata = map[string]string{}
	}
	f.Metadata[tensorsKey] = string(text)
	if err := f.check(); err != nil {
		return err
	}
	f.Metadata[headerKey] = f.headerSum()
	return nil
}

// Sealed reports whether f has any of the sums. One changed bit cannot take
// away both, so a file for which it is false never had them.
func (f *File) Sealed() bool {
	_, tensors := f.Metadata[tensorsKey]
	_, header := f.Metadata[headerKey]
	return tensors || header
}

// Verify refuses a file that lacks sums or differs from them: one in whose
// tensors, names, types, shapes or metadata anything has changed since Seal.
// The path is for messages.
func (f *File) Verify(path string) error {
	if have, want := f.headerSum(), f.Metadata[headerKey]; have != want {
		return differs(path, "the header", have, want)
	}
	var sums map[string]string
	if err := json.Unmarshal([]byte(f.Metadata[tensorsKey]), &sums); err != nil {
		return bad(path, anotherCopy, "the metadata key %s holds no sums: %w", tensorsKey, err)
	}
	if len(sums) != len(f.Tensors) {
		return bad(path, anotherCopy, "holds %d tensors and sums of %d", len(f.Tensors), len(sums))
	}
	for _, t := range f.Tensors {
		if have, want := digest(t.Data), sums[t.Name]; have != want {
			return differs(path, "tensor "+fault.Quote(t.Name), have, want)
		}
	}
	return nil
}

func differs(path, part, have, want string) error {
	if want == "" {
		return bad(path, anotherCopy, "has no SHA-256 of %s", part)
	}
	return bad(path, anotherCopy, "%s is damaged: its SHA-256 is %s, the file says %s", part, have, fault.Quote(want))
}

// headerSum is the sum of all of the header but the sum itself.
func (f *File) headerSum() string {
	rest := File{Metadata: maps.Clone(f.Metadata), Tensors: f.Tensors}
	delete(rest.Metadata, headerKey)
	return digest(rest.header())
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
