package checkpoint

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"imgcls/internal/checkpoint/safetensors"
	"imgcls/internal/fault"
	"imgcls/internal/fsys"
	"imgcls/internal/graph"
)

// encoded returns the bytes of a checkpoint.
func encoded(t *testing.T, s *State) []byte {
	t.Helper()
	file, err := s.file()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := safetensors.Encode(&b, file); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func decoded(content []byte) (*State, error) {
	file, err := safetensors.Decode("x", bytes.NewReader(content), int64(len(content)))
	if err != nil {
		return nil, err
	}
	return acceptState("x", file)
}

// Row 6: no checkpoint in which a bit has changed or from which something is cut
// is taken for whole: each bit of the header, many of the data, each length up to
// the data's begin and many behind it.
func TestDamageIsFound(t *testing.T) {
	s := aState(3)
	s.Tensors[0] = safetensors.FromFloat32s("w", []int{700}, make([]float32, 700))
	whole := encoded(t, s)
	if got, err := decoded(whole); err != nil || got.Step != 3 {
		t.Fatal(err)
	}
	header := 8 + int(binary.LittleEndian.Uint64(whole))
	random := rand.New(rand.NewPCG(1, 2))
	flips := make([]int, 0, 8*header+5000)
	for bit := range 8 * header {
		flips = append(flips, bit)
	}
	if os.Getenv("IMGCLS_SOAK_FAULTS") != "" {
		for bit := 8 * header; bit < 8*len(whole); bit++ {
			flips = append(flips, bit)
		}
	}
	for range 5000 {
		flips = append(flips, 8*header+random.IntN(8*(len(whole)-header)))
	}
	damaged := slices.Clone(whole)
	for _, bit := range flips {
		damaged[bit/8] ^= 1 << (bit % 8)
		if _, err := decoded(damaged); fault.KindOf(err) != fault.Model {
			t.Fatalf("bit %d of byte %d of %d is flipped: error %v", bit%8, bit/8, len(whole), err)
		}
		damaged[bit/8] ^= 1 << (bit % 8)
	}
	for length := range header {
		if _, err := decoded(whole[:length]); fault.KindOf(err) != fault.Model {
			t.Fatalf("cut to %d of %d bytes: error %v", length, len(whole), err)
		}
	}
	for range 500 {
		length := header + random.IntN(len(whole)-header)
		if _, err := decoded(whole[:length]); fault.KindOf(err) != fault.Model {
			t.Fatalf("cut to %d of %d bytes: error %v", length, len(whole), err)
		}
	}
	t.Logf("%d flips, %d cuts", len(flips), header+500)
}

// A checkpoint comes back as it was, and only into the graph that it is of.
func TestState(t *testing.T) {
	build := func(extra bool) *graph.Graph {
		g := graph.New()
		g.Lasting(graph.Tensor{Name: "w", Type: graph.F32, Shape: []int{5000}, Role: graph.Param})
		if extra {
			g.State("step", graph.I64, 1)
		}
		g.Input("pictures", graph.U8, 1000)
		return g
	}
	s := aState(7)
	got, err := decoded(encoded(t, s))
	if err != nil {
		t.Fatal(err)
	}
	want := *s
	want.Path = "x"
	if diff := cmp.Diff(&want, got); diff != "" {
		t.Error(diff)
	}
	var written []byte
	write := func(_ graph.Value, src []byte) error { written = bytes.Clone(src); return nil }
	if err := got.Restore(build(false), write); err != nil || !bytes.Equal(written, s.Tensors[0].Data) {
		t.Errorf("error %v, %d bytes written", err, len(written))
	}
	written = nil
	if err := got.Restore(build(true), write); fault.KindOf(err) != fault.Model || !strings.Contains(err.Error(), "step is missing") || written != nil {
		t.Errorf("into another graph: error %v, %d bytes written", err, len(written))
	}
	if err := got.Restore(graph.New(), write); fault.KindOf(err) != fault.Model || written != nil {
		t.Errorf("into an empty graph: error %v", err)
	}
	var again State
	if err := again.Capture(build(true), func(v graph.Value, dst []byte) error { dst[0] = byte(v); return nil }); err != nil || len(again.Tensors) != 2 {
		t.Errorf("captured %d tensors, error %v", len(again.Tensors), err)
	}
}

// The newest that is whole is taken, by number alone; nothing is removed but what
// Keep lets go; files of others stay.
func TestStore(t *testing.T) {
	s := Store{Dir: filepath.Join(t.TempDir(), "checkpoints"), Keep: 2}
	newest := func() (step, damaged int, err error) {
		state, err := s.Newest(func(error) { damaged++ })
		if state != nil {
			step = state.Step
		}
		return step, damaged, err
	}
	want := func(what string, wantStep, wantDamaged int, wantSteps ...int) {
		t.Helper()
		step, damaged, err := newest()
		steps, _ := s.Steps()
		if step != wantStep || damaged != wantDamaged || err != nil || !slices.Equal(steps, wantSteps) {
			t.Errorf("%s: step %d, %d damaged, error %v, of %v", what, step, damaged, err, steps)
		}
	}
	save := func(step, best int) {
		t.Helper()
		if stuck, err := s.Save(aState(step), best); stuck != nil || err != nil {
			t.Fatal(stuck, err)
		}
	}
	want("nothing", 0, 0)
	for _, step := range []int{10, 20, 30, 40} {
		save(step, 10)
	}
	want("the best stays", 40, 0, 40, 30, 10)
	for _, name := range []string{"step-5.safetensors", "step-00000000050.safetensors", "notes", ".step-0000000099.safetensors.1-1.tmp"} {
		if err := os.WriteFile(filepath.Join(s.Dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(s.Path(77), 0o755); err != nil {
		t.Fatal(err)
	}
	want("files of others", 40, 0, 40, 30, 10)
	if err := os.WriteFile(s.Path(40), encoded(t, aState(40))[:500], 0o644); err != nil {
		t.Fatal(err)
	}
	want("the newest is cut", 30, 1, 40, 30, 10)
	save(35, 10) // a run that went back: 40 is not its own, and does not count
	want("behind a damaged one", 35, 1, 40, 35, 30, 10)
	save(40, 40)
	want("saved again", 40, 0, 40, 35)
	if err := os.WriteFile(s.Path(40), encoded(t, aState(35)), 0o644); err != nil {
		t.Fatal(err)
	}
	want("a file under another's name", 35, 1, 40, 35)
	if err := os.WriteFile(s.Path(35), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, err := newest(); fault.KindOf(err) != fault.Model || !strings.Contains(err.Error(), "none of the 2 is whole") {
		t.Errorf("all damaged: %v", err)
	}
	if entries, _ := os.ReadDir(s.Dir); len(entries) != 7 {
		t.Errorf("%d files are left of 7", len(entries))
	}
}

// A checkpoint of a newer imgcls is not damaged, and no older one replaces it.
func TestNewerState(t *testing.T) {
	s := Store{Dir: t.TempDir(), Keep: 3}
	if _, err := s.Save(aState(1), 0); err != nil {
		t.Fatal(err)
	}
	file, err := aState(2).file()
	if err != nil {
		t.Fatal(err)
	}
	file.Metadata[stateKey] = fmt.Sprint(StateFormat + 1)
	if err := errors.Join(file.Seal(), safetensors.Write(s.Path(2), file)); err != nil {
		t.Fatal(err)
	}
	_, err = s.Newest(func(err error) { t.Errorf("passed over: %v", err) })
	if fault.KindOf(err) != fault.Model || !strings.Contains(err.Error(), "format \"2\", this reads 1 to 1") {
		t.Errorf("error %v", err)
	}
}

// A model file that is a checkpoint is refused by that name.
func TestStateIsNoModel(t *testing.T) {
	s := Store{Dir: t.TempDir()}
	if _, err := s.Save(aState(1), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(s.Path(1)); fault.KindOf(err) != fault.Model || !strings.Contains(err.Error(), "is a checkpoint") {
		t.Errorf("error %v", err)
	}
}

// A sync that fails once with EIO is no lost checkpoint: the file is written anew.
// What cannot be written at all says how much room it wants.
func TestSaveAfterFailures(t *testing.T) {
	s := Store{Dir: t.TempDir(), Keep: 1}
	times := 1
	restore := fsys.Inject(func(call fsys.Call, _ string) error {
		if call == fsys.CallSync && times > 0 {
			times--
			return syscall.EIO
		}
		return nil
	})
	defer restore()
	if _, err := s.Save(aState(1), 0); err != nil {
		t.Errorf("after one EIO: %v", err)
	}
	times = 2
	_, err := s.Save(aState(2), 0)
	if fault.KindOf(err) != fault.Room || !strings.Contains(err.Error(), "(a checkpoint takes 20,003 bytes)") {
		t.Errorf("after two: %v", err)
	}
	if state, err := s.Newest(func(err error) { t.Error(err) }); err != nil || state.Step != 1 {
		t.Errorf("step %v, error %v", state, err)
	}
}
