package train

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// An Interval is how often a run is saved: after so many epochs, steps, or so
// long a time. One of the fields is above 0.
type Interval struct {
	Epochs, Steps int
	Time          time.Duration
}

// ParseInterval reads "1epoch", "2epochs", "500it" or a duration such as "5m".
func ParseInterval(s string) (i Interval, ok bool) {
	for _, unit := range []struct {
		name string
		n    *int
	}{{"epochs", &i.Epochs}, {"epoch", &i.Epochs}, {"it", &i.Steps}} {
		if number, found := strings.CutSuffix(s, unit.name); found {
			n, err := strconv.Atoi(number)
			*unit.n = n
			return i, err == nil && 0 < n && n <= 1_000_000_000
		}
	}
	d, err := time.ParseDuration(s)
	return Interval{Time: d}, err == nil && d >= time.Second && d <= 10_000*time.Hour
}

// String returns the interval in the form that ParseInterval reads.
func (i Interval) String() string {
	switch {
	case i.Epochs == 1:
		return "1epoch"
	case i.Epochs > 0:
		return fmt.Sprintf("%depochs", i.Epochs)
	case i.Steps > 0:
		return fmt.Sprintf("%dit", i.Steps)
	}
	return i.Time.String()
}

// due reports whether a run at p, last saved at that time, is to be saved: in
// mid-epoch, or else behind an epoch.
func (i Interval) due(p Place, saved time.Time) bool {
	switch {
	case i.Steps > 0:
		return p.Step%i.Steps == 0
	case i.Time > 0:
		return time.Since(saved) >= i.Time
	}
	return p.Done == 0 && i.Epochs > 0 && (p.Epoch-1)%i.Epochs == 0
}
