package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"imgcls/internal/fault"
)

// A Contender is a process that answers requests.
type Contender struct {
	Hello
	cmd     *exec.Cmd
	in      io.WriteCloser
	answers *bufio.Scanner
	said    bytes.Buffer // on its standard error
}

// parting is how long a contender may take to end once its input has.
const parting = 5 * time.Second

// Start starts a contender and waits for its hello. It is killed when ctx ends.
func Start(ctx context.Context, env []string, argv ...string) (*Contender, error) {
	c := &Contender{cmd: exec.CommandContext(ctx, argv[0], argv[1:]...)}
	c.cmd.Env, c.cmd.Stderr, c.cmd.WaitDelay = env, &c.said, parting
	in, err := c.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.in, c.answers = in, bufio.NewScanner(out)
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", argv[0], fault.Cause(err))
	}
	if err := c.read(&c.Hello); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// read reads one line of JSON.
func (c *Contender) read(into any) error {
	if !c.answers.Scan() {
		c.in.Close()
		c.cmd.Wait()
		return fmt.Errorf("%s ended (%s): %s", c.cmd.Args[0], c.cmd.ProcessState, tail(c.said.String()))
	}
	if err := json.Unmarshal(c.answers.Bytes(), into); err != nil {
		return fmt.Errorf("%s answered %s: %w", c.cmd.Args[0], fault.Quote(c.answers.Text()), err)
	}
	return nil
}

// tail returns the last lines of a text, which say why a program ended.
func tail(text string) string {
	const most = 500
	text = strings.TrimSpace(text)
	return text[max(0, len(text)-most):]
}

func (c *Contender) ask(request string) (answer, error) {
	var a answer
	if _, err := fmt.Fprintln(c.in, request); err != nil {
		return a, fmt.Errorf("%s: %w: %s", c.cmd.Args[0], err, tail(c.said.String()))
	}
	if err := c.read(&a); err != nil {
		return a, err
	}
	if a.Error != "" {
		kind := fault.Kind(a.Exit)
		if kind == 0 {
			kind = fault.Bug
		}
		return a, &fault.Error{Kind: kind, Why: a.Error}
	}
	return a, nil
}

// Open makes the contender hold w ready, in the place of what it held. The cost is
// nil where the contender tells none.
func (c *Contender) Open(w Work) (*Cost, error) {
	text, err := json.Marshal(w)
	if err != nil {
		return nil, err
	}
	a, err := c.ask("open " + string(text))
	return a.Cost, err
}

// Run lets the contender repeat its work for at least so many seconds.
func (c *Contender) Run(seconds float64) (Sample, error) {
	a, err := c.ask("run " + strconv.FormatFloat(seconds, 'g', -1, 64))
	if err != nil {
		return Sample{}, err
	}
	if a.Sample == nil || a.Steps < 1 || !(a.Seconds > 0) {
		return Sample{}, fmt.Errorf("%s did nothing: %d steps in %v s", c.Name, a.Steps, a.Seconds)
	}
	return *a.Sample, nil
}

// PID returns the number of the process.
func (c *Contender) PID() int { return c.cmd.Process.Pid }

// Peak returns the most bytes of memory that the process ever held, where the
// system tells (Linux: VmHWM of proc(5)).
func (c *Contender) Peak() (bytes int64, known bool) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.cmd.Process.Pid))
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kB, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kB << 10, err == nil
		}
	}
	return 0, false
}

// Close ends the contender.
func (c *Contender) Close() {
	c.in.Close()
	late := time.AfterFunc(parting, func() { c.cmd.Process.Kill() })
	defer late.Stop()
	c.cmd.Wait()
}

// Hardware names the processor, as Linux tells, and else its architecture.
func Hardware(architecture string) string {
	info, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(info)) {
		if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return architecture
}
