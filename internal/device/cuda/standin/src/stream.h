// Streams, events and graphs. Work is queued and done only when something waits
// for it, so that a wait that was forgotten shows.
#pragma once
#include "block.h"

#include <deque>
#include <functional>
#include <memory>

namespace standin {

// A Task is one piece of work of a stream or graph. It returns a CUresult.
typedef std::function<int()> Task;

struct Graph {
  std::vector<Task> tasks; // in the order of the calls, which all dependencies follow
  std::vector<struct Stream *> streams; // that are captured
  unsigned long thread;    // that began it
  bool broken = false;
};

struct Stream {
  bool blocking;            // legacy calls wait for it
  std::deque<Task> queue;
  uint64_t issued = 0, done = 0; // tasks
  std::shared_ptr<Graph> capture;
};

struct Event {
  Stream *stream = nullptr;
  uint64_t after = 0; // tasks of the stream
  std::shared_ptr<Graph> capture;
  double seconds = 0; // when it was passed
};

extern std::vector<Stream *> streams;
extern std::vector<Event *> events;

Stream *standard_stream();
bool known(const Stream *s);
bool known(const Event *e);

// issue queues a task, or puts it into the graph that is captured.
void issue(Stream *s, Task task);
// drain does the tasks of s up to that number; its first error is returned.
int drain(Stream *s, uint64_t until);
int drain(Stream *s);
// drain_all does what the legacy stream waits for: all blocking streams, or all.
int drain_all(bool non_blocking_too);

// hang never returns: STANDIN_HANG names a kernel that never ends.
extern bool hung;

} // namespace standin
