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

// of returns what plans the training for other batches.
func (cfg Config) of(dev device.Device, set *data.Set) func(batch int) (*plan.Module, error) {
	return func(batch int) (*plan.Module, error) {
		cfg.Batch = batch
		return Plan(dev, set, cfg)
	}
}
