#include "stream.h"

#include <algorithm>

namespace standin {

std::vector<Stream *> streams;
std::vector<Event *> events;
bool hung;

Stream *standard_stream() {
  static Stream *s = new Stream{true};
  return s;
}

bool known(const Stream *s) { return std::find(streams.begin(), streams.end(), s) != streams.end(); }
bool known(const Event *e) { return std::find(events.begin(), events.end(), e) != events.end(); }

void issue(Stream *s, Task task) {
  if (s->capture) {
    s->capture->tasks.push_back(std::move(task));
    return;
  }
  s->queue.push_back(std::move(task));
  s->issued++;
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
  uint64_t seed;
  if (shuffled(&seed)) {
    static uint64_t turn = 0;
    Random r{seed + turn++};
    for (size_t i = order.size(); i > 1; i--) std::swap(order[i - 1], order[r.below(i)]);
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

} // namespace standin
