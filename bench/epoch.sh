#!/usr/bin/env bash
# Times one epoch of the tutorial's recipe (CIFAR-10, 12,500 steps of 4) in
# imgcls and in PyTorch, turn by turn on the same machine, and prints the median
# seconds of each and their ratio. Seconds are of training alone.
#
#     bench/epoch.sh DIR        DIR is, or holds, cifar-10-batches-bin
#
# From the environment:
#     IMGCLS   the binary (build/imgcls)
#     PYTHON   a Python with bench/requirements.txt installed (python3)
#     RUNS     how many runs of each (5)
#     THREADS  threads of imgcls and of PyTorch as in the tutorial (2)
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
IMGCLS=${IMGCLS:-$root/build/imgcls}
PYTHON=${PYTHON:-python3}
RUNS=${RUNS:-5}
THREADS=${THREADS:-2}

fail() { echo "epoch.sh: $*" >&2; exit 2; }

[ $# -eq 1 ] || fail "usage: bench/epoch.sh DIR (is, or holds, cifar-10-batches-bin)"
data=$1
[ -f "$data/data_batch_1.bin" ] || [ -f "$data/cifar-10-batches-bin/data_batch_1.bin" ] ||
	fail "$data: holds no cifar-10-batches-bin; unpack cifar-10-binary.tar.gz there"
[ -x "$IMGCLS" ] || fail "$IMGCLS: not there; run make build, or set IMGCLS"
[[ $RUNS =~ ^[1-9][0-9]*$ ]] || fail "RUNS is $RUNS, want a number from 1"
"$PYTHON" -c 'import torch' || fail "$PYTHON: cannot import torch; pip install -r bench/requirements.txt"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# Each contender takes a seed and prints the seconds of one epoch.

imgcls() {
	"$IMGCLS" -device cpu train --data "$data" --model cifar-net --epochs 1 --threads "$THREADS" --seed "$1" \
		--output "$scratch" --name "seed$1" --progress none --quiet >"$scratch/log" 2>&1 ||
		{ cat "$scratch/log" >&2; return 1; }
	"$PYTHON" - "$scratch/seed$1/metrics.jsonl" <<'PY'
import json, sys
lines = [json.loads(line) for line in open(sys.argv[1])]
print(*[line["seconds"] for line in lines if line["event"] == "epoch"])
PY
}

pytorch() {
	local seed=$1
	shift
	"$PYTHON" "$root/bench/peers/pytorch_tutorial.py" --data "$data" --epochs 1 --no-eval --seed "$seed" "$@" \
		>"$scratch/line" 2>"$scratch/log" || { cat "$scratch/log" >&2; return 1; }
	"$PYTHON" -c 'import json, sys; print(json.load(sys.stdin)["seconds"])' <"$scratch/line"
}

pytorch_plain() { pytorch "$1" --threads "$THREADS"; }
pytorch_tuned() { pytorch "$1" --threads 1 --channels-last --fused; }

echo "commit   $(git -C "$root" rev-parse --short HEAD 2>/dev/null || echo none)"
echo "machine  $(uname -sm), $(getconf _NPROCESSORS_ONLN) cores, load $(uptime | sed 's/.*load average[s]*: *//')"
echo "imgcls   $THREADS threads"
"$PYTHON" -c 'import torch; print("pytorch ", torch.__version__)'
echo "plain    the tutorial's code, data in memory, $THREADS threads"
echo "tuned    channels last, fused SGD, 1 thread: PyTorch's fastest at batch 4"

for run in $(seq "$RUNS"); do
	for contender in imgcls pytorch_plain pytorch_tuned; do
		seconds=$("$contender" "$run")
		echo "$contender $seconds" >>"$scratch/seconds"
		printf 'run %d  %-14s %6.2f s\n' "$run" "$contender" "$seconds"
	done
done

"$PYTHON" - "$scratch/seconds" <<'PY'
import collections, statistics, sys

seconds = collections.defaultdict(list)
for line in open(sys.argv[1]):
    contender, value = line.split()
    seconds[contender].append(float(value))
ours = statistics.median(seconds["imgcls"])
print("\n| one epoch | median s | least–most | imgcls ÷ this |\n|---|---|---|---|")
for contender, values in seconds.items():
    median = statistics.median(values)
    print(f"| {contender} | {median:.2f} | {min(values):.2f}–{max(values):.2f} | {ours / median:.2f} |")
PY
