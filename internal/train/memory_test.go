package train

import (
	"fmt"
	"strings"
	"testing"

	"imgcls/internal/device"
	"imgcls/internal/device/cpu"
	"imgcls/internal/fault"
	"imgcls/internal/models"
	"imgcls/internal/plan"
)

// A small device has so many bytes free, of 1 TiB.
type small struct {
	device.Device
	free  int
	known bool
}

func (s small) Free() (bytes, total int, known bool) { return s.free, 1 << 40, s.known }

func (s small) Needs(m *plan.Module) int { return m.Arena }

// What does not fit is refused with the largest batch that does: that one fits,
// and one more does not.
func TestMeasure(t *testing.T) {
	set, dev := few(60), cpu.New(1)
	cfg := Config{Network: tutorialNet(len(set.Classes)), Epochs: 1, Batch: 50, EvalBatch: 1, Optimizer: models.CifarNet.Recipe.Optimizer}
	m, err := Measure(small{dev, 1 << 40, true}, set, cfg)
	if err != nil || m.Need < 1<<20 || !m.Known {
		t.Fatalf("%+v, %v", m, err)
	}
	refusal := func(free int, known bool) error {
		trainer, err := New(small{dev, free, known}, set, cfg)
		if err == nil {
			trainer.Close()
		}
		return err
	}
	if err := refusal(0, false); err != nil {
		t.Errorf("where nothing is known: %v", err)
	}
	free := m.Need * 2 / 3
	err = refusal(free, true)
	if fault.KindOf(err) != fault.Room || !strings.Contains(err.Error(), fault.Grouped(int64(free))+" of 1,099,511,627,776 are free") {
		t.Fatalf("error %v", err)
	}
	const advice = "use --batch-size %d or less, the largest that fits, or --grad-accum %d (the batch stays %d; batch norm sees %d)"
	advised := func(err error) (largest, accum int) {
		var batch, part int
		text := err.Error()
		if _, scan := fmt.Sscanf(text[max(0, strings.Index(text, "use --batch-size")):], advice, &largest, &accum, &batch, &part); scan != nil {
			t.Fatalf("%v: %v", err, scan)
		}
		if batch != cfg.Batch || part*accum != batch {
			t.Errorf("error %v", err)
		}
		return largest, accum
	}
	largest, accum := advised(err)
	for batch, fits := range map[int]bool{largest: true, largest + 1: false} {
		cfg.Batch = batch
		if err := refusal(free, true); (err == nil) != fits {
			t.Errorf("batch %d: %v", batch, err)
		}
	}
	cfg.Batch = 50
	for _, cfg.Accum = range []int{2, 5, 10, 25} {
		if err := refusal(free, true); cfg.Accum <= accum && (err == nil) != (cfg.Accum == accum) {
			t.Errorf("--grad-accum %d, of which %d is the least that fits: %v", cfg.Accum, accum, err)
		}
	}

	// A batch that is cut already stays one that can be, and is cut finer.
	cfg.Batch, cfg.Accum = 48, 3
	if m, err = Measure(dev, set, cfg); err != nil {
		t.Fatal(err)
	}
	free = m.Need - m.Need/10
	largest, accum = advised(refusal(free, true))
	if largest%3 != 0 || accum <= 3 || 48%accum != 0 {
		t.Errorf("batches of %d in 3 parts, or %d parts of 48", largest, accum)
	}
	for batch, fits := range map[int]bool{largest: true, largest + 3: false} {
		cfg.Batch = batch
		if err := refusal(free, true); (err == nil) != fits {
			t.Errorf("batch %d in 3 parts: %v", batch, err)
		}
	}
	if err := refusal(1<<10, true); err == nil || !strings.Contains(err.Error(), "a batch of 1 does not fit either") {
		t.Errorf("where nothing fits: %v", err)
	}
}
