package fetch

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"imgcls/internal/fault"
)

// A source is one address of the file and what is known of it.
type source struct {
	url     *url.URL
	etag    string // of the answer whose bytes are in the part, "" if none was given
	brought bool   // it has delivered bytes
	tries   int    // answers in a row that brought nothing
	slow    bool   // it gave way to others
	rate    float64
	gone    error // why it is not asked any more

	since time.Time // when the window over which it is measured began
	bytes int64     // that came in the window
}

// sourcesOf lists the addresses of f in the order in which to try them.
func sourcesOf(f File, mirror string) ([]*source, error) {
	var list []*source
	if mirror != "" {
		u, err := url.Parse(mirror)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return nil, fault.New(fault.Usage, "--mirror", mirror, "give an address that begins with https:// or http://",
				"not the address of a mirror")
		}
		if !strings.HasSuffix(u.Path, "/"+f.Name) {
			u = u.JoinPath(f.Name)
		}
		list = append(list, &source{url: u})
	}
	for _, text := range f.URLs {
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "https" {
			return nil, fmt.Errorf("address %q of %s is not https", text, f.Name)
		}
		list = append(list, &source{url: u})
	}
	return list, nil
}

// choose returns the source to ask now: the first that has not given way, else
// the fastest, which then is not measured any more; nil where all are gone.
func choose(sources []*source) (s *source, patient bool) {
	for _, c := range sources {
		switch {
		case c.gone != nil:
		case !c.slow:
			return c, false
		case s == nil || c.rate > s.rate:
			s = c
		}
	}
	return s, true
}

// measure counts n bytes and tells whether a window has ended in which the
// source was too slow.
func (s *source) measure(n int, now time.Time, l *limits) (tooSlow bool) {
	s.bytes += int64(n)
	passed := now.Sub(s.since)
	if passed > 0 {
		s.rate = float64(s.bytes) / passed.Seconds()
	}
	if passed < l.window {
		return false
	}
	s.since, s.bytes = now, 0
	return s.rate < l.slow
}

// giveWay puts the source behind those that were not yet slow, in the order of
// their rates, and ends its window.
func (s *source) giveWay(rate float64) {
	s.slow, s.rate, s.since, s.bytes = true, rate, time.Time{}, 0
}

// A refusal is the reason why a source is not asked again.
type refusal string

func (r refusal) Error() string { return string(r) }

// mostRedirects is how many hops an answer may take.
const mostRedirects = 5

// redirects allows hops by https within a host and among the hosts of the
// sources; a mirror of plain http may send on within itself.
func redirects(sources []*source) func(*http.Request, []*http.Request) error {
	return func(next *http.Request, past []*http.Request) error {
		first := past[0].URL
		known := slices.ContainsFunc(sources, func(s *source) bool {
			return strings.EqualFold(s.url.Host, next.URL.Host)
		})
		switch to := fault.Quote(next.URL.Redacted()); {
		case next.URL.Scheme != "https" && (next.URL.Scheme != first.Scheme || !strings.EqualFold(next.URL.Host, first.Host)):
			return refusal("redirects to " + to + ", which is not https: not followed")
		case !known:
			return refusal("redirects to " + to + ", a foreign host: not followed")
		case len(past) > mostRedirects:
			return refusal("redirects more than 5 times")
		}
		return nil
	}
}
