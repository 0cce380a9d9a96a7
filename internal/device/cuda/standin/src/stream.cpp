#include "stream.h"

#include "fail.h"
#include "result.h"

#include <unistd.h>

#include <numeric>

namespace standin {

std::vector<Stream *> streams;
std::vector<Event *> events;
std::vector<Graph *> graphs;
std::vector<Exec *> execs;
bool hung;

Stream *standard_stream() {
  static Stream *s = new Stream{true};
  return s;
}

// some_order is that of calls, or another one where STANDIN_SHUFFLE asks for it.
static Random *some_order() {
  static Random r{0};
  static const bool shuffle = shuffled(&r.state);
  return shuffle ? &r : nullptr;
}

int put(Stream *s, Task task) {
  if (Capture *c = s->capture.get()) {
    if (c->broken) return CAPTURE_INVALIDATED;
    c->graph.nodes.push_back({std::move(task), s->last});
    s->last = {(int)c->graph.nodes.size() - 1};
    return SUCCESS;
  }
  if (s == standard_stream()) {
    if (const int refused = refuse_legacy()) return refused;
    if (const int failed = drain_all(false)) return settle(failed);
    return settle(task());
  }
  if (s->blocking) { // what was put on the standard stream comes before it
    if (const int failed = drain(standard_stream())) return settle(failed);
  }
  s->queue.push_back(std::move(task));
  s->issued++;
  return SUCCESS;
}

int put_legacy(Task task) {
  if (const int failed = drain_all(false)) return settle(failed);
  Stream *s = standard_stream();
  s->queue.push_back(std::move(task));
  s->issued++;
  return SUCCESS;
}

int drain(Stream *s, uint64_t until) {
  int first = 0;
  while (s->done < until && !s->queue.empty() && !hung) {
    Task task = std::move(s->queue.front());
    s->queue.pop_front();
    s->done++;
    const int result = task();
    if (!first) first = result;
  }
  return first;
}

int drain(Stream *s) { return drain(s, s->issued); }

int drain_all(bool non_blocking_too) {
  std::vector<Stream *> order = streams;
  if (Random *r = some_order()) {
    for (size_t i = order.size(); i > 1; i--) std::swap(order[i - 1], order[r->below(i)]);
  }
  order.push_back(standard_stream());
  int first = 0;
  for (Stream *s : order) {
    if (!s->blocking && !non_blocking_too) continue;
    const int result = drain(s);
    if (!first) first = result;
  }
  return first;
}

int finish(Call &call, bool non_blocking_too) {
  const int failed = drain_all(non_blocking_too);
  hang(call);
  return settle(failed);
}

void hang(Call &call) {
  if (!hung) return;
  call.lock.unlock();
  for (;;) pause();
}

// ---- graphs ----

int run(const Graph &g) {
  const int n = g.nodes.size();
  std::vector<int> missing(n), ready;
  std::vector<std::vector<int>> before(n);
  for (int i = 0; i < n; i++) {
    missing[i] = g.nodes[i].after.size();
    if (!missing[i]) ready.push_back(i);
    for (int a : g.nodes[i].after) before[a].push_back(i);
  }
  Random *r = some_order();
  while (!ready.empty() && !hung) {
    // Without a shuffle the node that was captured first.
    const auto next = r ? ready.begin() + r->below(ready.size()) : std::min_element(ready.begin(), ready.end());
    const int i = *next;
    ready.erase(next);
    if (const int failed = g.nodes[i].task()) return failed;
    for (int b : before[i]) {
      if (!--missing[b]) ready.push_back(b);
    }
  }
  return SUCCESS;
}

void begin_capture(Stream *s, int mode) {
  auto c = std::make_shared<Capture>();
  c->origin = s;
  c->thread = std::this_thread::get_id();
  c->mode = mode;
  join(s, c, {});
}

void end_capture(Capture &c) {
  c.ended = true;
  const std::vector<Stream *> all = std::move(c.streams);
  for (Stream *s : all) {
    s->last.clear();
    s->capture = nullptr;
  }
}

bool joined(const Capture &c) {
  std::vector<bool> reached(c.graph.nodes.size());
  for (int i : c.origin->last) reached[i] = true;
  for (int i = reached.size(); i-- > 0;) {
    for (int a : c.graph.nodes[i].after) reached[a] = reached[a] || reached[i];
  }
  return std::accumulate(reached.begin(), reached.end(), (size_t)0) == reached.size();
}

void join(Stream *s, const std::shared_ptr<Capture> &c, const std::vector<int> &after) {
  if (!s->capture) {
    s->capture = c;
    s->last.clear();
    c->streams.push_back(s);
  }
  for (int i : after) {
    if (std::find(s->last.begin(), s->last.end(), i) == s->last.end()) s->last.push_back(i);
  }
}

// ---- what a capture does not allow ----

template <class F> static int refuse(int code, F concerned) {
  int result = SUCCESS;
  for (Stream *s : streams) {
    if (!s->capture || !concerned(*s)) continue;
    s->capture->broken = true;
    result = code;
  }
  return result;
}

int refuse_unsafe() {
  const auto self = std::this_thread::get_id();
  return refuse(CAPTURE_UNSUPPORTED, [=](const Stream &s) {
    return s.capture->mode == 0 || (s.capture->mode == 1 && s.capture->thread == self);
  });
}

int refuse_legacy() {
  return refuse(CAPTURE_IMPLICIT, [](const Stream &s) { return s.blocking; });
}

int refuse_all() {
  return refuse(CAPTURE_UNSUPPORTED, [](const Stream &) { return true; });
}

} // namespace standin
