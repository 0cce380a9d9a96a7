// Package naming translates the names that other libraries give a network's tensors
// into torchvision's, which the networks here have. It knows names and nothing of
// the tensors: one table for each library, in a file of its own.
//
// What a table does not name keeps its name, so that nothing is dropped here; who
// loads the tensors finds it to be in no network.
package naming

import (
	"strconv"
	"strings"
)

// A Library names tensors in a way of its own. The zero Library has our names.
type Library struct {
	Name    string
	Refusal string // why its networks are others than those here, whatever the names; usually empty

	mark   string // a module that its state dicts have and no other library's
	prefix string // what may stand before its names
	rules  []rule // the first that fits holds
}

// A rule renames a module. In from, # stands for a number; to is given those
// numbers, and returns "" where there is no such module.
type rule struct {
	from string
	to   func(n []int) string
}

// is renames to always the same.
func is(to string) func([]int) string { return func([]int) string { return to } }

// plain is the library of files that no other claims: PyTorch's own modules, as
// torchvision, timm for most of its networks, and imgcls name them.
var plain = Library{Name: "PyTorch"}

// libraries are those that name tensors otherwise.
var libraries = []Library{timm, transformers, transformersMobile}

// Recognise returns the library whose names these are.
func Recognise(names []string) Library {
	for _, l := range libraries {
		for _, name := range names {
			if module, _ := split(strings.TrimPrefix(name, l.prefix)); module == l.mark {
				return l
			}
		}
	}
	return plain
}

// Translate returns torchvision's name of the tensor.
func (l Library) Translate(name string) string {
	module, leaf := split(strings.TrimPrefix(name, l.prefix))
	for _, r := range l.rules {
		if n, ok := match(r.from, module); ok {
			if to := r.to(n); to != "" {
				return to + leaf
			}
		}
	}
	return name
}

// Module returns the name of the module that a tensor of that name belongs to.
func Module(name string) string {
	module, _ := split(name)
	return module
}

// split takes a name apart into the module and what the module calls the tensor,
// with the dot before it.
func split(name string) (module, leaf string) {
	at := max(0, strings.LastIndexByte(name, '.'))
	return name[:at], name[at:]
}

// match reports whether module is of the pattern, and the numbers in it.
func match(pattern, module string) (n []int, ok bool) {
	want, have := strings.Split(pattern, "."), strings.Split(module, ".")
	if len(want) != len(have) {
		return nil, false
	}
	for i, part := range want {
		if part == have[i] {
			continue
		}
		number, err := strconv.Atoi(have[i])
		if part != "#" || err != nil || strconv.Itoa(number) != have[i] || number < 0 {
			return nil, false
		}
		n = append(n, number)
	}
	return n, true
}
