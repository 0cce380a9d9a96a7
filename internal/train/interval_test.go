package train

import (
	"testing"
	"time"
)

func TestInterval(t *testing.T) {
	for text, want := range map[string]Interval{
		"1epoch": {Epochs: 1}, "3epochs": {Epochs: 3}, "500it": {Steps: 500}, "5m": {Time: 5 * time.Minute}, "90s": {Time: 90 * time.Second},
	} {
		got, ok := ParseInterval(text)
		again, okAgain := ParseInterval(got.String())
		if !ok || got != want || !okAgain || again != want {
			t.Errorf("%s: %+v, shown as %s", text, got, got)
		}
	}
	for _, text := range []string{"", "epoch", "0epoch", "-1it", "5", "1.5it", "0s", "1ms", "99999999999999999999it", "1 epoch", "1h1epoch"} {
		if got, ok := ParseInterval(text); ok {
			t.Errorf("%q is read as %+v", text, got)
		}
	}
	for _, c := range []struct {
		i    Interval
		p    Place
		ago  time.Duration
		want bool
	}{
		{Interval{Epochs: 2}, Place{Epoch: 3}, 0, true},
		{Interval{Epochs: 2}, Place{Epoch: 2}, 0, false},
		{Interval{Epochs: 1}, Place{Epoch: 3, Done: 1}, 0, false},
		{Interval{Steps: 5}, Place{Step: 10, Epoch: 1, Done: 2}, 0, true},
		{Interval{Steps: 5}, Place{Step: 11}, 0, false},
		{Interval{Time: time.Minute}, Place{Done: 1}, time.Hour, true},
		{Interval{Time: time.Minute}, Place{Done: 1}, time.Second, false},
	} {
		if got := c.i.due(c.p, time.Now().Add(-c.ago)); got != c.want {
			t.Errorf("%s at %+v, %v after the last: due %v", c.i, c.p, c.ago, got)
		}
	}
}
