//go:build cuda && linux && cgo

package cuda

import (
	"embed"
	"errors"
	"strings"
)

//go:embed bin
var bin embed.FS

// Fatbin returns the compiled kernels, for the driver to load.
func Fatbin() ([]byte, error) {
	image, err := bin.ReadFile("bin/kernels.fatbin")
	if err != nil {
		return nil, errors.New("built without kernels: run make")
	}
	return image, nil
}

// Architectures lists what the kernels are compiled for, "80 86 90a", besides PTX for
// later ones; it is empty in a binary without kernels.
func Architectures() string {
	list, _ := bin.ReadFile("bin/architectures")
	return strings.TrimSpace(string(list))
}
