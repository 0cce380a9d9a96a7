package fetch

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"imgcls/internal/fault"
	"imgcls/internal/fsys"
)

var (
	errSlow    = errors.New("slow")
	errStalled = errors.New("no bytes came for a while")
	errCut     = errors.New("the connection ended early")
)

// A getter brings one file into its part.
type getter struct {
	file    File
	opt     Options
	limits  *limits
	client  *http.Client
	sources []*source
	part    *fsys.Log
	most    int64 // the longest the part has been
	next    time.Time
}

// download fills the file at path to f's size. An empty part is not kept.
func download(ctx context.Context, f File, path string, sources []*source, opt Options) (err error) {
	part, err := fsys.Append(path)
	if err != nil {
		return err
	}
	defer func() {
		empty := part.Size() == 0
		if c := part.Close(); err == nil {
			err = c
		}
		if empty {
			fsys.Remove(path)
		}
	}()
	if part.Size() > f.Size {
		if err := part.Reset(); err != nil {
			return err
		}
	}
	transport := opt.transport
	if transport == nil {
		own := newTransport(opt.limits)
		defer own.CloseIdleConnections()
		transport = own
	}
	g := &getter{
		file: f, opt: opt, limits: opt.limits, sources: sources, part: part, most: part.Size(),
		client: &http.Client{Transport: transport, CheckRedirect: redirects(sources)},
	}
	if err := g.fill(ctx); err != nil {
		return err
	}
	return part.Sync()
}

func newTransport(l *limits) *http.Transport {
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: l.connect}).DialContext,
		TLSHandshakeTimeout:   l.connect,
		ResponseHeaderTimeout: l.header,
		DisableCompression:    true,
		ForceAttemptHTTP2:     true,
	}
}

// fill asks one source after the other until the part is full.
func (g *getter) fill(ctx context.Context) error {
	for g.part.Size() < g.file.Size {
		s, patient := choose(g.sources)
		if s == nil {
			return g.failure()
		}
		err := g.attempt(ctx, s, patient)
		var room *fault.Error
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return fault.New(fault.Download, "download", g.file.Name, g.kept(), "interrupted at %s: %w", g.state(), ctx.Err())
		case errors.As(err, &room):
			return room
		default:
			g.judge(ctx, s, patient, err)
		}
	}
	return nil
}

// judge decides what a failed attempt means for its source. Bytes beyond all
// that came before clear its record, so that any number of cuts is survived
// and an answer that starts over each time is not asked for ever.
func (g *getter) judge(ctx context.Context, s *source, patient bool, err error) {
	var no refusal
	s.tries++
	if g.part.Size() > g.most {
		g.most, s.tries = g.part.Size(), 0
	}
	switch {
	case errors.As(err, &no):
		s.gone = no
	case errors.Is(err, errSlow):
		s.giveWay(s.rate)
		g.opt.Warn(fmt.Sprintf("%s is slow (%.0f kB/s)", s.url.Redacted(), s.rate/1e3))
	case !s.brought && unreachable(err), s.tries >= g.limits.tries:
		s.gone = err
	case errors.Is(err, errStalled) && !patient:
		s.giveWay(0)
	default:
		select {
		case <-ctx.Done():
		case <-time.After(g.limits.pause):
		}
	}
}

// unreachable tells whether err came before there was a connection.
func unreachable(err error) bool {
	var op *net.OpError
	var name *net.DNSError
	return errors.As(err, &name) || errors.As(err, &op) && (op.Op == "dial" || op.Op == "proxyconnect")
}

// attempt asks the source once and takes in what it sends, until the part is
// full or an error ends it. A patient attempt goes on however slow it is.
func (g *getter) attempt(ctx context.Context, s *source, patient bool) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stalled := time.AfterFunc(g.limits.stall, func() { cancel(errStalled) })
	defer stalled.Stop()
	err := g.exchange(ctx, s, patient, stalled)
	if err != nil && errors.Is(context.Cause(ctx), errStalled) {
		return errStalled
	}
	return err
}

func (g *getter) exchange(ctx context.Context, s *source, patient bool, stalled *time.Timer) error {
	answer, err := g.ask(ctx, s)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	body := bufio.NewReaderSize(answer.Body, 1<<16)
	if err := g.accept(answer, body, s); err != nil {
		return err
	}
	if s.since.IsZero() {
		s.since = time.Now()
	}
	buf := make([]byte, 1<<16)
	for {
		left := g.file.Size - g.part.Size()
		if left == 0 {
			g.report(s, true)
			return nil
		}
		n, err := body.Read(buf[:min(left, int64(len(buf)))])
		if n > 0 {
			stalled.Reset(g.limits.stall)
			if _, err := g.part.Write(buf[:n]); err != nil {
				return err
			}
			s.brought = true
			tooSlow := s.measure(n, time.Now(), g.limits)
			g.report(s, false)
			if tooSlow && !patient && n < int(left) {
				return errSlow
			}
			continue
		}
		if err == io.EOF {
			return errCut
		}
		if err != nil {
			return err
		}
	}
}

// ask sends the request for what is missing.
func (g *getter) ask(ctx context.Context, s *source) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url.String(), nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("User-Agent", "imgcls")
	if have := g.part.Size(); have > 0 {
		request.Header.Set("Range", fmt.Sprintf("bytes=%d-", have))
		if s.etag != "" {
			request.Header.Set("If-Range", s.etag)
		}
	}
	return g.client.Do(request)
}

// accept looks at the head of an answer, refuses what cannot be the file, and
// empties the part where the answer starts over. Body holds the answer's body.
func (g *getter) accept(answer *http.Response, body *bufio.Reader, s *source) error {
	have := g.part.Size()
	switch code := answer.StatusCode; {
	case code == http.StatusOK:
		if isPage(answer.Header.Get("Content-Type"), body) {
			return refusal("answers with a web page in place of the file (a network that wants a login does so)")
		}
		if n := answer.ContentLength; n >= 0 && n != g.file.Size {
			return refusal(fmt.Sprintf("offers %d bytes, the file has %d", n, g.file.Size))
		}
		if err := g.part.Reset(); err != nil {
			return err
		}
	case code == http.StatusPartialContent:
		if err := g.acceptRange(answer.Header.Get("Content-Range"), have); err != nil {
			return err
		}
	case code == http.StatusRequestedRangeNotSatisfiable:
		return refusal(fmt.Sprintf("has nothing after byte %d of %d", have, g.file.Size))
	case code == http.StatusTooManyRequests, code == http.StatusRequestTimeout, code >= 500:
		return fmt.Errorf("answers %s", answer.Status)
	default:
		return refusal("answers " + answer.Status)
	}
	s.etag = answer.Header.Get("ETag")
	if strings.HasPrefix(s.etag, "W/") { // a weak one may not be sent with a range
		s.etag = ""
	}
	return nil
}

func (g *getter) acceptRange(given string, have int64) error {
	var from, to int64
	var total string
	if _, err := fmt.Sscanf(given, "bytes %d-%d/%s", &from, &to, &total); err != nil || have == 0 || from != have ||
		total != "*" && total != fmt.Sprint(g.file.Size) {
		return refusal(fmt.Sprintf("answers with range %q, asked for %d-%d/%d", given, have, g.file.Size-1, g.file.Size))
	}
	return nil
}

// isPage tells whether an answer is HTML, by what it says or by how it begins.
func isPage(contentType string, body *bufio.Reader) bool {
	kind, _, _ := mime.ParseMediaType(contentType)
	head, _ := body.Peek(512)
	return kind == "text/html" || strings.HasPrefix(http.DetectContentType(head), "text/html")
}

func (g *getter) report(s *source, last bool) {
	now := time.Now()
	if g.opt.Progress == nil || !last && now.Before(g.next) {
		return
	}
	g.next = now.Add(g.limits.report)
	g.opt.Progress(Progress{Done: g.part.Size(), Total: g.file.Size, Rate: s.rate, URL: s.url.Redacted()})
}

// failure is the error when no source is left.
func (g *getter) failure() error {
	var why []string
	if g.part.Size() > 0 {
		why = append(why, g.state())
	}
	for _, s := range g.sources {
		why = append(why, s.url.Redacted()+": "+reason(s.gone))
	}
	return fault.New(fault.Download, "download", g.file.Name, g.kept(), "%s", strings.Join(why, "; "))
}

// state reads "124.5 of 162.2 MB", in units of 2^20 bytes.
func (g *getter) state() string {
	const unit = 1 << 20
	return fmt.Sprintf("%.1f of %.1f MB", float64(g.part.Size())/unit, float64(g.file.Size)/unit)
}

func (g *getter) kept() string {
	if g.part.Size() > 0 {
		return g.file.Name + ".part kept, the next call goes on"
	}
	return "check the network, name another address with --mirror, or bring the file by other means"
}

// reason is err without the method and the address that net/http puts before it.
func reason(err error) string {
	var request *url.Error
	if errors.As(err, &request) {
		return request.Err.Error()
	}
	return err.Error()
}
