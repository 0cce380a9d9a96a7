package graph

import (
	"reflect"
	"testing"
)

// A parameter's own columns lie as far from the optimizer's as its offset says.
func TestColumnsOfAParameter(t *testing.T) {
	sgd := SGD{LR: 2, Momentum: 0, Decay: 1, Nesterov: true, Offset: []int{0, 3}}
	adam := AdamW{Beta1: 0.5, Keep: 1, Rate: 0, Root: 2, Offset: []int{6, 0}}
	for _, c := range []struct{ got, want Op }{
		{sgd.Of(0), SGD{LR: 2, Momentum: 0, Decay: 1, Nesterov: true}},
		{sgd.Of(1), SGD{LR: 5, Momentum: 3, Decay: 4, Nesterov: true}},
		{SGD{Decay: 1}.Of(7), SGD{Decay: 1}},
		{adam.Of(0), AdamW{Beta1: 0.5, Keep: 7, Rate: 6, Root: 8}},
		{adam.Of(1), AdamW{Beta1: 0.5, Keep: 1, Rate: 0, Root: 2}},
	} {
		if !reflect.DeepEqual(c.got, c.want) {
			t.Errorf("%+v, want %+v", c.got, c.want)
		}
	}
}
