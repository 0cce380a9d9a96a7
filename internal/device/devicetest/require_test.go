package devicetest

import (
	"fmt"
	"testing"
)

// A recording notes what a test is told instead of ending it.
type recording struct {
	testing.TB
	outcome string
}

func (r *recording) Helper() {}

func (r *recording) Skipf(format string, args ...any) { r.end("skip: " + fmt.Sprintf(format, args...)) }

func (r *recording) Fatalf(format string, args ...any) {
	r.end("fail: " + fmt.Sprintf(format, args...))
}

func (r *recording) end(outcome string) {
	if r.outcome == "" {
		r.outcome = outcome
	}
}

func TestRequire(t *testing.T) {
	for _, c := range []struct{ required, want string }{
		{"", "skip: no cuda here"},
		{"avx512,cuda2", "skip: no cuda here"},
		{"cuda", "fail: no cuda here, and IMGCLS_REQUIRE asks for it"},
		{"avx512,cuda", "fail: no cuda here, and IMGCLS_REQUIRE asks for it"},
	} {
		t.Setenv("IMGCLS_REQUIRE", c.required)
		r := &recording{}
		Require(r, "cuda")
		if r.outcome != c.want {
			t.Errorf("IMGCLS_REQUIRE=%q: %q, want %q", c.required, r.outcome, c.want)
		}
	}
}
