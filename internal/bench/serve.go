package bench

import (
	"bufio"
	"encoding/json"
	"io"
	"strconv"
	"strings"

	"imgcls/internal/device"
	"imgcls/internal/fault"
)

// A Hello is a contender's first line: what it is.
type Hello struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Device  string `json:"device"`
	Threads int    `json:"threads"`
}

// An answer is every line after that.
type answer struct {
	Ready bool `json:"ready,omitempty"`
	*Cost
	*Sample
	Outputs []Output `json:"outputs,omitempty"`
	Error   string   `json:"error,omitempty"`
	Exit    int      `json:"exit,omitempty"`
}

// A Cost tells networks apart: the numbers that are learnt, and the multiply-adds of
// convolutions and linear layers for one picture, forward.
type Cost struct {
	Parameters int `json:"parameters"`
	MACs       int `json:"macs"`
}

// An Output is a tensor in the file of a dump.
type Output struct {
	Type  string `json:"type"` // f32, bf16, f16, u8, i32 or i64
	Shape []int  `json:"shape"`
}

// longestRun is the most seconds that a request may ask for.
const longestRun = 3600

// Serve is a contender: it says hello, and answers the requests of in on out
// until in ends. Its error is that of in or out.
func Serve(dev device.Device, hello Hello, in io.Reader, out io.Writer) error {
	e := json.NewEncoder(out)
	if err := e.Encode(hello); err != nil {
		return err
	}
	var held load
	defer func() {
		if held != nil {
			held.close()
		}
	}()
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		a, err := serve(dev, &held, lines.Text())
		if err != nil {
			a = answer{Error: err.Error(), Exit: int(fault.KindOf(err))}
		}
		if err := e.Encode(a); err != nil {
			return err
		}
	}
	return lines.Err()
}

// serve answers one request.
func serve(dev device.Device, held *load, line string) (answer, error) {
	verb, rest, _ := strings.Cut(line, " ")
	refuse := func(why string, args ...any) (answer, error) {
		return answer{}, fault.New(fault.Usage, "request", "", "send `open {work}`, `run SECONDS` or `dump FILE`", why, args...)
	}
	switch verb {
	case "open":
		var w Work
		d := json.NewDecoder(strings.NewReader(rest))
		d.DisallowUnknownFields()
		if err := d.Decode(&w); err != nil {
			return refuse("%s is no work: %w", fault.Quote(rest), err)
		}
		if *held != nil {
			(*held).close()
			*held = nil
		}
		l, err := w.load(dev)
		if err != nil {
			return answer{}, err
		}
		*held = l
		cost, err := w.Cost()
		return answer{Ready: true, Cost: cost}, err
	case "run":
		seconds, err := strconv.ParseFloat(rest, 64)
		if err != nil || !(0 < seconds && seconds <= longestRun) {
			return refuse("%s is not a number of seconds above 0 and at most %d", fault.Quote(rest), longestRun)
		}
		if *held == nil {
			return refuse("no work is open")
		}
		s, err := (*held).run(seconds)
		return answer{Sample: &s}, err
	case "dump":
		o, ok := (*held).(*operation)
		if !ok || rest == "" {
			return refuse("no operation is open whose results could go to %s", fault.Quote(rest))
		}
		outputs, err := o.dump(rest)
		return answer{Outputs: outputs}, err
	}
	return refuse("there is no request %s", fault.Quote(verb))
}
