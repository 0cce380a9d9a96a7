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
	// Precision is fp32, bf16 or fp16, of an operation the type of what may be of 16
	// bits; "" is fp32.
	Precision string `json:"precision,omitempty"`

	Op string `json:"op,omitempty"` // one of operations
	// A MatMul is of [M,K] by [K,N]; TransA and TransB say which of them lies turned.
	M      int  `json:"m,omitempty"`
	N      int  `json:"n,omitempty"`
	K      int  `json:"k,omitempty"`
	TransA bool `json:"trans_a,omitempty"`
	TransB bool `json:"trans_b,omitempty"`
	// Size is the height and width of a model's pictures; 0 means its recipe's.
	// A convolution is of Batch images Size×Size×In with Out filters
	// Kernel×Kernel×In/Groups; other operations on images have a kernel or none.
	Size   int `json:"size,omitempty"`
	In     int `json:"in,omitempty"`
	Out    int `json:"out,omitempty"`
	Kernel int `json:"kernel,omitempty"`
	Stride int `json:"stride,omitempty"`
	Pad    int `json:"pad,omitempty"`
	Groups int `json:"groups,omitempty"` // of a convolution's channels; 0 means 1

	Kind    string `json:"kind,omitempty"`    // of an activation
	Lengths []int  `json:"lengths,omitempty"` // of an optimizer's parameters
	// Resident leaves the filters of a convolution where they are: on a GPU to write
	// them is a copy over the bus, and no packing.
	Resident bool `json:"resident,omitempty"`

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

// mostSize bounds the height and width of a model's pictures.
const mostSize = 4096

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
	case w.Model != "" && (w.Size < 0 || w.Size > mostSize):
		return nil, w.refuse("pictures of %d×%d make no sense", w.Size, w.Size)
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
