package main

import (
	"fmt"
	"io"
	"time"

	"github.com/schollz/progressbar/v3"
)

// A progress shows how far one stretch of work has come: an epoch, an
// evaluation, a download. Stretches follow one another; a total of 0 is unknown.
type progress interface {
	Start(what string, total int)
	Update(done int, note string)
	Finish()
}

// progress returns the display that --progress asks for: by itself a bar where
// the console may draw, plain lines elsewhere, and nothing under --quiet.
func (s *settings) progress() progress {
	switch {
	case s.quiet || s.progressAs == "none":
		return noProgress{}
	case s.progressAs == "bar" || s.progressAs == "auto" && s.paint && isTerminal(s.err):
		s.bar = &barProgress{to: s.err}
		return s.bar
	}
	return &plainProgress{to: s.err, now: time.Now}
}

type noProgress struct{}

func (noProgress) Start(string, int)  {}
func (noProgress) Update(int, string) {}
func (noProgress) Finish()            {}

// A barProgress draws one bar with the time left, and wipes it at the end.
type barProgress struct {
	to    io.Writer
	bar   *progressbar.ProgressBar
	what  string
	drawn bool
}

func (p *barProgress) Start(what string, total int) {
	if total <= 0 {
		total = -1 // the library's unknown length
	}
	p.what = what
	p.bar = progressbar.NewOptions(total,
		progressbar.OptionSetWriter(p.to),
		progressbar.OptionSetDescription(what),
		progressbar.OptionFullWidth(),
		progressbar.OptionShowCount(),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionSetElapsedTime(true),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionUseANSICodes(true),
		progressbar.OptionClearOnFinish(),
	)
}

// Update draws the bar. The library's errors are those of a terminal that has
// gone away, which is no reason to stop.
func (p *barProgress) Update(done int, note string) {
	p.bar.Describe(joined(p.what, note))
	_ = p.bar.Set(done)
	p.drawn = true
}

// Finish wipes the bar. An Update after it draws it again.
func (p *barProgress) Finish() {
	if p.drawn {
		_ = p.bar.Clear()
	}
	p.drawn = false
}

// A plainProgress prints a line after every ten seconds, and after every 5 % of
// the work if that took a second.
type plainProgress struct {
	to  io.Writer
	now func() time.Time

	what        string
	total       int
	begun, last time.Time
	lastDone    int
}

const (
	longestSilence  = 10 * time.Second
	shortestSilence = time.Second
	worthALine      = 0.05 // of the total
)

func (p *plainProgress) Start(what string, total int) {
	now := p.now()
	*p = plainProgress{to: p.to, now: p.now, what: what, total: total, begun: now, last: now}
}

func (p *plainProgress) Update(done int, note string) {
	now := p.now()
	silence, gain := now.Sub(p.last), float64(done-p.lastDone)
	if silence < shortestSilence || silence < longestSilence && (p.total <= 0 || gain < worthALine*float64(p.total)) {
		return
	}
	fmt.Fprintln(p.to, joined(p.line(done, now.Sub(p.begun)), note))
	p.last, p.lastDone = now, done
}

func (p *plainProgress) line(done int, elapsed time.Duration) string {
	if p.total <= 0 || done <= 0 {
		return fmt.Sprintf("%s %d", p.what, done)
	}
	left := time.Duration(float64(elapsed) * float64(p.total-done) / float64(done))
	return fmt.Sprintf("%s %d/%d %d%% %s left", p.what, done, p.total, 100*done/p.total, left.Round(time.Second))
}

func (p *plainProgress) Finish() {}

func joined(text, note string) string {
	if note == "" {
		return text
	}
	return text + "  " + note
}
