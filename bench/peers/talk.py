"""The contender's side of the talk of internal/bench, for peers in Python."""
import json
import sys
import time

LOOK = 0.005  # seconds between two looks at the clock
FIRST = 3  # steps before a work counts as ready
MOST_TIMES = 1 << 18  # runs whose time is kept for percentiles


def repeat(step, images, seconds, one_by_one):
    """Calls step until so many seconds are over; times each where asked."""
    clock = time.perf_counter
    times = []
    steps, at_once = 0, 1
    start = clock()
    elapsed = 0.0
    while elapsed < seconds:
        if one_by_one:
            step()
            steps += 1
            before, elapsed = elapsed, clock() - start
            if len(times) < MOST_TIMES:
                times.append(elapsed - before)
            continue
        for _ in range(at_once):
            step()
        steps += at_once
        elapsed = clock() - start
        at_once = max(1, int(min(LOOK, seconds - elapsed) * steps / elapsed))
    sample = {"steps": steps, "seconds": elapsed, "images": steps * images}
    if times:
        times.sort()
        n = len(times)
        sample["latency"] = [(times[(n - 1) // 2] + times[n // 2]) / 2, times[(99 * n + 99) // 100 - 1]]
    return sample


told = {}  # with "ready"


def tell(**facts):
    """Says more of the work that is being opened: of a network, its parameters and macs."""
    told.update(facts)


def serve(name, version, threads, prepare, device="cpu", timed=repeat):
    """Answers standard input. prepare(work) returns a function to repeat, and timed
    repeats it."""
    out = sys.stdout
    sys.stdout = sys.stderr  # what libraries print is no answer

    def answer(value):
        print(json.dumps(value), file=out, flush=True)

    answer({"name": name, "version": version, "device": device, "threads": threads})
    step, work = None, {}
    for line in sys.stdin:
        verb, _, rest = line.strip().partition(" ")
        try:
            if verb == "open":
                step = None
                told.clear()
                work = json.loads(rest)
                step = prepare(work)
                for _ in range(FIRST):  # compiles, where that is asked for
                    step()
                answer({"ready": True, **told})
            elif verb == "run" and step:
                answer(timed(step, work.get("batch", 0), float(rest), work.get("mode") == "infer"))
            else:
                answer({"error": f"cannot {line.strip()!r} now", "exit": 2})
        except Exception as error:  # the driver decides what a failure means
            answer({"error": f"{type(error).__name__}: {error}"[:500], "exit": 1})
