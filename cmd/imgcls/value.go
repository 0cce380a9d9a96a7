package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"imgcls/internal/augment"
	"imgcls/internal/train"
)

// A reader turns the text of a setting into a T and back.
type reader[T any] struct {
	kind    string              // shown in the help: int, number, bool, text
	want    string              // completes "… is not"
	why     func(string) string // says more exactly what is wrong with a text, in want's place; or nil
	read    func(string) (T, bool)
	show    func(T) string
	choices []string // the only texts, where they can be listed
}

// intIn reads whole decimal numbers from lo to hi.
func intIn(lo, hi int) reader[int] {
	return reader[int]{
		kind: "int",
		want: fmt.Sprintf("a whole number from %d to %d", lo, hi),
		read: func(s string) (int, bool) {
			n, err := strconv.Atoi(s)
			return n, err == nil && lo <= n && n <= hi
		},
		show: strconv.Itoa,
	}
}

// numberAbove reads finite numbers greater than 0 and at most hi.
func numberAbove(hi float64) reader[float64] {
	return number(fmt.Sprintf("a number greater than 0 and at most %g", hi),
		func(x float64) bool { return 0 < x && x <= hi })
}

// numberBelow reads numbers from 0, itself included, to hi, itself excluded.
func numberBelow(hi float64) reader[float64] {
	return number(fmt.Sprintf("a number from 0 up to but not including %g", hi),
		func(x float64) bool { return 0 <= x && x < hi })
}

// numberIn reads finite numbers from lo to hi.
func numberIn(lo, hi float64) reader[float64] {
	return number(fmt.Sprintf("a number from %g to %g", lo, hi),
		func(x float64) bool { return lo <= x && x <= hi })
}

// orNone lets a reader of numbers also read none, which is 0.
func orNone(of reader[float64]) reader[float64] {
	read, show := of.read, of.show
	of.want = "none or " + of.want
	of.read = func(s string) (float64, bool) {
		if s == "none" {
			return 0, true
		}
		return read(s)
	}
	of.show = func(x float64) string {
		if x == 0 {
			return "none"
		}
		return show(x)
	}
	return of
}

// number reads the decimal numbers that valid accepts. Every valid is a
// comparison, which NaN fails.
func number(want string, valid func(float64) bool) reader[float64] {
	return reader[float64]{
		kind: "number",
		want: want,
		read: func(s string) (float64, bool) {
			x, err := strconv.ParseFloat(s, 64)
			return x, err == nil && valid(x)
		},
		show: func(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) },
	}
}

// perChannel reads one number for each channel, or one for all, with commas
// between them.
func perChannel(of reader[float64]) reader[[]float64] {
	const most = 16
	return reader[[]float64]{
		kind: "numbers",
		want: fmt.Sprintf("a list of 1 to %d numbers with commas between them, each %s", most, of.want),
		read: func(s string) ([]float64, bool) {
			parts := strings.SplitN(s, ",", most+1)
			list := make([]float64, len(parts))
			for i, part := range parts {
				var ok bool
				if list[i], ok = of.read(strings.TrimSpace(part)); !ok {
					return nil, false
				}
			}
			return list, len(list) <= most
		},
		show: func(list []float64) string {
			shown := make([]string, len(list))
			for i, x := range list {
				shown[i] = of.show(x)
			}
			return strings.Join(shown, ",")
		},
	}
}

// truth reads true and false in the forms of strconv.ParseBool.
func truth() reader[bool] {
	return reader[bool]{
		kind: "bool",
		want: "true or false",
		read: func(s string) (bool, bool) {
			b, err := strconv.ParseBool(s)
			return b, err == nil
		},
		show: strconv.FormatBool,
	}
}

// duration reads times such as 90s, 5m or 1h30m, and 0.
func duration() reader[time.Duration] {
	const most = 100_000 * time.Hour
	return reader[time.Duration]{
		kind: "duration",
		want: "a time such as 90s, 5m or 1h30m",
		read: func(s string) (time.Duration, bool) {
			d, err := time.ParseDuration(s)
			return d, err == nil && 0 <= d && d <= most
		},
		show: time.Duration.String,
	}
}

// interval reads how often something is done: 1epoch, 500it, 5m.
func interval() reader[train.Interval] {
	return reader[train.Interval]{
		kind: "interval",
		want: "an interval such as 1epoch, 500it or 5m",
		read: train.ParseInterval,
		show: train.Interval.String,
	}
}

// policy reads what is done to training pictures at random.
func policy() reader[augment.Policy] {
	return reader[augment.Policy]{
		kind: "list",
		want: augment.Syntax,
		why: func(s string) string {
			_, err := augment.Parse(s)
			return fmt.Sprintf("a list of augmentations: %v", err)
		},
		read: func(s string) (augment.Policy, bool) {
			p, err := augment.Parse(s)
			return p, err == nil
		},
		show: augment.Policy.String,
	}
}

// optional reads a path, true for a choice of the program's, or false. Without a
// value the flag means true, so a path needs "=".
func optional() reader[string] {
	r := text()
	r.kind = optionalKind
	return r
}

const optionalKind = "path"

// list reads names with commas between them, or none.
func list() reader[[]string] {
	return reader[[]string]{
		kind: "names",
		want: "a list of names with commas between them, or none",
		read: func(s string) ([]string, bool) {
			if s == "none" {
				return nil, true
			}
			names := strings.Split(s, ",")
			return names, !slices.ContainsFunc(names, func(n string) bool { return strings.TrimSpace(n) != n || n == "" })
		},
		show: func(names []string) string {
			if names == nil {
				return "none"
			}
			return strings.Join(names, ",")
		},
	}
}

// oneOf reads one of the choices.
func oneOf(choices ...string) reader[string] {
	return reader[string]{
		kind:    "text",
		want:    "one of " + strings.Join(choices, ", "),
		read:    func(s string) (string, bool) { return s, slices.Contains(choices, s) },
		show:    func(s string) string { return s },
		choices: choices,
	}
}

// text reads names, paths and addresses.
func text() reader[string] {
	const most = 4096
	return reader[string]{
		kind: "text",
		want: fmt.Sprintf("a text of 1 to %d bytes without control characters", most),
		read: func(s string) (string, bool) {
			return s, s != "" && len(s) <= most && !strings.ContainsFunc(s, unicode.IsControl)
		},
		show: func(s string) string { return s },
	}
}

// that narrows a reader to the texts that valid accepts.
func (r reader[T]) that(want string, valid func(T) bool) reader[T] {
	read := r.read
	r.want = want
	r.read = func(s string) (T, bool) {
		x, ok := read(s)
		return x, ok && valid(x)
	}
	return r
}

// An auto is a setting whose default depends on something read later, such as
// the model's recipe. Until then it is shown as "auto".
type auto[T any] struct {
	value   T
	known   bool // value is meaningful
	settled bool // value came from settle
}

// settle returns the value given by the user. Where there is none it takes
// value, and config.yaml then says so.
func (a *auto[T]) settle(value T) T {
	if !a.known {
		*a = auto[T]{value: value, known: true, settled: true}
	}
	return a.value
}

// fallBack returns the value given by the user, or else value, which config.yaml
// then shows as the default that it is.
func (a *auto[T]) fallBack(value T) T {
	if !a.known {
		*a = auto[T]{value: value, known: true}
	}
	return a.value
}

// listOf reads values with commas between them.
func listOf[T any](of reader[T]) reader[[]T] {
	of.want += ", or a list of such with commas between them"
	return reader[[]T]{
		kind: of.kind,
		want: of.want,
		read: func(s string) (list []T, ok bool) {
			for part := range strings.SplitSeq(s, ",") {
				x, ok := of.read(part)
				if !ok {
					return nil, false
				}
				list = append(list, x)
			}
			return list, true
		},
		show: func(list []T) string {
			shown := make([]string, len(list))
			for i, x := range list {
				shown[i] = of.show(x)
			}
			return strings.Join(shown, ",")
		},
		choices: of.choices,
	}
}

// orAuto turns a reader of T into one that accepts "auto" as well.
func orAuto[T any](of reader[T]) reader[auto[T]] {
	return reader[auto[T]]{
		kind: of.kind,
		want: of.want,
		why:  of.why,
		read: func(s string) (auto[T], bool) {
			if s == "auto" {
				return auto[T]{}, true
			}
			x, ok := of.read(s)
			return auto[T]{value: x, known: ok}, ok
		},
		show: func(a auto[T]) string {
			if !a.known {
				return "auto"
			}
			return of.show(a.value)
		},
		choices: of.choices,
	}
}

// A value binds a reader to the field it fills; it is a pflag.Value. The error
// of Set says only what would have been right: the caller knows the flag.
type value[T any] struct {
	field *T
	reader[T]
}

func bind[T any](field *T, r reader[T]) value[T] { return value[T]{field, r} }

func (v value[T]) Set(s string) error {
	x, ok := v.read(s)
	switch {
	case ok:
	case v.why != nil:
		return errors.New(v.why(s))
	default:
		return errors.New(v.want)
	}
	*v.field = x
	return nil
}

func (v value[T]) String() string  { return v.show(*v.field) }
func (v value[T]) Type() string    { return v.kind }
func (v value[T]) words() []string { return v.choices }

// fromRecipe reports whether the value came from settle.
func (v value[T]) fromRecipe() bool {
	a, ok := any(v.field).(interface{ isSettled() bool })
	return ok && a.isSettled()
}

func (a *auto[T]) isSettled() bool { return a.settled }

// A listed value may be a list for the command bench; all others take one. The
// field has the first of the list, and the list is empty where there is one.
type listed[T any] struct {
	value[T]
	list *[]T
}

func bindList[T any](field *T, list *[]T, r reader[T]) listed[T] {
	return listed[T]{bind(field, r), list}
}

func (v listed[T]) Set(s string) error {
	list, ok := listOf(v.reader).read(s)
	if !ok {
		return errors.New(v.want)
	}
	if *v.field = list[0]; len(list) == 1 {
		list = nil
	}
	*v.list = list
	return nil
}

func (v listed[T]) String() string {
	if v.many() {
		return listOf(v.reader).show(*v.list)
	}
	return v.value.String()
}

// many reports whether there is more than one value.
func (v listed[T]) many() bool { return len(*v.list) > 1 }

// A level counts how often its flag stands on the command line.
type level struct{ field *int }

const highestLevel = 3

func (l level) Set(s string) error {
	n, err := strconv.Atoi(s)
	if s == "+1" {
		n = min(*l.field+1, highestLevel)
	}
	if err != nil || n < 0 || n > highestLevel {
		return fmt.Errorf("a whole number from 0 to %d", highestLevel)
	}
	*l.field = n
	return nil
}

func (l level) String() string { return strconv.Itoa(*l.field) }
func (l level) Type() string   { return "count" }
