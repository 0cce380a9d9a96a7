package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// A badInput is one input of the catalogue of bad inputs and the answer that
// the program owes it. Answered with code 0 an input is used all the same, and
// stderr says what is odd about it.
type badInput struct {
	id     string // of the catalogue
	what   string
	given  func(*scene)     // makes the files
	web    http.HandlerFunc // answers for every host of the world
	env    []string
	args   string   // words; $MODEL is a good model, $MIRROR the address of web
	argv   []string // more arguments, such as have spaces in them
	code   int
	stderr string   // pattern: of the error's line after "imgcls: ", or of anything for code 0
	stdout string   // pattern; without one stdout stays empty unless the code is 0
	leaves []string // patterns of the paths that come or change; nothing else may, and each must
	gone   []string // paths that go
}

// longest is when a command counts as hung. All of them take far less.
const longest = 30 * time.Second

func TestCatalogue(t *testing.T) {
	model := trainedModel(t)
	content := contentOf(t, model)
	t.Run("rows", func(t *testing.T) {
		two := make(chan struct{}, 2)
		for _, rows := range [][]badInput{badUsage, badData, badDownloads, badModels(t, model), badOutputs, badResumes} {
			for _, row := range rows {
				t.Run(row.id+" "+row.what, func(t *testing.T) {
					t.Parallel()
					two <- struct{}{}
					defer func() { <-two }()
					row.check(t, model)
				})
			}
		}
	})
	if contentOf(t, model) != content {
		t.Error("the good model was changed")
	}
}

// trainedModel trains for one epoch and returns the model file.
func trainedModel(t *testing.T) string {
	t.Helper()
	s := newScene(t)
	s.mustRun("train", "digits", "--epochs", "1", "--name", "good")
	return s.path("runs/good/model.safetensors")
}

func (b badInput) check(t *testing.T, model string) {
	s := newScene(t)
	replace := []string{"$MODEL", model}
	if b.web != nil {
		replace = append(replace, "$MIRROR", s.serve(b.web))
	}
	if b.given != nil {
		b.given(s)
	}
	s.env = append(s.env, b.env...)
	before := s.files()
	out := s.run(append(strings.Fields(strings.NewReplacer(replace...).Replace(b.args)), b.argv...)...)
	if out.code != b.code {
		t.Errorf("exit code %d, want %d", out.code, b.code)
	}
	b.checkOutput(t, out)
	b.checkFiles(t, before, s.files())
	if t.Failed() {
		t.Logf("%q\nstdout: %s\nstderr: %s", append(strings.Fields(b.args), b.argv...), cut(out.stdout), cut(out.stderr))
	}
}

func cut(text string) string { return text[:min(len(text), 4000)] }

// unfit are what stderr never shows: the escapes of a terminal and the traces
// of a crash.
var unfit = regexp.MustCompile(`[\x00-\x09\x0b-\x1f\x7f]|goroutine \d|panic:|bug in imgcls`)

func (b badInput) checkOutput(t *testing.T, out outcome) {
	if found := unfit.FindString(out.stderr); found != "" {
		t.Errorf("stderr holds %q", found)
	}
	matches := func(what, pattern, text string) {
		if !regexp.MustCompile(pattern).MatchString(text) {
			t.Errorf("%s does not match %s", what, pattern)
		}
	}
	if b.stdout != "" {
		matches("stdout", b.stdout, out.stdout)
	} else if b.code != 0 && out.stdout != "" {
		t.Error("stdout is not empty")
	}
	if b.code == 0 {
		matches("stderr", b.stderr, out.stderr)
		return
	}
	lines := strings.SplitAfter(out.stderr, "\n")
	failures := slices.DeleteFunc(lines[:len(lines)-1], func(line string) bool {
		return !strings.HasPrefix(line, "imgcls: ") || strings.HasPrefix(line, "imgcls: warning: ")
	})
	if len(failures) != 1 || !strings.HasSuffix(out.stderr, failures[0]) {
		t.Fatalf("%d lines of error, want one, the last", len(failures))
	}
	matches("the error", `^imgcls: ([^:"]+: )("([^"\\]|\\.)*"…?: )?[^ ].*\n$`, failures[0])
	matches("the error", "^imgcls: "+b.stderr, failures[0])
}

// checkFiles wants the changes that the row names and no others.
func (b badInput) checkFiles(t *testing.T, before, after map[string]string) {
	used := map[string]bool{}
	for name, content := range after {
		if before[name] == content {
			continue
		}
		pattern := b.allows(name, content == folder)
		if pattern == "" {
			t.Errorf("%s was written", name)
		}
		used[pattern] = true
	}
	for _, pattern := range b.leaves {
		if !used[pattern] {
			t.Errorf("%s is missing", pattern)
		}
	}
	for name := range before {
		if _, there := after[name]; there == slices.Contains(b.gone, name) {
			t.Errorf("%s: there %v, which is wrong", name, there)
		}
	}
}

// allows returns the pattern by which a path may be there: that of the path or
// of a folder above it. A folder may lead to a pattern's path.
func (b badInput) allows(name string, isFolder bool) string {
	for _, pattern := range b.leaves {
		for above := name; above != "."; above = path.Dir(above) {
			if ok, _ := path.Match(pattern, above); ok {
				return pattern
			}
		}
		if isFolder && strings.HasPrefix(pattern, name+"/") {
			return "a folder above"
		}
	}
	return ""
}

// A scene is a folder of its own with all that imgcls may see of the world.
type scene struct {
	t   *testing.T
	dir string
	env []string
}

func newScene(t *testing.T) *scene {
	s := &scene{t: t, dir: t.TempDir()}
	s.folder("home")
	s.folder("tmp")
	s.env = []string{
		"PATH=" + os.Getenv("PATH"), "SYSTEMROOT=" + os.Getenv("SYSTEMROOT"),
		"HOME=" + s.path("home"), "USERPROFILE=" + s.path("home"), "LOCALAPPDATA=" + s.path("home"),
		"TMPDIR=" + s.path("tmp"), "TMP=" + s.path("tmp"),
		"HTTPS_PROXY=http://127.0.0.1:1", // nobody answers: no test leaves this machine
	}
	return s
}

// path returns the path of a file of the scene.
func (s *scene) path(name string) string { return filepath.Join(s.dir, filepath.FromSlash(name)) }

func (s *scene) folder(name string) { s.must(os.MkdirAll(s.path(name), 0o755)) }

// write makes a file, and the folders above it.
func (s *scene) write(name string, content []byte) {
	s.folder(path.Dir(name))
	s.must(os.WriteFile(s.path(name), content, 0o644))
}

func (s *scene) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// An outcome is what a finished command leaves beside files.
type outcome struct {
	code           int
	stdout, stderr string
}

// command prepares a command line in the scene. It is killed when it hangs.
func (s *scene) command(argv ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(s.t.Context(), longest)
	s.t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir, cmd.Env = s.dir, s.env
	return cmd
}

// run runs imgcls.
func (s *scene) run(args ...string) outcome {
	s.t.Helper()
	return s.wait(s.command(append([]string{"imgcls"}, args...)...))
}

func (s *scene) wait(cmd *exec.Cmd) outcome {
	s.t.Helper()
	var stdout, stderr bytes.Buffer
	if cmd.Stdout == nil {
		cmd.Stdout = &stdout
	}
	cmd.Stderr = &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() < 0) {
		s.t.Fatalf("%.200q: %v", cmd.Args, err)
	}
	return outcome{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// mustRun runs imgcls and wants success; it returns stdout.
func (s *scene) mustRun(args ...string) string {
	s.t.Helper()
	out := s.run(args...)
	if out.code != 0 {
		s.t.Fatalf("imgcls %.200q: exit code %d\n%s", args, out.code, out.stderr)
	}
	return out.stdout
}

// folder stands for the content of a folder.
const folder = "folder"

// files returns what lies in the scene: content by path.
func (s *scene) files() map[string]string {
	found := map[string]string{}
	s.must(filepath.WalkDir(s.dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(s.dir, file)
		if name != "." {
			found[filepath.ToSlash(name)] = contentOf(s.t, file)
		}
		return err
	}))
	return found
}

// contentOf returns something that differs when the content of a file does.
func contentOf(t *testing.T, file string) string {
	t.Helper()
	const large = 16 << 20 // not read, its size and time tell enough
	info, err := os.Lstat(file)
	if err != nil {
		t.Fatal(err)
	}
	switch {
	case info.IsDir():
		return folder
	case !info.Mode().IsRegular() || info.Size() > large:
		return fmt.Sprint(info.Mode(), info.Size(), info.ModTime())
	}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", sha256.Sum256(content))
}
