//go:build cuda && linux && cgo

package cuda

import "testing"

func TestCodeFor(t *testing.T) {
	const all = "80 86 89 90a 100 120"
	for _, row := range []struct {
		architectures string
		capability    int
		want          string
	}{
		{all, 75, ""}, {all, 80, "sm_80"}, {all, 86, "sm_86"}, {all, 87, "sm_86"}, {all, 89, "sm_89"},
		{all, 90, "sm_90a"}, {all, 100, "sm_100"}, {all, 103, "sm_100"}, {all, 110, "PTX"}, {all, 121, "sm_120"},
		{"80 90a", 89, "sm_80"}, {"86 90a", 80, "PTX"}, {"80 103a", 104, "PTX"}, {"", 90, "PTX"}, {"", 75, ""},
	} {
		if got := codeFor(row.architectures, row.capability); got != row.want {
			t.Errorf("%q on %d: %q, want %q", row.architectures, row.capability, got, row.want)
		}
	}
}
