package train

import (
	"fmt"
	"strings"
	"testing"

	"imgcls/internal/device"
	"imgcls/internal/device/cpu"
	"imgcls/internal/fault"
	"imgcls/internal/models"
)

// A small device has so many bytes free.
type small struct {
	device.Device
	free  int
	known bool
}

func (s small) Free() (int, bool) { return s.free, s.known }

// What does not fit is refused with the largest batch that does: that one fits,
// and one more does not.
func TestMeasure(t *testing.T) {
	set, dev := few(60), cpu.New(1)
	cfg := Config{Network: tutorialNet(len(set.Classes)), Epochs: 1, Batch: 50, EvalBatch: 1, Optimizer: models.CifarNet.Recipe.Optimizer}
	m, err := Measure(small{dev, 1 << 40, true}, set, cfg)
	if err != nil || m.Need < 1<<20 || !m.Known {
		t.Fatalf("%+v, %v", m, err)
	}
	if _, err := Measure(small{dev, 0, false}, set, cfg); err != nil {
		t.Errorf("where nothing is known: %v", err)
	}
	free := m.Need * 2 / 3
	_, err = Measure(small{dev, free, true}, set, cfg)
	var largest int
	if fault.KindOf(err) != fault.Room {
		t.Fatalf("error %v", err)
	}
	if _, scan := fmt.Sscanf(err.Error()[strings.Index(err.Error(), "use --batch-size"):], "use --batch-size %d or less", &largest); scan != nil {
		t.Fatalf("%v: %v", err, scan)
	}
	for batch, fits := range map[int]bool{largest: true, largest + 1: false} {
		cfg.Batch = batch
		if _, err := Measure(small{dev, free, true}, set, cfg); (err == nil) != fits {
			t.Errorf("batch %d: %v", batch, err)
		}
	}
	if _, err = Measure(small{dev, 1 << 10, true}, set, cfg); err == nil || !strings.Contains(err.Error(), "a batch of 1 does not fit either") {
		t.Errorf("where nothing fits: %v", err)
	}
}
