package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"imgcls/internal/fault"
	"imgcls/internal/graph"
	"imgcls/internal/metrics"
	"imgcls/internal/picture"
	"imgcls/internal/run"
)

// A prediction is the answer to one input, and a line of predict's JSON.
type prediction struct {
	Input  string           `json:"input"`
	Label  string           `json:"label"`
	Score  metrics.Figure   `json:"score"`
	TopK   []scored         `json:"topk"`
	Logits []metrics.Figure `json:"logits,omitempty"`
}

type scored struct {
	Label string         `json:"label"`
	Score metrics.Figure `json:"score"`
}

// An unanswered is the line of an input that has no prediction.
type unanswered struct {
	Input string `json:"input"`
	Error string `json:"error"`

	overflowed bool // it was read, and the logits are not finite
}

func runPredict(ctx context.Context, s *settings, args []string) error {
	inputs, others := expand(args[1:])
	if others > 0 {
		s.warn("%d files in the folders are left out: their names do not end in %s", others, strings.Join(pictureNames, ", "))
	}
	c, _, err := s.openModel(args[0], s.batchSize.settle(1))
	if err != nil {
		return err
	}
	defer s.close(c)
	unread, overflowed := 0, 0
	var all []any // for json, which is one list
	for _, input := range inputs {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		answer, err := s.predict(ctx, c, input)
		if err != nil {
			return err
		}
		if bad, ok := answer.(unanswered); ok {
			s.warn("picture: %s: %s", fault.Quote(input), bad.Error)
			if bad.overflowed {
				overflowed++
			} else {
				unread++
			}
		}
		if s.format == "json" {
			all = append(all, answer)
		} else if err := s.printAnswer(answer); err != nil {
			return err
		}
	}
	if s.format == "json" {
		if err := s.print("json", all); err != nil {
			return err
		}
	}
	switch {
	case overflowed > 0: // the warnings name those that were not read
		return overflow(c, overflowed, len(inputs))
	case unread > 0:
		return fault.New(fault.Data, "predict", "", "give PNG or JPEG files; the warnings above name those that are not", "%d of %d inputs could not be read", unread, len(inputs))
	}
	return nil
}

// overflow is the error of a model whose numbers are finite and too large.
func overflow(c *loaded, pictures, of int) error {
	do := "take weights from before the training diverged"
	if c.Precision != graph.F32 {
		do += ", or --precision fp32"
	}
	return fault.New(fault.Model, "model file", c.File.Path, do, "the logits of %d of %d pictures are not finite", pictures, of)
}

// predict answers one input, with a prediction or an unanswered.
func (s *settings) predict(ctx context.Context, c *loaded, input string) (any, error) {
	if info, err := os.Stat(input); err == nil && info.IsDir() {
		return unanswered{Input: input, Error: "holds no PNG or JPEG files"}, nil
	}
	p, err := picture.Open(input, picture.Default)
	if err != nil {
		return unanswered{Input: input, Error: err.Error()}, nil
	}
	logits, err := c.Logits(ctx, p)
	if err != nil {
		return nil, err
	}
	if !metrics.Finite(logits) {
		return unanswered{input, "its logits are not finite", true}, nil
	}
	scores := make([]float64, len(logits))
	metrics.Softmax(scores, logits)
	answer := prediction{Input: input}
	for _, class := range metrics.TopK(logits, min(s.topk, len(logits))) {
		answer.TopK = append(answer.TopK, scored{c.Network.Classes[class], metrics.Figure(scores[class])})
	}
	answer.Label, answer.Score = answer.TopK[0].Label, answer.TopK[0].Score
	if s.logits {
		for _, l := range logits {
			answer.Logits = append(answer.Logits, metrics.Figure(l))
		}
	}
	return answer, nil
}

// printAnswer prints one answer as a line, of text or of JSON.
func (s *settings) printAnswer(answer any) error {
	if s.format == "jsonl" {
		return s.print("jsonl", answer)
	}
	a, ok := answer.(prediction)
	if !ok {
		return nil // the warning has said it
	}
	var others []string
	for _, o := range a.TopK[1:] {
		others = append(others, run.Plain(o.Label)+" "+percent(o.Score))
	}
	line := run.Plain(a.Input) + "\t" + run.Plain(a.Label) + "\t" + percent(a.Score)
	if len(others) > 0 {
		line += "\t(" + strings.Join(others, ", ") + ")"
	}
	_, err := fmt.Fprintln(s.out, line)
	return err
}

// pictureNames are the endings by which pictures are found in a folder.
var pictureNames = []string{".png", ".jpg", ".jpeg"}

// expand puts in the place of each folder the pictures in it and below, in byte
// order of their paths, and counts what else is there. A folder without any stays, and
// cannot be read.
func expand(inputs []string) (files []string, others int) {
	for _, input := range inputs {
		info, err := os.Stat(input)
		if err != nil || !info.IsDir() {
			files = append(files, input)
			continue
		}
		var found []string
		// What cannot be listed is left out, as any other program would.
		_ = filepath.WalkDir(input, func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil || !d.Type().IsRegular():
			case slices.Contains(pictureNames, strings.ToLower(filepath.Ext(path))):
				found = append(found, path)
			default:
				others++
			}
			return nil
		})
		slices.Sort(found)
		if len(found) == 0 {
			found = []string{input}
		}
		files = append(files, found...)
	}
	return files, others
}
