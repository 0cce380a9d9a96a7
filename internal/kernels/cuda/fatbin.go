//go:build cuda && linux && cgo

package cuda

import (
	"embed"
	"errors"
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
