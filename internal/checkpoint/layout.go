package checkpoint

import "imgcls/internal/graph"

// A layout is the channels-last view [A,H,W,C] of a parameter whose place in a
// file is channels-first, [A,C,H,W]: a filter, O R S I in memory and O I R S in
// the file, or the weight of a linear layer that reads flattened images, whose
// columns run H·W·C in memory and C·H·W in the file.
type layout struct {
	a, h, w, c int
	shape      []int // in the file
}

// layouts finds the parameters of g that lie otherwise in a file, by what reads
// them.
func layouts(g *graph.Graph) map[graph.Value]layout {
	flat := map[graph.Value][]int{} // a flattened tensor → the shape of its images
	found := map[graph.Value]layout{}
	for _, e := range g.Entries {
		for _, n := range e.Nodes {
			switch op := n.Op.(type) {
			case graph.Reshape:
				if from := g.Tensor(n.In[0]).Shape; len(from) == 4 && len(op.Shape) == 2 && op.Shape[0] == from[0] {
					flat[n.Out[0]] = from
				}
			case graph.Act:
				if from, ok := flat[n.In[0]]; ok {
					flat[n.Out[0]] = from
				}
			case graph.Conv:
				s := g.Tensor(n.In[1]).Shape
				found[n.In[1]] = layout{s[0], s[1], s[2], s[3], []int{s[0], s[3], s[1], s[2]}}
			case graph.MatMul:
				if x, ok := flat[n.In[0]]; ok && op.TransB && g.Tensor(n.In[1]).Role == graph.Param {
					s := g.Tensor(n.In[1]).Shape
					found[n.In[1]] = layout{s[0], x[1], x[2], x[3], s}
				}
			}
		}
	}
	return found
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
