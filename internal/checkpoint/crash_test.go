package checkpoint

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"imgcls/internal/checkpoint/safetensors"
	"imgcls/internal/fsys"
)

// aState is a small checkpoint whose numbers tell its step.
func aState(step int) *State {
	values := make([]float32, 5000)
	for i := range values {
		values[i] = float32(step*i + 1)
	}
	return &State{
		Step: step, Place: fmt.Appendf(nil, `{"step":%d}`, step), History: []byte("{}\n"), Settings: []byte("lr: 0.1\n"),
		Data: Source{Name: "digits", Fingerprint: "f"}, Build: Build{Version: "v", Device: "cpu", Platform: "linux/amd64"},
		Tensors: []safetensors.Tensor{safetensors.FromFloat32s("w", []int{5000}, values)},
	}
}

// A crash is what a loss of power after the first so many calls may leave. Calls
// after which nothing was synced may be lost one by one, and writes torn.
type crash struct {
	calls []fsys.Done
	inode []int // of the file that a call concerns, by the name that it had then
}

// follow numbers the files that calls concern.
func follow(calls []fsys.Done) crash {
	c := crash{calls: calls, inode: make([]int, len(calls))}
	names := map[string]int{}
	for i, d := range calls {
		if d.Call == fsys.CallOpen {
			names[d.Path] = i + 1
		}
		c.inode[i] = names[d.Path]
		switch d.Call {
		case fsys.CallRename:
			names[d.To] = names[d.Path]
			delete(names, d.Path)
		case fsys.CallRemove:
			delete(names, d.Path)
		}
	}
	return c
}

// volatile lists the calls among the first n that a loss of power may undo.
func (c crash) volatile(n int) (list []int) {
	for i, d := range c.calls[:n] {
		safe := slices.ContainsFunc(c.calls[i+1:n], func(later fsys.Done) bool {
			switch d.Call {
			case fsys.CallOpen, fsys.CallRemove, fsys.CallRename:
				return later.Call == fsys.CallSyncDir && later.Path == filepath.Dir(d.Path)
			}
			return false
		})
		if d.Call == fsys.CallWrite {
			for j := i + 1; j < n; j++ {
				safe = safe || c.calls[j].Call == fsys.CallSync && c.inode[j] == c.inode[i]
			}
		}
		if !safe && d.Call != fsys.CallSync && d.Call != fsys.CallSyncDir {
			list = append(list, i)
		}
	}
	return list
}

// A loss is what becomes of a call: undone, or for a write only half of it done.
type loss struct {
	call int
	torn bool
}

// state returns the files by name after the first n calls with these losses.
func (c crash) state(n int, losses []loss) map[string][]byte {
	content, names := map[int][]byte{}, map[string]int{}
	for i, d := range c.calls[:n] {
		at := slices.IndexFunc(losses, func(l loss) bool { return l.call == i })
		lost := at >= 0 && !losses[at].torn
		switch d.Call {
		case fsys.CallWrite:
			data := d.Data
			if lost {
				data = make([]byte, len(data)) // the length is known, the bytes are not
			} else if at >= 0 {
				data = append(slices.Clone(data[:len(data)/2]), make([]byte, len(data)-len(data)/2)...)
			}
			content[c.inode[i]] = append(content[c.inode[i]], data...)
		case fsys.CallOpen:
			if !lost {
				names[d.Path] = c.inode[i]
			}
		case fsys.CallRename:
			if !lost {
				delete(names, d.Path)
				names[d.To] = c.inode[i]
			}
		case fsys.CallRemove:
			if !lost {
				delete(names, d.Path)
			}
		}
	}
	files := map[string][]byte{}
	for name, inode := range names {
		files[name] = content[inode]
	}
	return files
}

// Row 3: whatever a loss of power leaves of a save, the newest checkpoint that
// proves itself is the one before it or the new one, even with --keep 1; and the
// model file is the old or the new one.
func TestLossOfPower(t *testing.T) {
	dir := t.TempDir()
	store := Store{Dir: filepath.Join(dir, "checkpoints"), Keep: 1}
	model := filepath.Join(dir, "model.safetensors")
	var calls []fsys.Done
	saved := []int{0} // by call: the newest step that a save had promised before it
	promised := 0
	restore := fsys.Observe(func(d fsys.Done) {
		d.Data = bytes.Clone(d.Data)
		calls = append(calls, d)
		saved = append(saved, promised)
	})
	defer restore()
	for step := 1; step <= 45; step++ {
		file := &safetensors.File{Tensors: aState(step).Tensors}
		if err := file.Seal(); err != nil {
			t.Fatal(err)
		}
		if err := safetensors.Write(model, file); err != nil {
			t.Fatal(err)
		}
		if stuck, err := store.Save(aState(step), 0); err != nil || stuck != nil {
			t.Fatal(err, stuck)
		}
		promised = step
	}
	restore()
	c, states := follow(calls), 0
	for n := 1; n <= len(calls); n++ {
		for _, losses := range subsets(c, c.volatile(n)) {
			states++
			c.check(t, n, losses, saved[n], store, model)
			if t.Failed() {
				return
			}
		}
	}
	t.Logf("%d states after %d calls", states, len(calls))
	if states < 2000 {
		t.Errorf("only %d states", states)
	}
}

// subsets returns all ways to lose or tear at most three of the calls.
func subsets(c crash, volatile []int) [][]loss {
	all := [][]loss{nil}
	for _, i := range volatile {
		ways := []loss{{i, false}}
		if c.calls[i].Call == fsys.CallWrite {
			ways = append(ways, loss{i, true})
		}
		for _, before := range slices.Clone(all) {
			for _, way := range ways {
				if len(before) < 3 {
					all = append(all, append(slices.Clone(before), way))
				}
			}
		}
	}
	return all
}

// check makes the state on the disk and reads it as the next start does.
func (c crash) check(t *testing.T, n int, losses []loss, promised int, store Store, model string) {
	t.Helper()
	dir := filepath.Dir(model)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(store.Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, data := range c.state(n, losses) {
		if err := os.WriteFile(name, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	shown := func() string {
		var text string
		for _, l := range losses {
			text += fmt.Sprintf(" %s %s (torn %v)", c.calls[l.call].Call, c.calls[l.call].Path, l.torn)
		}
		return fmt.Sprintf("power lost after call %d of %d, %s, with these undone:%s", n, len(c.calls), c.calls[n-1].Call, text)
	}
	state, err := store.Newest(func(error) {})
	switch {
	case promised == 0 && (err != nil || state == nil):
	case err != nil || state == nil:
		t.Errorf("%s: step %d was promised, none is whole: %v", shown(), promised, err)
	case state.Step != promised && state.Step != promised+1:
		t.Errorf("%s: step %d is the newest, want %d or the next", shown(), state.Step, promised)
	case !bytes.Equal(state.Tensors[0].Data, aState(state.Step).Tensors[0].Data):
		t.Errorf("%s: step %d has other numbers", shown(), state.Step)
	}
	file, err := safetensors.Read(model)
	if err == nil {
		err = file.Verify(model)
	}
	if err != nil && promised > 0 {
		t.Errorf("%s: %v", shown(), err)
	}
}
