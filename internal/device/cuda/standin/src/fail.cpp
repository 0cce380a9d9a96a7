#include "fail.h"

#include "memory.h"
#include "module.h"
#include "stream.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <map>
#include <sstream>

namespace standin {

static std::recursive_mutex all;
static int lost;     // the code that lost the context
static long calls;
static std::map<std::string, long> of_name;

struct Fault {
  std::string name; // of a call or kernel; empty: any call
  bool kernel = false;
  long nth = 0;
  int code = 0;
};

// whole reads a number that is all of text and at least 1.
static long whole(const std::string &text) {
  char *end;
  const long n = strtol(text.c_str(), &end, 10);
  if (text.empty() || *end || n < 1) stop("STANDIN_FAIL: \"" + text + "\" is not a number");
  return n;
}

static Fault read_fault(const std::string &text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos) stop("STANDIN_FAIL: \"" + text + "\" has no code");
  Fault f;
  f.code = whole(text.substr(colon + 1));
  f.name = text.substr(0, colon);
  if (f.name.rfind("kernel:", 0) == 0) {
    f.kernel = true;
    f.name.erase(0, 7);
  } else if (const size_t hash = f.name.find('#'); hash != std::string::npos) {
    f.nth = whole(f.name.substr(hash + 1));
    f.name.resize(hash);
  } else {
    f.nth = whole(f.name);
    f.name.clear();
  }
  return f;
}

static const std::vector<Fault> &faults() {
  static const std::vector<Fault> all = [] {
    std::vector<Fault> all;
    const char *text = getenv("STANDIN_FAIL");
    std::stringstream list(text ? text : "");
    for (std::string one; std::getline(list, one, ',');) all.push_back(read_fault(one));
    return all;
  }();
  return all;
}

bool loses_context(int code) {
  return code == 214 || code == 220 || code == 226 || code == 700 || code == 702 || code == 709 || code == 710 ||
         (code >= 714 && code <= 719) || code == 721 || code == 911 || code == 999;
}

int settle(int code) {
  if (code && loses_context(code) && !lost) lost = code;
  return code;
}

int kernel_fault(const char *kernel) {
  for (const Fault &f : faults()) {
    if (f.kernel && f.name == kernel) return settle(f.code);
  }
  return 0;
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
    if (file < 0) return;
    char text[160];
    write(text, snprintf(text, sizeof text, "held memory=%-4d pinned=%-4d streams=%-4d events=%-4d graphs=%-4d modules=%-4d\n",
                         memory_held(false), memory_held(true), (int)streams.size(), (int)events.size(),
                         (int)(graphs.size() + execs.size()), (int)modules.size()));
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
  for (const Fault &f : faults()) {
    if (!f.kernel && f.nth == (f.name.empty() ? calls : nth) && (f.name.empty() || f.name == name)) {
      injected = settle(f.code);
      return;
    }
  }
}

Call::~Call() { log().held(); }

} // namespace standin
