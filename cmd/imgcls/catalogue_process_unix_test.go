//go:build unix

package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"imgcls/internal/run"
)

// A running imgcls is one whose events are read as they come.
type running struct {
	*scene
	cmd    *exec.Cmd
	events *bufio.Scanner
	stderr strings.Builder
}

func (s *scene) start(args string, more ...string) *running {
	r := &running{scene: s, cmd: s.command(append(append([]string{"imgcls", "--log-format=json"}, strings.Fields(args)...), more...)...)}
	stdout, err := r.cmd.StdoutPipe()
	s.must(err)
	r.cmd.Stderr = &r.stderr
	s.must(r.cmd.Start())
	r.events = bufio.NewScanner(stdout)
	return r
}

// until reads events up to one that begins so.
func (r *running) until(event string) {
	r.t.Helper()
	for r.events.Scan() {
		if strings.HasPrefix(r.events.Text(), `{"event":"`+event) {
			return
		}
	}
	r.cmd.Wait()
	r.t.Fatalf("ended before the event %s: %s", event, r.stderr.String())
}

// end sends a signal and returns the exit code, -1 for a process that was killed.
func (r *running) end(signal syscall.Signal) int {
	r.t.Helper()
	r.must(r.cmd.Process.Signal(signal))
	for r.events.Scan() {
	}
	r.cmd.Wait()
	return r.cmd.ProcessState.ExitCode()
}

const forEver = "train " + tiny + " --epochs 100000 --name a"

// C7: one process writes to a run folder; its lock dies with it.
func TestOneWriter(t *testing.T) {
	s := newScene(t)
	first := s.start(forEver)
	first.until("epoch")
	want := fmt.Sprintf(`lock: "runs/a/run.lock": locked by pid %d; `, first.cmd.Process.Pid)
	for _, args := range []string{"train --resume=runs/a", forEver + " --overwrite", "train shapes --resume"} {
		out := s.run(strings.Fields(args)...)
		badInput{code: 6, stderr: want}.checkOutput(t, out)
		if out.code != 6 {
			t.Errorf("%s: exit code %d, want 6", args, out.code)
		}
	}
	first.until("epoch") // it goes on
	if code := first.end(syscall.SIGKILL); code != -1 {
		t.Errorf("exit code %d of a process that was killed", code)
	}
	s.mustRun("train", "--resume=runs/a", "--max-steps", "1")
}

// E4: a standard output that does not take events is no reason to stop training;
// one that does not take results is an error.
func TestFullOutput(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip(err)
	}
	s := newScene(t)
	for _, row := range []struct {
		line, stderr string
		code         int
	}{
		{"imgcls train " + tiny + " --epochs 2 --name a --log-format json > /dev/full", `warning: standard output: [^\n]*no space left on device; [^\n]*; no more events are printed\n`, 0},
		{"imgcls train " + tiny + " --epochs 2 --name b > /dev/full", `warning: standard output: `, 0},
		{"imgcls train " + tiny + " --epochs 2 --name c >&-", `saved `, 0},
		{"imgcls eval runs/a " + strings.TrimSuffix(tiny, " --img-size 16 --batch-size 15") + " --img-size 16 > /dev/full", `^(device|data)[^$]*imgcls: standard output: no space left on device; results are lost`, 6},
		{"imgcls info runs/a > /dev/full", `imgcls: standard output: no space left on device; results are lost`, 6},
	} {
		out := s.shell(row.line)
		if out.code != row.code || unfit.MatchString(out.stderr) || !regexp.MustCompile(row.stderr).MatchString(out.stderr) {
			t.Errorf("%s: exit code %d, want %d; stderr %s", row.line, out.code, row.code, out.stderr)
		}
	}
	for _, name := range []string{"a", "b", "c"} {
		if r := s.record("runs/" + name); r.Status != run.Complete {
			t.Errorf("%s is %s", name, r.Status)
		}
	}
}

// E5: a run folder that is deleted while the run goes on is made again, once,
// with all that is needed to go on.
func TestFolderDeleted(t *testing.T) {
	s := newScene(t)
	r := s.start(forEver)
	r.until("epoch")
	s.takeAway("runs/a")
	r.until("warning")
	r.until("epoch")
	if code := r.end(syscall.SIGTERM); code != 143 || !strings.Contains(r.stderr.String(), `"runs/a": the run folder was deleted while the run went on; it was made again`) {
		t.Fatalf("exit code %d; stderr %s", code, r.stderr.String())
	}
	step := s.record("runs/a").Step
	s.mustRun("eval", "runs/a", "shapes", "--samples", "40", "--img-size", "16")
	s.mustRun("train", "--resume=runs/a", "--max-steps", fmt.Sprint(step+1))
	r = s.start("train --max-steps 0 --resume=runs/a")
	r.until("epoch")
	s.takeAway("runs/a")
	r.until("warning") // it is there again
	s.takeAway("runs/a")
	for r.events.Scan() {
	}
	r.cmd.Wait()
	if code := r.cmd.ProcessState.ExitCode(); code != 6 || !strings.Contains(r.stderr.String(), "was deleted twice while the run went on") {
		t.Errorf("deleted twice: exit code %d; stderr %s", code, r.stderr.String())
	}
}

// takeAway removes a folder at one stroke, whatever is being written to it.
func (s *scene) takeAway(name string) {
	s.t.Helper()
	s.folder("trash")
	away, err := os.MkdirTemp(s.path("trash"), "")
	s.must(err)
	s.must(os.Rename(s.path(name), away+"/run"))
}

// E6: a process that is suspended for a while ends in the same bits.
func TestSuspended(t *testing.T) {
	s := newScene(t)
	const args = "train " + tiny + " --epochs 120 --save-every 5it --name "
	s.mustRun(strings.Fields(args + "whole")...)
	r := s.start(args + "a")
	for range 3 {
		r.until("epoch")
		s.must(r.cmd.Process.Signal(syscall.SIGSTOP))
		time.Sleep(200 * time.Millisecond)
		s.must(r.cmd.Process.Signal(syscall.SIGCONT))
	}
	for r.events.Scan() {
	}
	s.must(r.cmd.Wait())
	p := inProcess{t, s.path("runs")}
	wantSame(t, "suspended", p.outcomeOf("a"), p.outcomeOf("whole"))
}

// E8: nohup's SIGHUP stays ignored.
func TestNohup(t *testing.T) {
	s := newScene(t)
	out := s.shell("trap '' HUP; imgcls " + forEver + " --log-format json & pid=$!; while ! grep -q epoch runs/a/metrics.jsonl 2>/dev/null; do sleep 0.05; done; " +
		"kill -HUP $pid; sleep 0.3; kill -TERM $pid; wait $pid; echo code $?")
	if !strings.HasSuffix(out.stdout, "code 143\n") {
		t.Errorf("stdout %s, stderr %s", out.stdout[max(0, len(out.stdout)-200):], out.stderr)
	}
}

// A run folder that another process has taken, while this one was suspended, is
// that one's: this run ends and writes nothing to it. A lock that is only gone is
// made again.
func TestFolderTaken(t *testing.T) {
	s := newScene(t)
	a := s.start(forEver)
	a.until("step")
	s.must(os.Remove(s.path("runs/a/run.lock")))
	a.until("epoch")
	a.until("epoch")
	if _, err := os.Stat(s.path("runs/a/run.lock")); err != nil {
		t.Error(err)
	}
	s.must(a.cmd.Process.Signal(syscall.SIGSTOP))
	time.Sleep(50 * time.Millisecond)
	s.must(os.RemoveAll(s.path("runs/a")))
	s.mustRun(strings.Fields("train " + tiny + " --epochs 1 --seed 9 --name a")...)
	want := make(map[string]string)
	for name := range s.files() {
		if strings.HasPrefix(name, "runs/a/") {
			want[name] = contentOf(t, s.path(name))
		}
	}
	code := a.end(syscall.SIGCONT)
	told := regexp.MustCompile(`imgcls: lock: "runs/a/run.lock": was deleted, and is of pid \d+ now; `)
	if code != 6 || !told.MatchString(a.stderr.String()) || !strings.Contains(a.stderr.String(), "the lock was deleted while the run went on") {
		t.Errorf("exit code %d; stderr %s", code, a.stderr.String())
	}
	for name, sum := range want {
		if contentOf(t, s.path(name)) != sum {
			t.Errorf("%s was written to", name)
		}
	}
	if _, ok := want["runs/a/run.json"]; !ok || len(want) < 5 {
		t.Errorf("files of the other run: %v", want)
	}
}

// A model file that cannot be written does not stop the checkpoints, and is not
// said to be saved; once it can be written it is the best one.
func TestModelUnwritable(t *testing.T) {
	for _, split := range []string{"0", "0.2"} {
		s := newScene(t)
		r := s.start(forEver + " --save-every 2it --val-split " + split)
		r.until("epoch")
		r.until("epoch")
		r.must(r.cmd.Process.Signal(syscall.SIGSTOP))
		time.Sleep(50 * time.Millisecond)
		before := s.newestCheckpoint()
		s.must(os.Remove(s.path("runs/a/model.safetensors")))
		s.folder("runs/a/model.safetensors")
		r.must(r.cmd.Process.Signal(syscall.SIGCONT))
		for range 8 {
			r.until("epoch")
		}
		if at := s.newestCheckpoint(); at <= before {
			t.Errorf("val split %s: no checkpoint after %s", split, before)
		}
		if code := r.end(syscall.SIGTERM); code != 6 || strings.Contains(r.stderr.String(), "\nsaved ") {
			t.Errorf("val split %s: exit code %d; stderr %s", split, code, r.stderr.String())
		}
		s.must(os.Remove(s.path("runs/a/model.safetensors")))
		s.mustRun("train", "--resume=runs/a", "--max-time", "1ms")
		s.mustRun(strings.Fields("eval runs/a")...)
	}
}

// newestCheckpoint returns the name of the newest checkpoint of the run a.
func (s *scene) newestCheckpoint() (name string) {
	entries, err := os.ReadDir(s.path("runs/a/checkpoints"))
	s.must(err)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "step-") {
			name = max(name, e.Name())
		}
	}
	return name
}
