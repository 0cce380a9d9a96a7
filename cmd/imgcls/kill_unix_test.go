//go:build unix

package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"imgcls/internal/run"
)

// A drill is a run that is disturbed and gone on with by the same command until
// it is done.
type drill struct {
	*scene
	inProcess
	random *rand.Rand
	args   []string // of the run, without its name
	name   string
	want   map[string]string // of the run that nothing disturbs
	begins time.Duration     // from its start to its first step
	forced bool              // it was last ended at once, perhaps with nothing saved
}

// newDrill trains once without disturbance.
func newDrill(t *testing.T, seed uint64, args string) *drill {
	s := newScene(t)
	s.folder("runs")
	d := &drill{
		scene: s, inProcess: inProcess{t, s.path("runs")}, random: rand.New(rand.NewPCG(seed, 0)), name: "disturbed",
		args: append(strings.Fields("imgcls train --quiet --resume --seed "+fmt.Sprint(seed)), strings.Fields(args)...),
	}
	begun := time.Now()
	s.mustRun(append(d.args[1:], "--name", "start", "--dry-run")...)
	d.begins = time.Since(begun)
	s.mustRun(append(d.args[1:], "--name", "whole")...)
	d.want = d.outcomeOf("whole")
	return d
}

// disturb starts the run and sends it the signal after a random time of at most
// most, and again after the gap if that is not 0. It reports the exit code, -1 for
// a process that was killed, and how long the process lived on after the last.
func (d *drill) disturb(most time.Duration, signal syscall.Signal, gap time.Duration) (code int, took time.Duration) {
	t := d.scene.t
	cmd := d.command(append(d.args, "--name", d.name)...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	d.must(cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case <-ended:
	case <-time.After(time.Duration(d.random.Int64N(int64(most)))):
		begun := time.Now()
		cmd.Process.Signal(signal)
		if gap > 0 {
			time.Sleep(gap) // one pending signal hides another
			begun = time.Now()
			cmd.Process.Signal(signal)
		}
		<-ended
		took = time.Since(begun)
	}
	code = cmd.ProcessState.ExitCode()
	if code > 0 && code < 128 || unfit.MatchString(stderr.String()) {
		t.Fatalf("exit code %d: %s", code, stderr.String())
	}
	return code, took
}

// check wants one of the two newest checkpoints whole.
func (d *drill) check() {
	if _, err := os.Stat(filepath.Join(d.output, d.name, "checkpoints")); err != nil {
		return
	}
	steps := d.steps(d.name)
	damaged := 0
	if _, err := d.store(d.name).Newest(func(error) { damaged++ }); err != nil || damaged > 1 {
		d.scene.t.Fatalf("of the checkpoints %v the newest %d are not whole: %v", steps, damaged, err)
	}
}

// done wants the run to have come to the end of the one that nothing disturbed,
// and to have left nothing else.
func (d *drill) done() {
	d.scene.t.Helper()
	wantSame(d.scene.t, fmt.Sprintf("seed %s", d.args[5]), d.outcomeOf(d.name), d.want)
	if names := leftovers(d.scene.t, d.output); names != nil {
		d.scene.t.Errorf("left over: %q", names)
	}
	d.must(os.RemoveAll(filepath.Join(d.output, d.name)))
}

// Row 1: kill -9 at any instant. Runs are killed at random times, from the start
// of the process on, and gone on with by the same command; each ends in the bytes
// of the run that was never killed.
func TestKills(t *testing.T) {
	kill(t, soak(t, "IMGCLS_SOAK_KILLS", 300), 5, 100*time.Millisecond, fourHundredSteps+" --save-every 3it --val-split 0.1")
}

// So do runs with running statistics, averages of weights, pictures drawn at random and
// steps in parts.
func TestKillsOfBatchNorm(t *testing.T) {
	kill(t, max(1, soak(t, "IMGCLS_SOAK_KILLS", 300)/15), 1, 400*time.Millisecond,
		"shapes --samples 40 --img-size 16 --batch-size 6 --epochs 6 --keep 2 --save-every 2it --model resnet20 --ema 0.9 --augment flip,crop=1 --grad-accum 2")
}

// kill kills at least so many times, in at least so many runs of these arguments, at
// most so long after the first step.
func kill(t *testing.T, least, fewest int, after time.Duration, args string) {
	kills, runs, idle := 0, 0, 0
	for seed := uint64(1); kills < least || runs < fewest; seed++ {
		d := newDrill(t, seed, args)
		for alive := true; alive; {
			before := d.newest()
			code, _ := d.disturb(d.begins+after, syscall.SIGKILL, 0)
			if alive = code != 0; alive {
				kills++
				d.check()
				if d.newest() == before {
					idle++
				}
			}
		}
		d.done()
		runs++
	}
	t.Logf("%d kills in %d runs; %d of them before a checkpoint", kills, runs, idle)
}

// fourHundredSteps are those of a run on 36 to 40 pictures.
const fourHundredSteps = "shapes --samples 40 --img-size 16 --batch-size 5 --epochs 50 --keep 2"

// Row 7: signals at any phase, while data are loaded, in steps, evaluations,
// saves and rotations. The run ends soon, with the code of the signal and a
// checkpoint of its last whole step; the same signal in a burst changes nothing,
// after it ends a run that still lives at once; and in the end all is as if
// nothing had happened.
func TestSignalsAtAnyPhase(t *testing.T) {
	signals := []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGUSR1}
	least := soak(t, "IMGCLS_SOAK_SIGNALS", 100)
	hearHangUps(t)
	once, twice, insisted, early := 0, 0, 0, 0
	for seed := uint64(1); once < least || twice < least/5; seed++ {
		if seed > uint64(20+least) {
			t.Fatalf("of %d runs %d were stopped", seed, once+twice)
		}
		d := newDrill(t, seed, fourHundredSteps+" --save-every 7it")
		for alive := true; alive; {
			signal := signals[d.random.IntN(len(signals))]
			gap, longest := time.Duration(0), 10*time.Second
			switch d.random.IntN(8) {
			case 0, 1:
				gap = time.Millisecond
			case 2:
				gap, longest = burst+50*time.Millisecond, 500*time.Millisecond
			}
			code, took := d.disturb(d.begins+100*time.Millisecond, signal, gap)
			switch alive = code != 0; {
			case !alive:
			case code < 0: // before the program had begun
				if early++; 5*early > 50+once+twice {
					t.Fatalf("%d of %d signals killed the program", early, early+once+twice)
				}
			case code != 128+int(signal):
				t.Fatalf("exit code %d after %v", code, signal)
			case took > longest:
				t.Errorf("%v after %v, sent again after %v, it still lived", took, signal, gap)
			case gap > burst: // it may have insisted before all was saved
				insisted++
				d.forced = true
			case gap > 0:
				twice++
				d.saved()
			default:
				once++
				d.saved()
			}
			d.check()
		}
		d.done()
	}
	t.Logf("%d signals, %d in a burst, %d twice, %d before the program had begun", once, twice, insisted, early)
}

// hearHangUps lets programs under test hear SIGHUP where these tests are run by
// nohup: what a process handles, its children begin with unhandled.
func hearHangUps(t *testing.T) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGHUP)
	t.Cleanup(func() { signal.Stop(c) })
}

// saved wants a run that stopped, if it had begun, to be saved where it stood.
func (d *drill) saved() {
	r, err := run.Read(filepath.Join(d.output, d.name))
	if err != nil || r.Status != run.Stopped && d.forced {
		return // the signal came before the run was opened
	}
	if d.forced = false; r.Status != run.Stopped {
		d.scene.t.Fatalf("after the signal the run is %s", r.Status)
	}
	if r.Step != d.newest() {
		d.scene.t.Fatalf("the model is of step %d, the newest checkpoint of step %d", r.Step, d.newest())
	}
}

// newest returns the step of the newest checkpoint, 0 without one.
func (d *drill) newest() int {
	steps, err := d.store(d.name).Steps()
	if err != nil || len(steps) == 0 {
		return 0
	}
	return steps[0]
}
