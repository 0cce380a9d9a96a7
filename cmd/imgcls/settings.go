package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"imgcls/internal/fault"
)

// Where values come from, the first that has one deciding: a flag, the
// environment (IMGCLS_BATCH_SIZE), the file of --config, the run that is resumed,
// the file of --weights, the model's recipe, the default.
const (
	fromFlag    = "flag"
	fromConfig  = "config file"
	fromRun     = "resumed run"
	fromWeights = "weights"
	fromRecipe  = "recipe"
	fromDefault = "default"
)

const envPrefix = "IMGCLS_"

// outside are the variables that look like settings and are none: which devices
// tests may not skip, and another driver library than libcuda.so.1.
var outside = map[string]bool{"IMGCLS_REQUIRE": true, "IMGCLS_LIBCUDA": true}

// resolve fills the settings of a command that no flag has given from the
// environment and the config file. env holds entries "NAME=value".
func (s *settings) resolve(command string, flags *pflag.FlagSet, env []string) error {
	environment := s.environment(env)
	for _, r := range s.rows {
		if flags.Changed(r.name) {
			s.origins[r.name] = fromFlag
		}
	}
	if err := s.fill(command, environment); err != nil {
		return err
	}
	if s.config == "" {
		return nil
	}
	file, err := s.readConfig(s.config)
	if err != nil {
		return err
	}
	return s.fill(command, file)
}

// A given is one setting as the environment or the config file has it.
type given struct {
	text   string
	origin string // for config.yaml
	what   string // for an error: what holds it,
	path   string // in which file,
	where  string // and where in that
}

// fill sets what the command has and nothing before has set.
func (s *settings) fill(command string, from map[string]given) error {
	for _, r := range s.rows {
		g, ok := from[r.name]
		if !ok || !r.has(command) || s.origins[r.name] != "" {
			continue
		}
		if err := r.value.Set(g.text); err != nil {
			return fault.New(fault.Usage, g.what, g.path, "", "%s%s is not %w", g.where, fault.Quote(g.text), err)
		}
		s.origins[r.name] = g.origin
	}
	return nil
}

// environment picks the settings out of env and warns of variables that look
// like settings and are none. An empty variable counts as unset.
func (s *settings) environment(env []string) map[string]given {
	found := map[string]given{}
	for _, entry := range env {
		name, text, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, envPrefix) || outside[name] || text == "" {
			continue
		}
		flag := s.own(strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(name, envPrefix), "_", "-")))
		if !s.known(flag) {
			do := "ignored"
			if near := nearest(flag, s.names()); near != "" {
				do = "did you mean " + envPrefix + strings.ToUpper(strings.ReplaceAll(near, "-", "_")) + "?"
			}
			s.warn("environment: %s is no setting; %s", fault.Quote(name), do)
			continue
		}
		found[flag] = given{text: text, origin: name, what: name}
	}
	return found
}

// readConfig reads a YAML mapping of flag names to values. It is strict: an
// unknown or repeated name is an error, so that a slip is not a silent default.
func (s *settings) readConfig(path string) (map[string]given, error) {
	data, err := readSmall(path)
	if err != nil {
		return nil, fault.New(fault.Usage, fromConfig, path, "", "%w", err)
	}
	return s.parseConfig(fromConfig, path, data)
}

// parseConfig reads the text of a config file, which errors call what.
func (s *settings) parseConfig(what, path string, data []byte) (map[string]given, error) {
	fail := func(do, why string, args ...any) error { return fault.New(fault.Usage, what, path, do, why, args...) }
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var document yaml.Node
	if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
		return nil, nil // empty
	} else if err != nil {
		return nil, fail("", "%s", strings.ReplaceAll(strings.TrimPrefix(err.Error(), "yaml: "), "\n", " "))
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, fail("", "holds more than one YAML document")
	}
	if document.Content[0].Kind != yaml.MappingNode {
		return nil, fail("write lines such as `epochs: 5`", "is no mapping of flag names to values")
	}
	found := map[string]given{}
	for pairs := document.Content[0].Content; len(pairs) > 0; pairs = pairs[2:] {
		key, node := pairs[0], pairs[1]
		name := s.own(key.Value)
		where := fmt.Sprintf("line %d: ", key.Line)
		if !s.known(name) || name == "config" || name == "print-config" {
			do := "see `imgcls help train`"
			if near := nearest(key.Value, s.names()); near != "" {
				do = "did you mean " + near + "?"
			}
			return nil, fail(do, "%s%s is no setting", where, fault.Quote(key.Value))
		}
		if _, twice := found[name]; twice {
			return nil, fail("", "%s%s stands here a second time", where, name)
		}
		text, ok := scalars(node)
		if !ok {
			return nil, fail("", "%sthe value of %s is neither a value nor a list of values", where, name)
		}
		found[name] = given{text: text, origin: what, what: what, path: path, where: where + name + ": "}
	}
	return found, nil
}

// readSmall reads a file written by hand, at most 1 MiB of it.
func readSmall(path string) ([]byte, error) {
	const most = 1 << 20
	f, err := os.Open(path)
	if err != nil {
		return nil, fault.Cause(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && len(data) > most {
		err = fmt.Errorf("is larger than %d bytes", most)
	}
	return data, fault.Cause(err)
}

// scalars returns the text of a value, or of a list of values with commas
// between them.
func scalars(node *yaml.Node) (string, bool) {
	list := []*yaml.Node{node}
	if node.Kind == yaml.SequenceNode {
		list = node.Content
	}
	texts := make([]string, len(list))
	for i, n := range list {
		if n.Kind != yaml.ScalarNode || n.ShortTag() == "!!null" || n.Decode(&texts[i]) != nil {
			return "", false
		}
	}
	return strings.Join(texts, ","), true
}

// own returns the name of the flag that has this name or alias.
func (s *settings) own(name string) string {
	if own, ok := aliases[name]; ok {
		return own
	}
	return name
}

func (s *settings) known(name string) bool {
	for _, r := range s.rows {
		if r.name == name {
			return true
		}
	}
	return false
}

func (s *settings) names() []string {
	names := make([]string, len(s.rows))
	for i, r := range s.rows {
		names[i] = r.name
	}
	return names
}

// origin says where the value of a row came from.
func (s *settings) origin(r row) string {
	if v, ok := r.value.(interface{ fromRecipe() bool }); ok && v.fromRecipe() {
		return fromRecipe
	}
	if origin := s.origins[r.name]; origin != "" {
		return origin
	}
	return fromDefault
}

// resolved returns the command's settings as YAML, each with its origin.
func (s *settings) resolved(command string) ([]byte, error) {
	return s.yaml("", func(r row) bool {
		return r.has(command) && r.name != "config" && r.name != "print-config"
	})
}

// recorded returns config.yaml of a run: `imgcls train --config` with it repeats
// the run in a folder of its own.
func (s *settings) recorded() ([]byte, error) {
	return s.yaml("imgcls train --config with this file repeats the run", func(r row) bool {
		return r.has("train") && (r.keep >= always || r.keep == ifGiven && s.origin(r) != fromDefault)
	})
}

func (s *settings) yaml(head string, include func(row) bool) ([]byte, error) {
	mapping := &yaml.Node{Kind: yaml.MappingNode, HeadComment: head}
	for _, r := range s.rows {
		if !include(r) {
			continue
		}
		key, value := new(yaml.Node), new(yaml.Node)
		key.SetString(r.name)
		if text := r.value.String(); r.value.Type() == "text" || text == "auto" {
			value.SetString(text)
		} else {
			*value = yaml.Node{Kind: yaml.ScalarNode, Value: text}
		}
		value.LineComment = s.origin(r)
		mapping.Content = append(mapping.Content, key, value)
	}
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	err := e.Encode(mapping)
	return b.Bytes(), err
}
