package run

import (
	"encoding/json"
	"strconv"
	"strings"
	"unicode"

	"imgcls/internal/metrics"
)

// An Event is one line of metrics.jsonl and of `train --log-format json`.
type Event interface{ event() string }

// Start is the first event of a run.
type Start struct {
	Run     string   `json:"run"` // the run folder
	Command []string `json:"command"`
	Version string   `json:"version"`
	Seed    uint64   `json:"seed"`
	Device  string   `json:"device"`
	Model   string   `json:"model"`
	Data    Data     `json:"data"`
	Epochs  int      `json:"epochs"`
	Steps   int      `json:"steps"` // of all epochs together
	Step    int      `json:"step"`  // from which the run goes on; 0 for a new one
}

// Step reports the running loss in mid-epoch.
type Step struct {
	Epoch           int            `json:"epoch"` // from 1
	Step            int            `json:"step"`  // over all epochs
	TrainLoss       metrics.Figure `json:"train_loss"`
	Skipped         int            `json:"skipped,omitempty"` // steps of the run so far whose update was left out: its numbers overflowed fp16
	LR              metrics.Figure `json:"lr"`
	ImagesPerSecond metrics.Figure `json:"images_per_second"`
}

// Epoch reports one whole epoch.
type Epoch struct {
	Epoch           int             `json:"epoch"` // from 1
	Step            int             `json:"step"`  // over all epochs
	TrainLoss       metrics.Figure  `json:"train_loss"`
	TestLoss        metrics.Figure  `json:"test_loss"`
	TestTop1        metrics.Figure  `json:"test_top1"`
	Skipped         int             `json:"skipped,omitempty"`  // as of a Step
	ValLoss         *metrics.Figure `json:"val_loss,omitempty"` // with a validation split
	ValTop1         *metrics.Figure `json:"val_top1,omitempty"`
	LR              metrics.Figure  `json:"lr"`
	Seconds         metrics.Figure  `json:"seconds"`
	ImagesPerSecond metrics.Figure  `json:"images_per_second"`
	DataWait        metrics.Figure  `json:"data_wait"` // fraction of the time spent waiting for data
}

// Warning tells of something that did not stop the run.
type Warning struct {
	What string `json:"what"`
	Path string `json:"path"`
	Why  string `json:"why"`
}

// Error is the last event of a command that failed.
type Error struct {
	What string `json:"what"`
	Path string `json:"path"`
	Why  string `json:"why"`
	Do   string `json:"do"`
	Exit int    `json:"exit"`
}

// Done is the last event of a run that was not lost.
type Done struct {
	Run         string         `json:"run"`
	Status      Status         `json:"status"`
	Exit        int            `json:"exit"`
	Epochs      int            `json:"epochs"`
	Step        int            `json:"step"`
	TestTop1    metrics.Figure `json:"test_top1"`
	TestLoss    metrics.Figure `json:"test_loss"`
	Seconds     metrics.Figure `json:"seconds"`
	ModelSHA256 string         `json:"model_sha256"`
}

func (Start) event() string   { return "start" }
func (Step) event() string    { return "step" }
func (Epoch) event() string   { return "epoch" }
func (Warning) event() string { return "warning" }
func (Error) event() string   { return "error" }
func (Done) event() string    { return "done" }

// Line returns the event as one line of JSON, its name first and its keys in
// the order of the struct. The same event always gives the same bytes.
func Line(e Event) []byte {
	line := []byte(`{"event":"` + e.event() + `",`)
	body, _ := json.Marshal(e) // strings, integers and Figures: it cannot fail
	return append(append(line, body[1:]...), '\n')
}

// Plain returns text as one line without control characters, which are shown
// escaped as in Go.
func Plain(text string) string {
	if strings.IndexFunc(text, hidden) < 0 {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if hidden(r) {
			quoted := strconv.QuoteRuneToASCII(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func hidden(r rune) bool { return !unicode.IsPrint(r) }
