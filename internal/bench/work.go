package bench

import (
	"imgcls/internal/device"
	"imgcls/internal/fault"
)

// A Work is what a contender repeats: steps of a model, or one operation. The
// zero fields do not matter to it.
type Work struct {
	Model   string `json:"model,omitempty"`
	Mode    string `json:"mode,omitempty"`    // of a model: Train or Infer
	Batch   int    `json:"batch,omitempty"`   // pictures a step, of a model or a convolution
	Samples int    `json:"samples,omitempty"` // pictures in memory to train on; 0 means FewSamples
	// Precision is fp32, or of a model bf16 or fp16; "" is fp32.
	Precision string `json:"precision,omitempty"`

	Op string `json:"op,omitempty"` // MatMul, Conv, ConvBackData or ConvBackFilter
	// A MatMul is of [M,K] by [K,N].
	M int `json:"m,omitempty"`
	N int `json:"n,omitempty"`
	K int `json:"k,omitempty"`
	// A convolution is of Batch images Size×Size×In with Out filters
	// Kernel×Kernel×In/Groups, where 0 groups mean one.
	Size   int `json:"size,omitempty"`
	In     int `json:"in,omitempty"`
	Out    int `json:"out,omitempty"`
	Kernel int `json:"kernel,omitempty"`
	Stride int `json:"stride,omitempty"`
	Pad    int `json:"pad,omitempty"`
	Groups int `json:"groups,omitempty"`

	// Settings are words of the contender's own: ways of doing the same work.
	Settings []string `json:"settings,omitempty"`
}

// The modes of a model.
const (
	Train = "train"
	Infer = "infer"
)

// FewSamples is the number of pictures that training goes through unless a Work
// says otherwise, or one batch where that is more.
const FewSamples = 2048

// A load is a Work made ready on a device.
type load interface {
	// run repeats the work for at least so many seconds.
	run(seconds float64) (Sample, error)
	close() error
}

func (w Work) load(dev device.Device) (load, error) {
	if len(w.Settings) > 0 {
		return nil, w.refuse("imgcls has one way of doing it, and no setting %s", fault.Quote(w.Settings[0]))
	}
	switch {
	case w.Model != "" && (w.Batch < 1 || w.Samples < 0):
		return nil, w.refuse("a batch of %d of %d pictures makes no sense", w.Batch, w.Samples)
	case w.Model != "" && w.Mode == Train:
		return newTraining(dev, w)
	case w.Model != "" && w.Mode == Infer:
		return newInference(dev, w)
	case w.Model != "":
		return nil, w.refuse("the mode %s is not %s or %s", fault.Quote(w.Mode), Train, Infer)
	}
	return newOperation(dev, w)
}

func (w Work) refuse(why string, args ...any) error {
	return fault.New(fault.Usage, "work", "", "", why, args...)
}
