package checkpoint

import (
	"fmt"

	"imgcls/internal/graph"
)

// A layout is the channels-last view [A,H,W,C] of a parameter whose place in a
// file is channels-first, [A,C,H,W]: a filter, O R S I in memory and O I R S in
// the file, or the weight of a linear layer that reads flattened images, whose
// columns run H·W·C in memory and C·H·W in the file.
type layout struct {
	a, h, w, c int
	shape      []int // in the file
}

// layouts finds the parameters of g that lie otherwise in a file, by what reads
// them. Flattened images keep their places through elementwise operations. Behind
// any other, nothing tells how the columns of a weight lie, and that is an error
// rather than a file that another program would misread.
func layouts(g *graph.Graph) (map[graph.Value]layout, error) {
	found := map[graph.Value]layout{}
	for _, e := range g.Entries {
		flat := map[graph.Value][]int{} // a flattened tensor → the shape of its images; nil once they are lost
		for _, n := range e.Nodes {
			from, flattened := flat[n.In[0]]
			for _, v := range n.In[1:] {
				if other, ok := flat[v]; ok {
					from, flattened = other, true
				}
			}
			switch op := n.Op.(type) {
			case graph.Reshape:
				if s := g.Tensor(n.In[0]).Shape; len(s) == 4 && len(op.Shape) == 2 && op.Shape[0] == s[0] {
					flat[n.Out[0]] = s
				}
				continue
			case graph.Conv:
				s := g.Tensor(n.In[1]).Shape
				found[n.In[1]] = layout{s[0], s[1], s[2], s[3], []int{s[0], s[3], s[1], s[2]}}
				continue
			case graph.MatMul:
				w := g.Tensor(n.In[1])
				if _, read := flat[n.In[0]]; !read || w.Role != graph.Param {
					continue
				}
				if from == nil || !op.TransB {
					return nil, fmt.Errorf("%s: no file layout is known for its weight: between it and the flattened images stands more than elementwise operations", n.Name)
				}
				found[n.In[1]] = layout{w.Shape[0], from[1], from[2], from[3], w.Shape}
				continue
			}
			if _, elementwise := n.Op.(graph.Elementwise); !elementwise {
				from = nil
			}
			for _, v := range n.Out {
				if flattened {
					flat[v] = from
				}
			}
		}
	}
	return found, nil
}

// toFile copies src, channels last, to dst, channels first.
func (l layout) toFile(dst, src []float32) {
	l.each(func(file, memory int) { dst[file] = src[memory] })
}

// toMemory copies src, channels first, to dst, channels last.
func (l layout) toMemory(dst, src []float32) {
	l.each(func(file, memory int) { dst[memory] = src[file] })
}

// each pairs the places of every element.
func (l layout) each(pair func(file, memory int)) {
	file := 0
	for a := range l.a {
		for c := range l.c {
			for hw := range l.h * l.w {
				pair(file, (a*l.h*l.w+hw)*l.c+c)
				file++
			}
		}
	}
}
