#include "fail.h"

#include "memory.h"
#include "stream.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <map>

namespace standin {

int modules_held, graphs_held; // calls.cpp counts them

static std::recursive_mutex all;
static int lost;     // the code that lost the context
static long calls;
static std::map<std::string, long> of_name;

struct Plan {
  std::string name; // of a call or kernel; empty: any call
  bool kernel = false;
  long nth = 0;
  int code = 0;
};

static const Plan &plan() {
  static const Plan p = [] {
    Plan p;
    const char *text = getenv("STANDIN_FAIL");
    if (!text || !*text) return p;
    std::string s = text;
    const size_t colon = s.rfind(':');
    if (colon == std::string::npos) return p;
    p.code = atoi(s.c_str() + colon + 1);
    s.resize(colon);
    if (s.rfind("kernel:", 0) == 0) {
      p.kernel = true;
      p.name = s.substr(7);
    } else if (const size_t hash = s.find('#'); hash != std::string::npos) {
      p.nth = atol(s.c_str() + hash + 1);
      p.name = s.substr(0, hash);
    } else {
      p.nth = atol(s.c_str());
    }
    return p;
  }();
  return p;
}

bool loses_context(int code) {
  return code == 214 || code == 220 || code == 700 || code == 702 || code == 709 || code == 710 ||
         (code >= 714 && code <= 719) || code == 911 || code == 999;
}

int settle(int code) {
  if (code && loses_context(code) && !lost) lost = code;
  return code;
}

int kernel_fault(const char *kernel) {
  const Plan &p = plan();
  return p.kernel && p.name == kernel ? settle(p.code) : 0;
}

// A Log is the file that STANDIN_LOG names: a line for each call, and behind them
// one that says what was not given back. That is written anew after each call,
// since a program may end without a word to its libraries.
struct Log {
  int file = -1;
  off_t end = 0; // of the calls
  Log() {
    const char *path = getenv("STANDIN_LOG");
    if (path && *path) file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  }
  int write(const char *text, int n) { return file >= 0 && pwrite(file, text, n, end) == n ? n : 0; }
  void call(const char *name) {
    char text[160];
    end += write(text, snprintf(text, sizeof text, "%ld %s\n", calls, name));
  }
  void held() {
    char text[160];
    write(text, snprintf(text, sizeof text, "held memory=%-4d pinned=%-4d streams=%-4d events=%-4d graphs=%-4d modules=%-4d\n",
                         memory_held(false), memory_held(true), (int)streams.size(), (int)events.size(), graphs_held, modules_held));
  }
};

static Log &log() {
  static Log l;
  return l;
}

Call::Call(const char *name) : lock(all) {
  calls++;
  const long nth = ++of_name[name];
  log().call(name);
  injected = lost;
  if (lost) return;
  const Plan &p = plan();
  if (p.code && !p.kernel && (p.name.empty() ? calls == p.nth : p.name == name && nth == p.nth)) injected = settle(p.code);
}

Call::~Call() { log().held(); }

} // namespace standin
