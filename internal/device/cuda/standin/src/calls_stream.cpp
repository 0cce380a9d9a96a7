// The driver's calls for streams, events and graphs.

#include "call.h"
#include "stream.h"

#include <time.h>

using namespace standin;

static const unsigned non_blocking = 1, disable_timing = 2; // flags

#define EVENT(e) if (!known(events, e)) return INVALID_HANDLE;

// captured returns the code for waiting for an event that stands in a capture,
// which that spoils; 0 for other events.
static int captured(Event *e) {
  if (!e->capture) return SUCCESS;
  e->capture->broken = true;
  return CAPTURED_EVENT;
}

// ---- streams ----

CALL(CONTEXT, cuStreamCreate, Stream **s, unsigned flags) *s = streams.emplace_back(new Stream{!(flags & non_blocking)}); return SUCCESS; END
CALL(CONTEXT, cuStreamCreateWithPriority, Stream **s, unsigned flags, int)
  *s = streams.emplace_back(new Stream{!(flags & non_blocking)});
  return SUCCESS;
END
CALL(CONTEXT, cuStreamDestroy_v2, void *handle)
  STREAM(s, handle)
  if (!handle) return INVALID_HANDLE;
  if (s->capture) s->capture->broken = true;
  const int failed = drain(s);
  forget(streams, s);
  return settle(failed);
END
CALL(CONTEXT, cuStreamSynchronize, void *handle)
  STREAM(s, handle)
  if (s->capture) return s->capture->broken = true, CAPTURE_UNSUPPORTED;
  if (const int refused = refuse_unsafe()) return refused;
  if (!handle) return finish(call, false);
  const int failed = drain(s);
  hang(call);
  return settle(failed);
END
CALL(CONTEXT, cuStreamQuery, void *handle)
  STREAM(s, handle)
  if (s->capture) return s->capture->broken = true, CAPTURE_UNSUPPORTED;
  if (const int refused = refuse_unsafe()) return refused;
  if (s->done == s->issued) return SUCCESS;
  if (const int failed = drain(s, s->done + 1)) return settle(failed);
  return NOT_READY;
END
CALL(CONTEXT, cuCtxSynchronize)
  if (const int refused = refuse_all()) return refused;
  return finish(call, true);
END
CALL(CONTEXT, cuStreamWaitEvent, void *handle, Event *e, unsigned)
  STREAM(s, handle)
  EVENT(e)
  if (const auto c = e->capture) {
    if (c->ended) return CAPTURED_EVENT;
    if (c->broken) return CAPTURE_INVALIDATED;
    if (!handle) return c->broken = true, CAPTURE_IMPLICIT;
    if (s->capture && s->capture != c) return s->capture->broken = c->broken = true, CAPTURE_MERGE;
    join(s, c, e->last);
    return SUCCESS;
  }
  if (s->capture) return s->capture->broken = true, CAPTURE_ISOLATION;
  Stream *other = e->stream;
  const uint64_t after = e->after;
  if (!other) return SUCCESS;
  return put(s, [=] { return drain(other, after); });
END

// ---- events ----

CALL(CONTEXT, cuEventCreate, Event **e, unsigned flags) *e = events.emplace_back(new Event{!(flags & disable_timing)}); return SUCCESS; END
CALL(CONTEXT, cuEventDestroy_v2, Event *e) EVENT(e) forget(events, e); return SUCCESS; END

static double now() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + 1e-9 * t.tv_nsec;
}
CALL(CONTEXT, cuEventRecord, Event *e, void *handle)
  STREAM(s, handle)
  EVENT(e)
  if (s->capture) {
    if (s->capture->broken) return CAPTURE_INVALIDATED;
    e->capture = s->capture;
    e->last = s->last;
    return SUCCESS;
  }
  if (const int failed = put(s, [=] { return e->seconds = now(), (int)SUCCESS; })) return failed;
  e->capture = nullptr;
  e->stream = s;
  e->after = s->issued;
  return SUCCESS;
END
CALL(CONTEXT, cuEventSynchronize, Event *e)
  EVENT(e)
  if (const int refused = captured(e)) return refused;
  if (const int refused = refuse_unsafe()) return refused;
  const int failed = e->stream ? drain(e->stream, e->after) : SUCCESS;
  hang(call);
  return settle(failed);
END
CALL(CONTEXT, cuEventQuery, Event *e)
  EVENT(e)
  if (const int refused = captured(e)) return refused;
  if (const int refused = refuse_unsafe()) return refused;
  if (!e->stream || e->stream->done >= e->after) return SUCCESS;
  if (const int failed = drain(e->stream, e->stream->done + 1)) return settle(failed);
  return e->stream->done >= e->after && !hung ? SUCCESS : NOT_READY;
END
CALL(CONTEXT, cuEventElapsedTime_v2, float *ms, Event *a, Event *b)
  EVENT(a)
  EVENT(b)
  for (Event *e : {a, b}) {
    if (const int refused = captured(e)) return refused;
    if (!e->timed || !e->stream) return INVALID_HANDLE;
    if (e->stream->done < e->after) return NOT_READY;
  }
  *ms = 1e3 * (b->seconds - a->seconds);
  return SUCCESS;
END

// ---- graphs ----

CALL(CONTEXT, cuStreamBeginCapture_v2, void *handle, int mode)
  STREAM(s, handle)
  if (mode < 0 || mode > 2) return INVALID_VALUE;
  if (!handle) return CAPTURE_UNSUPPORTED;
  if (s->capture) return ILLEGAL_STATE;
  begin_capture(s, mode);
  return SUCCESS;
END

// end returns the code that a capture ends with, and leaves the graph in *g.
static int end(Stream *s, Graph **g) {
  *g = nullptr;
  const std::shared_ptr<Capture> c = s->capture;
  if (!c) return ILLEGAL_STATE;
  if (c->origin != s) return c->broken = true, CAPTURE_UNMATCHED;
  if (c->mode != 2 && c->thread != std::this_thread::get_id()) return c->broken = true, CAPTURE_WRONG_THREAD;
  const bool whole = joined(*c);
  end_capture(*c);
  if (c->broken) return CAPTURE_INVALIDATED;
  if (!whole) return CAPTURE_UNJOINED;
  *g = graphs.emplace_back(new Graph(std::move(c->graph)));
  return SUCCESS;
}
extern "C" int cuStreamEndCapture(void *handle, Graph **g) {
  Call call("cuStreamEndCapture");
  if (const int lacking = lacks(CONTEXT)) return lacking;
  STREAM(s, handle)
  if (call.injected && s->capture) end_capture(*s->capture); // it has ended the capture all the same
  return call.injected ? call.injected : end(s, g);
}

CALL(CONTEXT, cuGraphInstantiateWithFlags, Exec **x, Graph *g, unsigned long long)
  if (!known(graphs, g)) return INVALID_HANDLE;
  *x = execs.emplace_back(new Exec{*g});
  return SUCCESS;
END
CALL(CONTEXT, cuGraphDestroy, Graph *g)
  if (!known(graphs, g)) return INVALID_HANDLE;
  forget(graphs, g);
  g->nodes.clear();
  return SUCCESS;
END
CALL(CONTEXT, cuGraphExecDestroy, Exec *x)
  if (!known(execs, x)) return INVALID_HANDLE;
  forget(execs, x); // launches under way still have it
  return SUCCESS;
END
CALL(CONTEXT, cuGraphLaunch, Exec *x, void *handle)
  STREAM(s, handle)
  if (!known(execs, x)) return INVALID_HANDLE;
  return put(s, [=] { return run(x->graph); });
END
