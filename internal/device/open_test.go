package device

import (
	"errors"
	"strings"
	"testing"

	"imgcls/internal/fault"
)

func TestOpen(t *testing.T) {
	opened := ""
	kind := func(name string, fails error) Kind {
		return Kind{name, func(index int) (Device, error) {
			if fails == nil {
				opened = name
			}
			return nil, fails
		}}
	}
	missing := kind("cuda", fault.New(fault.Device, "", "", "install one", "no driver: lib.so: not found"))
	cuda, broken, cpu := kind("cuda", nil), kind("cuda", errors.New("no driver")), kind("cpu", nil)
	for _, c := range []struct {
		spec   string
		kinds  []Kind
		opens  string
		exit   fault.Kind
		speaks string
	}{
		{"auto", []Kind{cuda, cpu}, "cuda", 0, "--device auto"},
		{"auto", []Kind{broken, cpu}, "cpu", 0, "--device auto; no cuda: no driver, see imgcls doctor"},
		{"cpu", []Kind{cuda, cpu}, "cpu", 0, "--device cpu"},
		{"cuda:1", []Kind{cuda, cpu}, "cuda", 0, "--device cuda:1"},
		{"cuda", []Kind{broken, cpu}, "", fault.Bug, "no driver"}, // never falls back
		{"auto", []Kind{missing, cpu}, "cpu", 0, "--device auto; no cuda: no driver, see"},
		{"cuda:0", []Kind{missing, cpu}, "", fault.Device, "--device cuda:0: no driver: lib.so: not found; install one"},
		{"cuda", []Kind{cpu}, "", fault.Device, "built without cuda"},
		{"auto", []Kind{broken}, "", fault.Device, "no driver"},
		{"gpu:x", []Kind{cpu}, "", fault.Usage, "auto, cpu, ref, cuda, cuda:N"},
		{"cuda:-1", []Kind{cpu}, "", fault.Usage, `"cuda:-1"`},
		{"cpu:0", []Kind{cpu}, "", fault.Usage, `"cpu:0"`},
		{"", []Kind{cpu}, "", fault.Usage, `""`},
	} {
		opened = ""
		_, why, err := Open(c.spec, c.kinds...)
		said := why
		if err != nil {
			said = err.Error()
			if k := fault.KindOf(err); k != c.exit {
				t.Errorf("%s: kind %d, want %d", c.spec, k, c.exit)
			}
		} else if c.exit != 0 {
			t.Errorf("%s: no error", c.spec)
		}
		if opened != c.opens || !strings.Contains(said, c.speaks) {
			t.Errorf("%s: opened %q, said %q", c.spec, opened, said)
		}
	}
}
