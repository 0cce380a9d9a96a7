package train

import (
	"strconv"

	"imgcls/internal/data"
	"imgcls/internal/device"
	"imgcls/internal/fault"
)

// A Memory is what a training will take of the device and what the device has.
type Memory struct {
	Need, Free int  // bytes
	Known      bool // whether Free is
}

// Measure plans the training without allocating it. Where it does not fit it is
// an error of kind Room that names the largest batch which does. Kernels take a
// little more beside it, which the device itself refuses if need be.
func Measure(dev device.Device, set *data.Set, cfg Config) (m Memory, err error) {
	module, err := Plan(dev, set, cfg)
	if err != nil {
		return m, err
	}
	m.Need = module.Arena
	if meter, ok := dev.(device.Meter); ok {
		m.Free, m.Known = meter.Free()
	}
	if !m.Known || m.Need <= m.Free {
		return m, nil
	}
	do := "use a smaller --img-size or fewer pictures: a batch of 1 does not fit either"
	if most := largestBatch(dev, set, cfg, m.Free); most > 0 {
		do = "use --batch-size " + strconv.Itoa(most) + " or less, the largest that fits"
	}
	return m, fault.New(fault.Room, "memory", "", do, "a batch of %d needs %s bytes, %s are free",
		cfg.Batch, fault.Grouped(int64(m.Need)), fault.Grouped(int64(m.Free)))
}

// largestBatch returns the largest batch whose plan takes at most free bytes, and
// 0 if none does.
func largestBatch(dev device.Device, set *data.Set, cfg Config, free int) int {
	fits := func(batch int) bool {
		cfg.Batch = batch
		module, err := Plan(dev, set, cfg)
		return err == nil && module.Arena <= free
	}
	most, above := 0, cfg.Batch
	for above-most > 1 {
		if middle := (most + above) / 2; fits(middle) {
			most = middle
		} else {
			above = middle
		}
	}
	return most
}
