package train

import (
	"imgcls/internal/data"
	"imgcls/internal/device"
	"imgcls/internal/plan"
)

// Measure plans the training without allocating it, and returns what it will take
// of the device's memory and what there is.
func Measure(dev device.Device, set *data.Set, cfg Config) (device.Room, error) {
	module, err := Plan(dev, set, cfg)
	if err != nil {
		return device.Room{}, err
	}
	return device.RoomFor(dev, module), nil
}

// mostAdvised is the greatest number of micro-batches that is looked at for one that fits.
const mostAdvised = 32

// room says by what the training takes less memory. Other batches are rounded up so that
// they too can be cut into equal micro-batches.
func (cfg Config) room(dev device.Device, set *data.Set) device.Batch {
	b := device.Batch{
		Size: cfg.Batch,
		Planned: func(size int) (*plan.Module, error) {
			cfg, accum := cfg, max(cfg.Accum, 1)
			cfg.Batch = (size + accum - 1) / accum * accum
			return Plan(dev, set, cfg)
		},
		InParts: func(accum int) (*plan.Module, error) {
			cfg := cfg
			cfg.Accum = accum
			return Plan(dev, set, cfg)
		},
	}
	for accum := max(cfg.Accum, 1) + 1; accum <= min(cfg.Batch, mostAdvised); accum++ {
		if cfg.Batch%accum == 0 {
			b.Accum = append(b.Accum, accum)
		}
	}
	return b
}
