package metrics

import (
	"encoding/json"
	"math"
)

// A Figure is a number that may have no value: NaN and the infinities are null
// in JSON, and null is read as NaN.
type Figure float64

var undefined = Figure(math.NaN())

// Undefined returns a Figure without a value.
func Undefined() Figure { return undefined }

// Defined tells whether f has a finite value.
func (f Figure) Defined() bool { return f-f == 0 }

// MarshalJSON writes f in the shortest form that reads back as f, or null.
func (f Figure) MarshalJSON() ([]byte, error) {
	if !f.Defined() {
		return []byte("null"), nil
	}
	return json.Marshal(float64(f))
}

// UnmarshalJSON reads a number or null.
func (f *Figure) UnmarshalJSON(text []byte) error {
	v := math.NaN()
	if string(text) != "null" {
		if err := json.Unmarshal(text, &v); err != nil {
			return err
		}
	}
	*f = Figure(v)
	return nil
}

// orZero is f, or 0 where f has no value.
func (f Figure) orZero() Figure {
	if f.Defined() {
		return f
	}
	return 0
}

// ratio is part / whole, undefined where whole is 0.
func ratio(part, whole int) Figure {
	if whole == 0 {
		return undefined
	}
	return Figure(float64(part) / float64(whole))
}
