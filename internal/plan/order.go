package plan

import (
	"fmt"

	"imgcls/internal/graph"
)

// live returns the nodes from which a cell or one of the results follows,
// and marks outputs that nobody reads with the zero Value. This decides which
// gradients are needed, so that gradient rules never have to ask.
func live(all []graph.Node, results []graph.Value) []graph.Node {
	needed := map[graph.Value]bool{}
	for _, v := range results {
		needed[v] = true
	}
	keep := make([]bool, len(all))
	for i := len(all) - 1; i >= 0; i-- {
		n := all[i]
		keep[i] = len(n.Set) > 0
		for _, v := range n.Out {
			keep[i] = keep[i] || needed[v]
		}
		if keep[i] {
			for _, v := range n.In {
				needed[v] = true
			}
		}
	}
	var nodes []graph.Node
	for i, n := range all {
		if !keep[i] {
			continue
		}
		out := make([]graph.Value, len(n.Out))
		for j, v := range n.Out {
			if needed[v] {
				out[j] = v
			}
		}
		n.Out = out
		nodes = append(nodes, n)
	}
	return nodes
}

// order returns the nodes with every read of a cell before the node that sets
// it, but for those that follow from what that node makes, which read what it has set;
// and otherwise as they were. The nodes come in an order in which every
// temporary is made before it is read. To read a view, whose root is in root,
// is to read what it is a view of.
func order(nodes []graph.Node, root []graph.Value) ([]graph.Node, error) {
	made := map[graph.Value]int{}      // temporary → the node that makes it
	setter := map[graph.Value]int{}    // cell → the node that sets it
	waits := make([][]int, len(nodes)) // node → the nodes that must run before it
	for i, n := range nodes {
		for _, v := range n.Out {
			made[v] = i
		}
		for _, v := range n.Set {
			v = root[v]
			if j, twice := setter[v]; twice {
				return nil, fmt.Errorf("%s and %s set the same cell", nodes[j].Name, n.Name)
			}
			setter[v] = i
		}
	}
	for i, n := range nodes {
		for _, v := range n.In {
			if j, ok := made[v]; ok {
				waits[i] = append(waits[i], j)
			}
		}
	}
	follow := map[int]map[int]bool{} // setter → the nodes that follow from what it makes
	for _, j := range setter {
		if follow[j] == nil {
			follow[j] = following(waits, j)
		}
	}
	for i, n := range nodes {
		for _, v := range n.In {
			if j, ok := setter[root[v]]; ok && j != i && !follow[j][i] {
				waits[j] = append(waits[j], i)
			}
		}
	}
	const entered, done = 1, 2
	state := make([]int, len(nodes)) // 0 before the first visit
	ordered := make([]graph.Node, 0, len(nodes))
	var visit func(i int) error
	visit = func(i int) error {
		switch state[i] {
		case done:
			return nil
		case entered:
			return fmt.Errorf("%s waits for itself", nodes[i].Name)
		}
		state[i] = entered
		for _, j := range waits[i] {
			if err := visit(j); err != nil {
				return err
			}
		}
		state[i] = done
		ordered = append(ordered, nodes[i])
		return nil
	}
	for i := range nodes {
		if err := visit(i); err != nil {
			return nil, err
		}
	}
	return ordered, nil
}

// following returns the nodes that wait for node j, or for one that does.
func following(waits [][]int, j int) map[int]bool {
	next := make([][]int, len(waits))
	for i, on := range waits {
		for _, k := range on {
			next[k] = append(next[k], i)
		}
	}
	found := map[int]bool{}
	for open := []int{j}; len(open) > 0; {
		k := open[len(open)-1]
		open = open[:len(open)-1]
		for _, i := range next[k] {
			if !found[i] {
				found[i] = true
				open = append(open, i)
			}
		}
	}
	return found
}
