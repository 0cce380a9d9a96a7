package main

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"imgcls/internal/checkpoint"
	"imgcls/internal/data"
	"imgcls/internal/fault"
	"imgcls/internal/graph"
	"imgcls/internal/models"
	"imgcls/internal/run"
	"imgcls/internal/train"
)

// weightsFile returns the file of --weights, read once, and nil where there is none.
func (s *settings) weightsFile() (*checkpoint.Model, error) {
	if !s.weights.known || s.start != nil {
		return s.start, nil
	}
	path, dir := run.Locate(s.weights.value)
	if dir != "" {
		if record, err := run.Read(dir); err == nil && record.Status == run.Diverged && !record.TestLoss.Defined() {
			s.warn("--weights: the run %s diverged, and its model holds the last finite weights: expect no good of them", fault.Quote(dir))
		}
	}
	s.normaliseWeights() // for config.yaml
	file, err := checkpoint.Open(path)
	s.start = file
	return file, err
}

// normaliseWeights makes the path of --weights what config.yaml records.
func (s *settings) normaliseWeights() {
	if !s.weights.known {
		return
	}
	path, _ := run.Locate(s.weights.value)
	if absolute, err := filepath.Abs(path); err == nil {
		path = absolute
	}
	s.weights.value = path
}

// modelName returns the name of the model to train: that of --model, or of the file
// of --weights, or the default.
func (s *settings) modelName() (string, error) {
	if s.model.known {
		return s.model.value, nil
	}
	name := models.All[0].Name
	file, err := s.weightsFile()
	if err != nil {
		return "", err
	}
	if file != nil && file.Info != nil {
		model, err := file.Architecture("")
		if err != nil {
			return "", err
		}
		name, s.origins["model"] = model.Name, fromWeights
	}
	return s.model.fallBack(name), nil
}

// startModel returns the model to train. It reads the weights where training begins
// with them, so that their faults come out before data are read.
func (s *settings) startModel(from *prior) (models.Model, error) {
	name, err := s.modelName()
	if err != nil {
		return models.Model{}, err
	}
	if s.resetHead && !s.weights.known {
		return models.Model{}, fault.New(fault.Usage, "--reset-head", "", "give --weights FILE, or leave it out", "there are no weights to begin with")
	}
	if from == nil || from.state == nil {
		if s.freeze > 0 && !s.weights.known {
			s.warn("--freeze without --weights keeps layers at random numbers")
		}
		file, err := s.weightsFile()
		if err != nil {
			return models.Model{}, err
		}
		if file != nil {
			return file.Architecture(name)
		}
	}
	return models.Lookup(name)
}

// startFrom loads the weights of --weights over the first parameters.
func (s *settings) startFrom(t *train.Trainer, network models.Network, set *data.Set) error {
	file, err := s.weightsFile()
	if err != nil {
		return err
	}
	var head map[string]bool
	if s.resetHead {
		head = network.Head()
	} else if err := file.CheckClasses(network, set.Name); err != nil {
		return err
	}
	mapping, err := file.LoadBody(t.Graph(), head, s.convert, t.Program().Write)
	if err != nil {
		return forSize(err, file, network, head)
	}
	s.start = nil // it may be large, and is not needed again
	s.tellMapping(file.Path, mapping)
	return nil
}

// forSize names the least size of pictures in the error of weights that fit the
// network for all larger ones, whose first layers are others.
func forSize(err error, file *checkpoint.Model, n models.Network, head map[string]bool) error {
	const most = 512
	var e *fault.Error
	fits := func(size int) bool {
		n.Preprocess.Height, n.Preprocess.Width = size, size
		g := n.Single()
		if g.Err() != nil {
			return false
		}
		_, err := file.LoadBody(g, head, true, func(graph.Value, []byte) error { return nil })
		return err == nil
	}
	side := min(n.Preprocess.Height, n.Preprocess.Width)
	if !errors.As(err, &e) || fits(side) || !fits(most) { // of this size it fits but for another reason
		return err
	}
	for size := 1; size < most; size *= 2 { // layers change where a side exceeds a power of two
		if size >= side && fits(size+1) {
			named := *e
			named.Do = fmt.Sprintf("they were made for larger pictures: use --img-size %d or more", size+1)
			return &named
		}
	}
	return err
}

// tellMapping says what became of the tensors of the weights: of each module that the
// file names otherwise, or of each tensor where more is to be said.
func (s *settings) tellMapping(path string, m *checkpoint.Mapping) {
	if s.verbose == 0 {
		for _, r := range m.Renamed() {
			s.say("        %s ← %s", r.Name, run.Plain(r.From))
		}
	} else {
		for _, t := range m.Taken {
			s.say("        %s %v ← %s", t.Name, t.Dims, run.Plain(t.From))
		}
		for _, name := range m.Fresh {
			s.say("        %s begins anew", name)
		}
		for _, i := range m.Ignored {
			s.say("        %s is ignored (%s)", run.Plain(i.Name), i.Why)
		}
	}
	line := fmt.Sprintf("%d tensors taken, named as by %s", len(m.Taken), m.Library)
	if m.Fresh != nil {
		line += "; begins anew: " + strings.Join(m.Fresh, ", ")
	}
	reasons := map[string]int{}
	for _, i := range m.Ignored {
		reasons[i.Why]++
	}
	for _, why := range slices.Sorted(maps.Keys(reasons)) {
		line += fmt.Sprintf("; %d ignored (%s)", reasons[why], why)
	}
	s.say("weights %s  %s", fault.Quote(path), line)
}

// frozen returns the layers that --freeze keeps as they are: the first that have
// parameters.
func (s *settings) frozen(n models.Network) ([]string, error) {
	if s.freeze == 0 {
		return nil, nil
	}
	layers := n.Layers()
	if s.freeze >= len(layers) {
		return nil, fault.New(fault.Usage, "--freeze", "", fmt.Sprintf("freeze at most %d", len(layers)-1),
			"nothing of %s would be left to train: its layers are %s", n.Model.Name, strings.Join(layers, ", "))
	}
	return layers[:s.freeze], nil
}

// parameters says how many a training has and which are frozen.
func parameters(t *train.Trainer, cfg train.Config) string {
	all, frozen := t.Parameters()
	text := fmt.Sprintf("%d parameters", all)
	const most = 4 // names
	switch n := len(cfg.Frozen); {
	case n > most:
		text += fmt.Sprintf(", %d of them frozen: %d layers, %s to %s", frozen, n, cfg.Frozen[0], cfg.Frozen[n-1])
	case n > 0:
		text += fmt.Sprintf(", %d of them frozen: %s", frozen, strings.Join(cfg.Frozen, ", "))
	}
	return text
}
