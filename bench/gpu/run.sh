#!/usr/bin/env bash
# What `make gpu-kit` packs, run on a machine with a GPU: is it right, is it the same
# every time, how fast is it. Each step has its own time limit, and none stops the
# others. The summary comes last; results.txt and *.json have all of it.
#
#	run.sh [OUT]     IMGCLS_LIBCUDA=… runs it on the stand-in driver instead
set -u
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$here/out}
mkdir -p "$out"
out=$(cd "$out" && pwd)
summary=$out/results.txt
python=${PYTHON:-python3}
: > "$summary"

step() { # name, seconds, command...
	local name=$1 limit=$2 begun=$SECONDS code
	shift 2
	echo "== $name"
	timeout --kill-after=5 "$limit" "$@" > "$out/${name// /-}.log" 2>&1
	code=$?
	case $code in
	0) verdict=ok ;;
	3) verdict="not here" ;; # what it needs is not on this machine
	124 | 137) verdict="ran past $limit s" ;;
	*) verdict="FAILED ($code)" ;;
	esac
	printf '%-28s %-16s %4d s  %s\n' "$name" "$verdict" $((SECONDS - begun)) "$(tail -1 "$out/${name// /-}.log" | cut -c1-90)" | tee -a "$summary"
}

# sanitize runs the conformance suite, whose sizes are odd, under a tool of
# compute-sanitizer.
sanitize() {
	command -v compute-sanitizer > /dev/null || { echo "no compute-sanitizer"; exit 3; }
	compute-sanitizer --tool "$1" --error-exitcode 9 "$here/cuda.test" -test.run 'Conformance/(Conv|MatMul|MaxPool|BatchNorm|SoftmaxXent|SGD|Network)'
}

# same trains twice, and a third time with a kill and --resume, and wants one file.
same() {
	local p=$1 dir=$out/same-$1 data="digits --epochs 30"
	[ -z "${IMGCLS_LIBCUDA:-}" ] || data="shapes --samples 60 --batch-size 16 --epochs 2" # the stand-in is slow
	rm -rf "$dir"
	local train=("$here/imgcls" train $data --device cuda --precision "$p" --quiet --save-every 2it --output)
	"${train[@]}" "$dir/one" > /dev/null && "${train[@]}" "$dir/two" > /dev/null || exit 1
	"${train[@]}" "$dir/three" > /dev/null &
	local run=$!
	until compgen -G "$dir/three/latest/checkpoints/*.safetensors" > /dev/null; do
		kill -0 $run 2> /dev/null || { echo "the run ended before it saved"; exit 1; }
	done
	kill -9 $run
	wait 2> /dev/null
	grep -q '"status": *"done"' "$dir/three/latest/run.json" && { echo "the run had ended before it was killed"; exit 1; }
	"${train[@]}" "$dir/three" --resume > /dev/null || exit 1
	sha256sum "$dir"/{one,two,three}/latest/model.safetensors
	[ "$(sha256sum "$dir"/{one,two,three}/latest/model.safetensors | cut -d' ' -f1 | sort -u | wc -l)" = 1 ] && echo "$p: one file of three runs"
}

export -f sanitize same
export here out python

"$here/imgcls" doctor | tee "$out/doctor.txt" | head -12
"$here/imgcls" doctor --format json > "$out/doctor.json" 2> /dev/null
step "conformance" 300 "$here/cuda.test" -test.run Conformance
step "golden steps" 120 bash -c 'cd "$here/train" && ./train.test -test.run GPU'
for tool in memcheck racecheck initcheck synccheck; do
	step "sanitizer $tool" 120 bash -c "sanitize $tool"
done
for p in fp32 bf16 fp16; do
	step "same bits $p" 120 bash -c "same $p"
done
step "imgcls speed" 180 bash -c '"$here/imgcls" bench --device cuda --batch-size 4,128 --precision fp32,bf16 --format json > "$out/imgcls.json" && "$python" "$here/table.py" "$out/imgcls.json"'
step "pytorch speed" 300 "$python" "$here/pytorch.py" "$out/pytorch.json"
echo
cat "$summary"
! grep -q FAILED "$summary"
