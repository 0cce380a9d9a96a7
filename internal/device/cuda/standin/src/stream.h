// Streams, events and graphs. Work is queued and done only when something waits
// for it, so that a wait that was forgotten shows.
#pragma once
#include "block.h"

#include <algorithm>
#include <deque>
#include <functional>
#include <memory>
#include <thread>

namespace standin {

// A Task is one piece of work of a stream or graph. It returns a CUresult.
typedef std::function<int()> Task;

struct Node {
  Task task;
  std::vector<int> after; // nodes that have ended before
};

// A Graph's nodes stand in the order of the calls, which is one that they allow.
struct Graph {
  std::vector<Node> nodes;
};

struct Exec {
  Graph graph;
};

struct Stream;

// A Capture is a graph in the making.
struct Capture {
  Graph graph;
  Stream *origin;
  std::vector<Stream *> streams; // that take part, origin first
  std::thread::id thread;        // that began it
  int mode;                      // 0 global, 1 thread-local, 2 relaxed
  bool broken = false;           // by a call that it does not allow
  bool ended = false;
};

struct Stream {
  bool blocking;            // legacy calls wait for it
  std::deque<Task> queue;
  uint64_t issued = 0, done = 0; // tasks
  std::shared_ptr<Capture> capture;
  std::vector<int> last; // nodes of the capture that its next one comes after
};

// An Event was recorded on a stream, or in a capture, or never.
struct Event {
  bool timed;
  Stream *stream = nullptr;
  uint64_t after = 0; // tasks of the stream
  std::shared_ptr<Capture> capture;
  std::vector<int> last; // nodes of the capture
  double seconds = 0;    // when it was passed
};

// What was made and not destroyed.
extern std::vector<Stream *> streams;
extern std::vector<Event *> events;
extern std::vector<Graph *> graphs;
extern std::vector<Exec *> execs;

template <class T> bool known(const std::vector<T *> &all, const T *one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}
// forget takes one out of the list. Its memory stays, so that no later one has its
// address: a handle that was destroyed is never taken for another.
template <class T> void forget(std::vector<T *> &all, const T *one) {
  all.erase(std::find(all.begin(), all.end(), one));
}

Stream *standard_stream();

// put gives a task to a stream, or to the graph that is captured. The standard
// stream begins when all blocking streams have come to an end, and they wait for it.
int put(Stream *s, Task task);
// put_legacy gives a task to the standard stream, for a call that does not wait for
// it. Streams that do not block may go on before it.
int put_legacy(Task task);
// drain does the tasks of s up to that number; its first error is returned.
int drain(Stream *s, uint64_t until);
int drain(Stream *s);
// drain_all does what the legacy stream waits for: all blocking streams, or all.
int drain_all(bool non_blocking_too);

// run does the work of a graph, in an order that its nodes allow.
int run(const Graph &g);

// begin_capture makes a graph of what s is given from now on.
void begin_capture(Stream *s, int mode);
// end_capture ends it for all of its streams. The graph is left in c.
void end_capture(Capture &c);
// joined reports whether all that was captured has ended where the origin stands.
bool joined(const Capture &c);
// join lets what s is given next in the capture come after those nodes.
void join(Stream *s, const std::shared_ptr<Capture> &c, const std::vector<int> &after);

// What a call may not do while something is captured returns the driver's code, and
// spoils the capture. refuse_unsafe is for calls that a thread may not make while it
// captures, refuse_legacy for those that use the standard stream, and refuse_all for
// those that wait for everything.
int refuse_unsafe();
int refuse_legacy();
int refuse_all();

// finish waits for what a legacy call waits for.
int finish(struct Call &call, bool non_blocking_too);

// hung says that a kernel runs which never ends: STANDIN_HANG names it. Whoever would
// wait for it hangs, and lets other threads call.
extern bool hung;
void hang(struct Call &call);

} // namespace standin

// STREAM is the stream of a handle, of which null is the standard one.
#define STREAM(s, handle)                                                                            \
  standin::Stream *s = handle ? (standin::Stream *)handle : standin::standard_stream();              \
  if (handle && !standin::known(standin::streams, s)) return INVALID_HANDLE;
