package main

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"imgcls/internal/fault"
)

// A grammar is what the argv step knows of the command line.
type grammar struct {
	flags   *pflag.FlagSet    // every flag of every command
	aliases map[string]string // further long names, each with the flag's own
	meant   map[string]string // names that are none, each with the flag that who writes it means
	root    *word
}

// A word is a command with its sub-commands, under their names and aliases.
type word struct {
	name string
	subs map[string]*word
}

// normalise puts the command first and writes each flag in its long form with
// two dashes, so that what follows needs no rules but pflag's. It reads
//
//   - a long flag with one dash or two: -device, --device;
//   - a short flag with its value apart, after "=", or for numbers glued to it:
//     -b 128, -b=128, -b128; and a run of short flags without values: -vv;
//   - flags before or after the command, and the token after a flag that takes
//     a value as that value, whatever it looks like: -lr -0.5;
//   - "--" as the end of the flags, and "-" as an argument.
//
// Anything else that begins with a dash is an error that names the nearest
// flag, and so is an unknown command. The words of a shell's completion request
// are left as they are.
func (g grammar) normalise(argv []string) ([]string, error) {
	if len(argv) > 0 && strings.HasPrefix(argv[0], "__complete") {
		return argv, nil
	}
	var path, rest []string
	at, ended := g.root, false
	for i := 0; i < len(argv); i++ {
		token := argv[i]
		switch {
		case ended || token == "-" || !strings.HasPrefix(token, "-"):
			if len(at.subs) == 0 {
				rest = append(rest, token)
				continue
			}
			next, ok := at.subs[token]
			if !ok {
				return nil, g.unknownCommand(at, token)
			}
			at, path = next, append(path, next.name)
		case token == "--":
			ended = true
			rest = append(rest, token)
		default:
			flags, needsValue, err := g.expand(token)
			if err != nil {
				return nil, err
			}
			rest = append(rest, flags...)
			if !needsValue {
				continue
			}
			if i++; i == len(argv) {
				return nil, fault.New(fault.Usage, flags[0], "", "see `imgcls help`", "needs a value")
			}
			rest = append(rest, argv[i])
		}
	}
	return append(path, rest...), nil
}

// expand returns the long form of one token that begins with a dash, and
// whether the next token is its value.
func (g grammar) expand(token string) (flags []string, needsValue bool, err error) {
	name, equals := token, ""
	if i := strings.IndexByte(token, '='); i >= 0 {
		name, equals = token[:i], token[i:]
	}
	name = strings.TrimPrefix(name, "-")
	double := strings.HasPrefix(name, "-")
	name = strings.TrimPrefix(name, "-")

	var flag *pflag.Flag
	switch {
	case double || len(name) > 1:
		flag = g.long(name)
	case len(name) == 1:
		flag = g.flags.ShorthandLookup(name)
	}
	if flag != nil {
		return []string{"--" + flag.Name + equals}, equals == "" && flag.NoOptDefVal == "", nil
	}
	if !double && equals == "" {
		if flags = g.cluster(name); flags != nil {
			return flags, false, nil
		}
	}
	return nil, false, g.unknownFlag(token)
}

// cluster reads several short flags without values, or one with a number glued
// to it. It returns nil for anything else.
func (g grammar) cluster(letters string) (flags []string) {
	for i := range len(letters) {
		flag := g.flags.ShorthandLookup(letters[i : i+1])
		switch {
		case flag == nil:
			return nil
		case flag.NoOptDefVal != "":
			flags = append(flags, "--"+flag.Name)
		case i == 0 && isNumeric(flag) && isNumber(letters[1:]):
			return []string{"--" + flag.Name + "=" + letters[1:]}
		default:
			return nil
		}
	}
	return flags
}

func isNumeric(flag *pflag.Flag) bool {
	return flag.Value.Type() == "int" || flag.Value.Type() == "number"
}

func isNumber(s string) bool {
	_, err := strconv.ParseFloat(s, 64)
	return err == nil && strings.Trim(s[len(s)-1:], "0123456789.") == ""
}

// long returns the flag of that name or alias, or nil.
func (g grammar) long(name string) *pflag.Flag {
	if own, ok := g.aliases[name]; ok {
		name = own
	}
	return g.flags.Lookup(name)
}

func (g grammar) unknownFlag(token string) error {
	name, _, _ := strings.Cut(strings.TrimLeft(token, "-"), "=")
	names := slices.AppendSeq(slices.Collect(maps.Keys(g.aliases)), maps.Keys(g.meant))
	g.flags.VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	do := "see `imgcls help`"
	if near := nearest(name, names); near != "" {
		do = "did you mean --" + cmp.Or(g.meant[near], near) + "?"
	}
	return fault.New(fault.Usage, "unknown flag", "", do, "%s", fault.Quote(token))
}

func (g grammar) unknownCommand(at *word, token string) error {
	what, do := "unknown command", "see `imgcls help`"
	if at != g.root {
		what = "unknown " + at.name + " command"
	}
	if near := nearest(token, slices.Collect(maps.Keys(at.subs))); near != "" {
		do = "did you mean " + near + "?"
	} else if at != g.root {
		do = "use one of " + strings.Join(slices.Sorted(maps.Keys(at.subs)), ", ")
	}
	return fault.New(fault.Usage, what, "", do, "%s", fault.Quote(token))
}
