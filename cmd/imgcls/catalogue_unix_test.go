//go:build unix

package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"imgcls/internal/device/devicetest"
	"imgcls/internal/run"
)

// E7 and E8: one signal, or one in a burst, saves and stops, a later one stops at
// once, and a model that was saved before stays.
func TestStopped(t *testing.T) {
	hearHangUps(t)
	// A step of the reference device on all digits takes many seconds.
	const endless, stubborn = "train digits --epochs 10000 --name x", "train digits --device ref --batch-size 1442 --name x"
	for _, row := range []struct {
		what, args string
		after      string // the event after which the signals come
		signal     syscall.Signal
		again      again
		code       int
		status     run.Status // "" where both ends are right
		model      bool       // is there
	}{
		{"SIGINT", endless, "step", syscall.SIGINT, nil, 130, run.Stopped, true},
		{"SIGTERM", endless, "step", syscall.SIGTERM, nil, 143, run.Stopped, true},
		{"SIGHUP", endless, "step", syscall.SIGHUP, nil, 129, run.Stopped, true},
		{"SIGUSR1", endless, "epoch", syscall.SIGUSR1, nil, 138, run.Stopped, true},
		{"SIGTERM in a burst", endless, "step", syscall.SIGTERM, once, 143, run.Stopped, true},
		{"SIGINT after an epoch", endless, "epoch", syscall.SIGINT, nil, 130, run.Stopped, true},
		{"SIGINT twice", stubborn, "start", syscall.SIGINT, repeat, 130, "", false},
		{"SIGTERM twice", stubborn, "start", syscall.SIGTERM, repeat, 143, "", false},
		{"SIGINT twice after an epoch", endless, "epoch", syscall.SIGINT, repeat, 130, "", true},
	} {
		t.Run(row.what, func(t *testing.T) {
			s := newScene(t)
			last := s.stop(row.args, row.after, row.signal, row.again, row.code)
			r := s.record("runs/x")
			if row.status != "" && r.Status != row.status {
				t.Errorf("status %s, want %s", r.Status, row.status)
			}
			if r.Status == run.Stopped {
				if r.Exit == nil || *r.Exit != row.code {
					t.Errorf("exit %v in run.json, want %d", r.Exit, row.code)
				}
				if !strings.HasPrefix(last, `{"event":"done"`) || !strings.Contains(last, fmt.Sprintf(`"status":"stopped","exit":%d,`, row.code)) {
					t.Errorf("last event: %s", last)
				}
			}
			if !row.model && r.Status == run.Stopped {
				t.Log("the first signal came before the first step")
				return
			}
			if !row.model {
				if _, err := os.Stat(s.path("runs/x/model.safetensors")); err == nil {
					t.Error("saved after the second signal")
				}
				return
			}
			info := object(t, s.mustRun("info", "runs/x", "--format", "json"))
			if r.Status == run.Stopped && (info["sha256"] != r.ModelSHA256 || r.Step == 0) {
				t.Errorf("the model has sum %s; run.json says %s, step %d", info["sha256"], r.ModelSHA256, r.Step)
			}
			s.mustRun("eval", "runs/x")
			if r.Status == run.Stopped { // and the same command goes on
				s.goesOnFrom(row.args, r.Step)
			}
		})
	}
}

// goesOnFrom wants the run x to go on from that step, for one step.
func (s *scene) goesOnFrom(args string, step int) {
	s.t.Helper()
	out := s.run(append(strings.Fields(args), "--resume", "--max-steps", fmt.Sprint(step+1))...)
	if want := fmt.Sprintf("step-%010d.safetensors", step); out.code != 0 || !strings.Contains(out.stderr, want) {
		s.t.Errorf("resumed: exit code %d, not from %s: %s", out.code, want, out.stderr)
	}
	if r := s.record("runs/x"); r.Step != step+1 || r.Ended != fmt.Sprintf("--max-steps %d", step+1) {
		s.t.Errorf("resumed for one step from %d: step %d, ended by %q", step, r.Step, r.Ended)
	}
}

// stop starts imgcls, sends it a signal after an event of that kind, and wants
// it to end soon and with this code. It returns the last event.
func (s *scene) stop(args, after string, signal syscall.Signal, more again, code int) (last string) {
	s.t.Helper()
	cmd := s.command(append([]string{"imgcls", "--log-format=json"}, strings.Fields(args)...)...)
	stdout, err := cmd.StdoutPipe()
	s.must(err)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	s.must(cmd.Start())
	lines := bufio.NewScanner(stdout)
	for lines.Scan() && !strings.HasPrefix(lines.Text(), `{"event":"`+after+`"`) {
	}
	if r := s.record("runs/x"); r.Status != run.Running || r.Exit != nil {
		s.t.Errorf("while it runs: status %s, exit %v", r.Status, r.Exit)
	}
	if after == "start" {
		time.Sleep(300 * time.Millisecond) // let the first step begin
	}
	signalled := time.Now()
	s.must(cmd.Process.Signal(signal))
	ended := make(chan struct{})
	if more != nil {
		go more(cmd.Process, signal, ended)
	}
	for lines.Scan() {
		last = lines.Text()
	}
	err = cmd.Wait()
	close(ended)
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != code {
		s.t.Errorf("%v, want exit code %d; stderr: %s", err, code, stderr.String())
	}
	if took := time.Since(signalled); took > 5*time.Second {
		s.t.Errorf("took %v to end", took)
	}
	if unfit.MatchString(stderr.String()) {
		s.t.Errorf("stderr: %s", stderr.String())
	}
	return last
}

// again sends a signal that was sent before.
type again func(p *os.Process, signal syscall.Signal, ended chan struct{})

// once sends the signal as soon as the first is not pending any more.
func once(p *os.Process, signal syscall.Signal, _ chan struct{}) {
	time.Sleep(time.Millisecond)
	p.Signal(signal)
}

// repeat sends the signal until the process has ended: while the first is
// pending a second would be lost in it.
func repeat(p *os.Process, signal syscall.Signal, ended chan struct{}) {
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		select {
		case <-again.C:
			p.Signal(signal)
		case <-ended:
			return
		}
	}
}

// record reads the run.json of a run.
func (s *scene) record(dir string) run.Record {
	s.t.Helper()
	r, err := run.Read(s.path(dir))
	s.must(err)
	return r
}

// shell runs a command line of the shell.
func (s *scene) shell(line string) outcome {
	s.t.Helper()
	if _, err := exec.LookPath("sh"); err != nil {
		devicetest.Require(s.t, "shell")
	}
	return s.wait(s.command("sh", "-c", line))
}

// E10: without a standard input and without a terminal there are plain lines,
// whatever the terminal would have been.
func TestNoTerminal(t *testing.T) {
	for _, row := range []struct {
		env  []string
		line string
	}{
		{nil, "imgcls train shapes --samples 40 --epochs 1 <&-"},
		{[]string{"TERM=xterm-256color"}, "imgcls train shapes --samples 40 --epochs 1 </dev/null"},
		{[]string{"TERM=dumb"}, "imgcls train shapes --samples 40 --epochs 1"},
		{[]string{"TERM=xterm", "NO_COLOR=1"}, "imgcls train shapes --samples 40 --epochs 1"},
		{[]string{"TERM=xterm", "COLUMNS=7"}, "imgcls eval nothing <&-; imgcls train shapes --samples 40 --epochs 1"},
	} {
		s := newScene(t)
		s.env = append(s.env, row.env...)
		out := s.shell(row.line)
		if out.code != 0 || unfit.MatchString(out.stderr+out.stdout) || !strings.Contains(out.stderr, "epoch   1/") {
			t.Errorf("%q %s: exit code %d, stdout %q, stderr %q", row.env, row.line, out.code, out.stdout, out.stderr)
		}
	}
}

// E11: a reader that leaves ends the command quietly.
func TestReaderLeaves(t *testing.T) {
	s := newScene(t)
	s.write("x.png", grayPNG())
	s.mustRun("train", "shapes", "--samples", "40", "--epochs", "1", "--name", "x")
	for _, args := range []string{
		"eval runs/x shapes --samples 40", "eval runs/x shapes --samples 40 --format json",
		"predict runs/x x.png", "predict runs/x x.png --format json", "info runs/x",
		"plan", "plan --format json", "models", "devices", "completion bash", "train --print-config",
	} {
		cmd := s.command(append([]string{"imgcls"}, strings.Fields(args)...)...)
		reader, writer, err := os.Pipe()
		s.must(err)
		s.must(reader.Close())
		cmd.Stdout = writer
		out := s.wait(cmd)
		s.must(writer.Close())
		if out.code != 141 || strings.Contains(out.stderr, "imgcls:") || unfit.MatchString(out.stderr) {
			t.Errorf("%s: exit code %d, stderr %q", args, out.code, out.stderr)
		}
	}
	out := s.shell("imgcls eval runs/x shapes --samples 40 | head -1")
	if out.code != 0 || !strings.HasPrefix(out.stdout, "accuracy ") || strings.Contains(out.stderr, "imgcls:") {
		t.Errorf("eval | head -1: %+v", out)
	}
}

// E12 and E14: neither locale nor time zone changes a byte of what is printed
// and saved, nor do a missing home and a missing folder for temporary files,
// which nothing is written to.
func TestSurroundings(t *testing.T) {
	results := func(env ...string) map[string]string {
		s := newScene(t)
		s.env = append(s.env, env...)
		s.write("x.png", grayPNG())
		s.mustRun("train", "shapes", "--samples", "200", "--epochs", "2", "--name", "x", "--seed", "7")
		started := s.record("runs/x").Started
		if zone, offset := started.Zone(); zone != "UTC" || offset != 0 {
			t.Errorf("%q: started %v", env, started)
		}
		for name := range s.files() {
			if name != "x.png" && name != "home" && name != "tmp" && name != "runs" && !strings.HasPrefix(name, "runs/") {
				t.Errorf("%q: %s was written", env, name)
			}
		}
		found := map[string]string{"model": contentOf(t, s.path("runs/x/model.safetensors"))}
		for _, args := range []string{
			"eval runs/x shapes --samples 200", "eval runs/x shapes --samples 200 --format json", "predict runs/x x.png", "predict runs/x x.png --format jsonl --logits",
			"info runs/x/model.safetensors", "plan", "models --format json",
		} {
			found[args] = s.mustRun(strings.Fields(args)...)
		}
		text, err := os.ReadFile(s.path("runs/x/config.yaml"))
		s.must(err)
		found["config.yaml"] = string(text)
		return found
	}
	want := results("LC_ALL=C", "TZ=UTC")
	for _, env := range [][]string{
		{"LC_ALL=de_DE.UTF-8", "LANG=de_DE.UTF-8", "TZ=Pacific/Chatham", "COLUMNS=17"},
		{"HOME=", "XDG_CACHE_HOME=", "TMPDIR=/nowhere"},
		{"HOME=/dev/null", "TMPDIR=/dev/null"},
	} {
		for what, text := range results(env...) {
			if text != want[what] {
				t.Errorf("%q: %s differs:\n%s\nwant\n%s", env, what, cut(text), cut(want[what]))
			}
		}
	}
}

// E1: a folder that the user may not write is found out before the first step,
// and a model that he may not read is no bug.
func TestNotOurs(t *testing.T) {
	s := newScene(t)
	for _, dir := range []string{"locked", "mine/runs"} {
		s.folder(dir)
	}
	s.write("secret.safetensors", []byte("x"))
	s.must(os.Chmod(s.path("secret.safetensors"), 0))
	s.must(os.Chmod(s.path("locked"), 0o555))
	s.must(os.Chmod(s.path("mine/runs"), 0o555))
	for _, row := range []struct{ args, stderr string }{
		{"train digits --output locked", `[^:]+: "locked/[^"]+": permission denied`},
		{"train digits --output locked/runs", `[^:]+: "locked/runs": permission denied`},
		{"train digits --output mine/runs --name x", `[^:]+: "mine/runs/x": permission denied`},
		{"data get --data-dir locked/data", `[^:]+: "locked/data": permission denied`},
		{"info secret.safetensors", `model file: "secret.safetensors": permission denied; check its owner and mode`},
	} {
		cmd := s.command(append([]string{"imgcls"}, strings.Fields(row.args)...)...)
		s.asAnyone(cmd)
		out := s.wait(cmd)
		badInput{code: 6, stderr: row.stderr}.checkOutput(t, out)
		if out.code != 6 || strings.Contains(out.stderr, "epoch") {
			t.Errorf("%s: exit code %d, want 6; stderr: %s", row.args, out.code, out.stderr)
		}
	}
	cmd := s.command("imgcls", "doctor", "--data-dir", "locked/data")
	s.asAnyone(cmd)
	want := "data folder: \"locked/data\": cannot be written: permission denied\n  do: check its owner and mode, or choose another with --data-dir\n"
	if out := s.wait(cmd); out.code != 0 || !strings.Contains(out.stdout, want) {
		t.Errorf("doctor: exit code %d, want 0 and a problem; stdout: %s", out.code, out.stdout)
	}
}

// asAnyone takes from a command the power of root, whom no mode stops.
func (s *scene) asAnyone(cmd *exec.Cmd) {
	if os.Geteuid() != 0 {
		return
	}
	program := s.path("bin/imgcls")
	if _, err := os.Stat(program); err != nil {
		content, err := os.ReadFile(cmd.Path)
		s.must(err)
		s.write("bin/imgcls", content)
		s.must(os.Chmod(program, 0o755))
		s.must(os.Chmod(filepath.Dir(s.dir), 0o755))
	}
	const nobody = 65534
	cmd.Path, cmd.SysProcAttr = program, &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
}
