package device

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"imgcls/internal/fault"
)

// A Kind is a kind of device that this build has.
type Kind struct {
	Name string // "cpu", "cuda"
	// Open opens the index-th device of the kind, or says why there is none.
	Open func(index int) (Device, error)
}

// names are the kinds that --device accepts, whichever of them a build has.
var names = []string{"auto", "cpu", "ref", "cuda", "cuda:N"}

// Open opens the device that spec names: "cpu", "ref", "cuda", "cuda:1", or
// "auto", which takes the first of the kinds that opens. Its second result says
// why this device was chosen. A kind asked for by name is never replaced by
// another.
func Open(spec string, kinds ...Kind) (dev Device, why string, err error) {
	name, index, err := parse(spec)
	if err != nil {
		return nil, "", err
	}
	if name == "auto" {
		var passed, brief []string // why those before cannot be used
		for _, k := range kinds {
			if dev, err = k.Open(0); err == nil {
				return dev, strings.Join(append([]string{"--device auto"}, brief...), "; "), nil
			}
			passed = append(passed, fmt.Sprintf("no %s: %v", k.Name, err))
			brief = append(brief, fmt.Sprintf("no %s: %s, see imgcls doctor", k.Name, gist(err)))
		}
		return nil, "", fault.New(fault.Device, "--device auto", "", "", "%s", strings.Join(passed, "; "))
	}
	for _, k := range kinds {
		if k.Name == name {
			dev, err = k.Open(index)
			return dev, "--device " + spec, named(err, "--device "+spec)
		}
	}
	return nil, "", fault.New(fault.Device, "--device "+spec, "", "use --device cpu, or make on Linux, which builds with it",
		"this binary was built without %s", name)
}

// gist is the first part of why an error came.
func gist(err error) string {
	why := err.Error()
	if e := (*fault.Error)(nil); errors.As(err, &e) {
		why = e.Why
	}
	why, _, _ = strings.Cut(why, ": ")
	return why
}

// named gives an error that names nothing the flag that it is about.
func named(err error, flag string) error {
	var e *fault.Error
	if !errors.As(err, &e) || e.What != "" || e.Path != "" {
		return err
	}
	copied := *e
	copied.What = flag
	return &copied
}

// parse splits "cuda:1" into kind and index.
func parse(spec string) (name string, index int, err error) {
	name, number, numbered := strings.Cut(spec, ":")
	valid := name == "auto" || name == "cpu" || name == "ref" || name == "cuda"
	if numbered {
		index, err = strconv.Atoi(number)
		valid = valid && name == "cuda" && err == nil && index >= 0
	}
	if !valid {
		return "", 0, fault.New(fault.Usage, "--device", "", "use one of "+strings.Join(names, ", "),
			"%s is not a device", fault.Quote(spec))
	}
	return name, index, nil
}
