package device

import (
	"slices"
	"strings"

	"imgcls/internal/fault"
	"imgcls/internal/graph"
)

// A Halver is a Device that computes in half precision: Precisions are the types of 16
// bits that it has kernels for, the one to prefer first. All others compute in F32.
type Halver interface {
	Precisions() []graph.DType
}

// precisions are the names that --precision accepts beside auto.
var precisions = []struct {
	name string
	typ  graph.DType
}{{"fp32", graph.F32}, {"bf16", graph.BF16}, {"fp16", graph.F16}}

// PrecisionNames returns the names that Precision accepts.
func PrecisionNames() []string {
	names := []string{"auto"}
	for _, p := range precisions {
		names = append(names, p.name)
	}
	return names
}

// PrecisionName returns the name of a precision: "fp16" for F16.
func PrecisionName(typ graph.DType) string {
	for _, p := range precisions {
		if p.typ == typ {
			return p.name
		}
	}
	return typ.String()
}

// Precision returns the type that name stands for on dev: for auto that which dev
// prefers if half precision is to be used where there is one, and else F32. A precision
// asked for by name is never replaced by another.
func Precision(dev Device, name string, half bool) (graph.DType, error) {
	has := []graph.DType{graph.F32}
	if h, ok := dev.(Halver); ok {
		has = append(has, h.Precisions()...)
	}
	if name == "auto" {
		if half && len(has) > 1 {
			return has[1], nil
		}
		return graph.F32, nil
	}
	var can []string
	for _, p := range precisions {
		if slices.Contains(has, p.typ) {
			if p.name == name {
				return p.typ, nil
			}
			can = append(can, p.name)
		}
	}
	kind, _, _ := strings.Cut(dev.String(), ":")
	return 0, fault.New(fault.Usage, "--precision "+name, "", "use --precision "+strings.Join(can, " or ")+", or another --device",
		"the device %s computes in %s", kind, strings.Join(can, " and "))
}
