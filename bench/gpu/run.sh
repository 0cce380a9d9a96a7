#!/usr/bin/env bash
# What `make gpu-kit` packs, run on a machine with a GPU: is it right, is it the same
# every time, how fast is it. Each step has its own time limit, and none stops the
# others. The summary comes last; results.json has all of it, and OUT a log of each step.
#
#	run.sh [OUT [STEPS]]    STEPS is a regular expression of steps, all by default; what
#	                        OUT holds of the others stays in the results
#	KERNELS=… MODELS=…      regular expressions of the rows of these steps
#	QUICK=1                 small sizes, as on the stand-in driver, which IMGCLS_LIBCUDA names
set -u
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$here/out}
steps=${2:-.}
mkdir -p "$out/steps"
out=$(cd "$out" && pwd)
python=${PYTHON:-python3}
[ -z "${IMGCLS_LIBCUDA:-}" ] || QUICK=1
quick=${QUICK:+--quick}
export PYTHONDONTWRITEBYTECODE=1

step() { # name, seconds, command...
	local name=$1 limit=$2 begun=$SECONDS code verdict file
	[[ $name =~ $steps ]] || return 0
	file=$out/steps/${name// /-}
	shift 2
	echo "== $name"
	timeout --kill-after=5 "$limit" "$@" > "$file.log" 2>&1
	code=$?
	case $code in
	0) verdict=ok ;;
	3) verdict="not here" ;; # what it needs is not on this machine
	124 | 137) verdict="ran past" ;;
	*) verdict="FAILED" ;;
	esac
	printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$name" "$verdict" "$code" "$((SECONDS - begun))" "$limit" "$(tail -1 "$file.log" | tr -s '\t' ' ' | cut -c1-160)" > "$file.step"
}

# tests runs those of a test binary of the folder that match. A test that was skipped has
# shown nothing, so it fails: IMGCLS_REQUIRE makes a failure of finding neither a GPU nor
# the stand-in, and what is skipped all the same counts as one.
tests() { # folder, binary, pattern
	local log=$out/steps/tests-$2.txt code passed skipped
	cd "$1" || exit 1
	IMGCLS_REQUIRE=standin "./$2" -test.v -test.run "$3" > "$log" 2>&1
	code=$?
	cat "$log"
	passed=$(grep -c '^ *--- PASS' "$log")
	skipped=$(grep -c '^ *--- SKIP' "$log")
	echo "$passed tests passed, $(grep -c '^ *--- FAIL' "$log") failed, $skipped were skipped$(sed -nE 's/^ +[a-z_]+_test\.go:[0-9]+: (no [^;]*).*/: \1/p' "$log" | head -1)"
	[ $code = 0 ] || exit $code
	[ "$passed" -gt 0 ] && [ "$skipped" = 0 ] || exit 1
}

# families names those that the step conformance went through.
families() { sed -nE 's|^=== RUN +TestConformance/([^/]+).*|\1|p' "$out/steps/conformance.log" 2> /dev/null | sort -u; }

# sanitize runs the conformance suite, whose sizes are odd, under a tool of
# compute-sanitizer: every family that the step before went through, a process each. As
# that takes long, a family has FAMILY_LIMIT seconds; one that runs past is counted as
# such, and the step has as long as all families have together.
#
# A program has all its memory on the GPU in one piece, which is filled with zeros at
# first. So memcheck finds what is outside of it, misaligned, or outside of shared memory,
# and not a step from one tensor into the next; initcheck finds what of shared memory
# was not written, and nothing of tensors. These two the conformance suite looks for
# itself, on every device: it compares all bytes of the arena before and after, and runs
# again on memory that holds something else. racecheck and synccheck miss nothing by it.
sanitize() {
	command -v compute-sanitizer > /dev/null || { echo "no compute-sanitizer here"; exit 3; }
	local all family code clean=0 late="" bad=""
	all=$(families)
	[ -n "$all" ] || { echo "the step conformance has named no families"; exit 1; }
	for family in $all; do
		timeout --kill-after=5 "$FAMILY_LIMIT" compute-sanitizer --tool "$1" --error-exitcode 9 "$here/cuda.test" -test.run "Conformance/^$family\$" > "$out/steps/sanitizer-$1-$family.txt" 2>&1
		code=$?
		tail -3 "$out/steps/sanitizer-$1-$family.txt" | sed "s/^/$family: /"
		case $code in
		0) clean=$((clean + 1)) ;;
		124 | 137) late+=" $family" ;;
		*) bad+=" $family" ;;
		esac
	done
	echo "$1: $clean of $(wc -w <<< "$all") families clean${late:+, ran past their $FAMILY_LIMIT s:$late}${bad:+, ERRORS:$bad}"
	[ -z "$bad" ] || exit 1
	[ -z "$late" ] || exit 124
}

# same trains twice, and a third time with a kill and --resume, and wants one file.
same() {
	local p=$1 dir=$out/same-$1 data="digits --epochs 30"
	[ -z "${QUICK:-}" ] || data="shapes --samples 60 --batch-size 16 --epochs 2" # the stand-in is slow
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

# speed measures imgcls alone, each model in each precision.
speed() {
	"$here/imgcls" bench --device cuda --model "$("$here/imgcls" models --format json | sed -nE 's/^ *"name": "(.*)",/\1/p' | paste -sd,)" \
		--precision fp32,bf16 --format json > "$out/imgcls.json" && echo "$(grep -c '"model"' "$out/imgcls.json") rows"
}

export -f tests families sanitize same speed
export here out python QUICK FAMILY_LIMIT=${FAMILY_LIMIT:-60}

"$here/imgcls" doctor | head -12
"$here/imgcls" doctor --format json > "$out/doctor.json" 2> /dev/null
step "conformance" 600 bash -c 'tests "$here" cuda.test Conformance'
[ -n "${QUICK:-}" ] || export IMGCLS_SLOW=models # the large models too
step "golden steps" 300 bash -c 'tests "$here/train" train.test "(Steps|Logits|Augmented)OnTheGPU"'
step "training steps" 600 bash -c 'tests "$here/train" train.test ModelsOnTheGPU'
for tool in memcheck racecheck initcheck synccheck; do
	step "sanitizer $tool" $(((FAMILY_LIMIT + 6) * ($(families | wc -l) + 1))) bash -c "sanitize $tool"
done
for p in fp32 bf16 fp16; do
	step "same bits $p" 120 bash -c "same $p"
done
step "kernels" 960 "$python" "$here/kernels.py" "$here/imgcls" "$out/kernels.json" --limit 900 --only "${KERNELS:-}" $quick
step "models" 1860 "$python" "$here/models.py" "$here/imgcls" "$out/models.json" --limit 1800 --only "${MODELS:-}" $quick
[ -n "$quick" ] || step "imgcls speed" 300 bash -c speed
echo
"$python" "$here/results.py" "$out" "$here/commit"
