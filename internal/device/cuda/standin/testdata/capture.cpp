// Streams, events and graphs: what is captured, and what a capture does not allow.

#include "scenario.h"

#include <thread>

static CUstream s, other;
static CUdeviceptr y;

static void begin(int mode = 1) {
  s = stream(), other = stream(), y = room(128);
  MUST(launch("fill", 32, s, y, 1.f));
  MUST(cuStreamSynchronize(s));
  MUST(cuStreamBeginCapture_v2(s, mode));
  CODE("launch", launch("fill", 32, s, y, 2.f));
}
static void end() {
  CUgraph g;
  const int code = cuStreamEndCapture(s, &g);
  printf("end %d%s\n", code, code && g ? ", and a graph" : "");
}

#define FORBIDDEN(name, call)                              \
  static Scenario name(#name, [] {                         \
    CUevent e = event();                                   \
    MUST(cuEventRecord(e, nullptr));                       \
    begin();                                               \
    CODE("call", call);                                    \
    CODE("launch", launch("fill", 32, s, y, 2.f));         \
    end();                                                 \
    CODE("launch", launch("fill", 32, s, y, 3.f));         \
    CODE("synchronize", cuStreamSynchronize(s));           \
    (void)e;                                               \
  });
#define GIVEN(setting, call) ([&] { MUST(setting); return call; }())

static void *host;
static CUgraph graph;
FORBIDDEN(capture_synchronize, cuStreamSynchronize(s))
FORBIDDEN(capture_query, cuStreamQuery(s))
FORBIDDEN(capture_synchronize_all, cuCtxSynchronize())
FORBIDDEN(capture_alloc, cuMemAlloc_v2(&y, 4))
FORBIDDEN(capture_free, cuMemFree_v2(y))
FORBIDDEN(capture_alloc_host, cuMemAllocHost_v2(&host, 4))
FORBIDDEN(capture_copy, cuMemcpyHtoD_v2(y, &host, 4))
FORBIDDEN(capture_event_query, GIVEN(cuEventRecord(e, s), cuEventQuery(e)))
FORBIDDEN(capture_event_synchronize, GIVEN(cuEventRecord(e, s), cuEventSynchronize(e)))
FORBIDDEN(capture_other_event_query, cuEventQuery(e))
FORBIDDEN(capture_wait_outside, cuStreamWaitEvent(s, e, 0))
FORBIDDEN(capture_end_elsewhere, GIVEN((cuEventRecord(e, s), cuStreamWaitEvent(other, e, 0)), cuStreamEndCapture(other, &graph)))
FORBIDDEN(capture_end_in_thread, ([] { int code; std::thread([&] { cuCtxSetCurrent((CUcontext)1); code = cuStreamEndCapture(s, &graph); }).join(); return code; }()))

// What is allowed, and ends well.
FORBIDDEN(capture_allows_launches_elsewhere, launch("fill", 32, other, y, 2.f))
FORBIDDEN(capture_allows_alloc_in_thread, ([] { int code; CUdeviceptr p; std::thread([&] { cuCtxSetCurrent((CUcontext)1); code = cuMemAlloc_v2(&p, 4); }).join(); return code; }()))
FORBIDDEN(capture_not_begun, cuStreamEndCapture(other, &graph))

static Scenario global("capture_global_alloc_in_thread", [] {
  begin(0);
  std::thread([] {
    MUST(cuCtxSetCurrent((CUcontext)1));
    CUdeviceptr p;
    CODE("alloc", cuMemAlloc_v2(&p, 4));
  }).join();
  end();
});
static Scenario twice("capture_begun_twice", [] {
  begin();
  CODE("begin", cuStreamBeginCapture_v2(s, 1));
  CODE("begin on the standard stream", cuStreamBeginCapture_v2(nullptr, 1));
  end();
});
static Scenario legacy("capture_of_a_blocking_stream", [] {
  begin();
  end();
  MUST(cuStreamCreate(&s, 0));
  MUST(cuStreamBeginCapture_v2(s, 1));
  CODE("launch", launch("fill", 32, nullptr, y, 2.f));
  end();
});

// Work is forked to another stream. It ends before s goes on, if it is joined.
static void forked(bool join) {
  CUevent fork = event(), joined = event();
  begin();
  MUST(cuEventRecord(fork, s));
  MUST(cuStreamWaitEvent(other, fork, 0));
  MUST(launch("fill", 32, other, y, 5.f));
  MUST(cuEventRecord(joined, other));
  if (join) MUST(cuStreamWaitEvent(s, joined, 0));
  end();
  CODE("launch on the other stream", launch("fill", 32, other, y, 7.f));
  CODE("wait for an event of the capture", cuStreamWaitEvent(other, joined, 0));
  CODE("query it", cuEventQuery(joined));
  CODE("synchronize", cuStreamSynchronize(other));
  show(y, 2);
}
static Scenario unjoined("capture_unjoined", [] { forked(false); });
static Scenario joined("capture_joined", [] { forked(true); });

static Scenario merged("capture_merged", [] {
  begin();
  MUST(cuStreamBeginCapture_v2(other, 1));
  CUevent e = event();
  MUST(cuEventRecord(e, other));
  CODE("wait", cuStreamWaitEvent(s, e, 0));
  end();
  CODE("end of the other", cuStreamEndCapture(other, &graph));
});

// y = (x + 1)·2 + x·3, the sums on two streams, and x += y. Without `wait` the last
// sum may come before the product that it needs.
static void replay(bool wait) {
  const auto a = stream(), b = stream();
  const auto x = room(128), one = room(128), left = room(128), right = room(128);
  CUevent fork = event(), join = event();
  MUST(launch("fill", 32, a, x, 1.f));
  MUST(launch("fill", 32, a, one, 1.f));
  MUST(launch("fill", 32, a, right, 0.f));
  MUST(cuStreamSynchronize(a));
  MUST(cuStreamBeginCapture_v2(a, 1));
  MUST(cuEventRecord(fork, a));
  MUST(cuStreamWaitEvent(b, fork, 0));
  MUST(launch("scale", 32, b, right, x, 3.f));
  MUST(launch("scale", 32, a, left, x, 1.f));
  MUST(launch("add", 32, a, left, one));
  MUST(launch("scale", 32, a, left, left, 2.f));
  MUST(cuEventRecord(join, b));
  if (wait) MUST(cuStreamWaitEvent(a, join, 0));
  MUST(launch("add", 32, a, left, right));
  if (!wait) MUST(cuStreamWaitEvent(a, join, 0));
  MUST(launch("add", 32, a, x, left));
  CUgraph g;
  CUgraphExec exec;
  MUST(cuStreamEndCapture(a, &g));
  MUST(cuGraphInstantiateWithFlags(&exec, g, 0));
  MUST(cuGraphDestroy(g));
  show(x, 1);
  for (int i = 0; i < 2; i++) {
    MUST(cuGraphLaunch(exec, a));
    show(x, 1);
  }
  MUST(cuGraphExecDestroy(exec));
  CODE("launch of a destroyed graph", cuGraphLaunch(exec, a));
}
static Scenario replayed("graph_replayed", [] { replay(true); });
static Scenario unordered("graph_without_order", [] { replay(false); });

// Work on two streams that nothing orders, and that an event orders.
static void produced(bool wait) {
  const auto a = stream(), b = stream();
  const auto x = room(128), y = room(128);
  CUevent e = event();
  MUST(launch("fill", 32, a, x, 1.f));
  MUST(cuEventRecord(e, a));
  if (wait) MUST(cuStreamWaitEvent(b, e, 0));
  MUST(launch("scale", 32, b, y, x, 2.f));
  MUST(cuStreamSynchronize(b));
  show(y, 1);
}
static Scenario ordered("streams_ordered", [] { produced(true); });
static Scenario loose("streams_unordered", [] { produced(false); });
