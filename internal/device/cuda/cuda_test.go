//go:build cuda && linux && cgo

package cuda

import (
	"os"
	"testing"

	"imgcls/internal/device"
	"imgcls/internal/device/devicetest"
)

// open opens the device that tests run on: a GPU, or the stand-in that
// IMGCLS_LIBCUDA names. IMGCLS_REQUIRE=standin makes a failure of having none.
func open(t *testing.T, o Options) device.Device {
	dev, err := o.New(0)
	if err != nil {
		if os.Getenv("IMGCLS_LIBCUDA") != "" {
			t.Fatal(err)
		}
		t.Log(err)
		devicetest.Require(t, "standin")
	}
	t.Cleanup(func() {
		if err := dev.Close(); err != nil {
			t.Error(err)
		}
	})
	return dev
}

func TestConformance(t *testing.T) {
	devicetest.Run(t, open(t, Options{}))
}
