#!/usr/bin/env bash
# What arm64 must do, run on this processor by qemu: the tests of the packages that
# hold assembly or promise equal bits, and then a training run, whose model file
# must be that of this processor, byte for byte (so this processor needs assembly of
# its own: amd64 with AVX2, or arm64).
#
# qemu is 10 to 100 times slower than a processor. Left out are the device's other
# tests than its conformance, which are about threads, and training's other tests
# than those of its bits and against PyTorch, which are about the loop.
set -euo pipefail
cd "$(dirname "$0")/.."
go=${GO:-go}
qemu=$(command -v qemu-aarch64-static || command -v qemu-aarch64) || {
	echo "arm64: there is no qemu-aarch64; on Debian: apt-get install qemu-user-static" >&2
	exit 1
}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
export CGO_ENABLED=0

check() { # package, tests to run
	GOARCH=arm64 $go test -c -o "$out/test" "./internal/$1"
	(cd "internal/$1" && "$qemu" "$out/test" -test.short -test.run "$2" -test.v >"$out/log" 2>&1) || {
		cat "$out/log"
		echo "arm64: internal/$1 fails" >&2
		exit 1
	}
	local passed
	passed=$(grep -c '^ *--- PASS' "$out/log") || {
		echo "arm64: internal/$1 has no test that $2 names" >&2
		exit 1
	}
	echo "internal/$1: $passed tests pass"
}

for package in elementary rng kernels/cpu kernels/cpu/tile kernels/cpu/vec; do
	check $package .
done
check device/cpu 'TestConformance/neon'
check train 'TestGoldenBits|TestHundredStepsOnTheCPU|TestLogitsOfATrainedModel'

$go build -o "$out/here" ./cmd/imgcls
GOARCH=arm64 $go build -o "$out/arm64" ./cmd/imgcls
for run in "digits --epochs 1" "digits --model resnet20 --img-size 8 --batch-size 8 --max-steps 2"; do
	for place in here arm64; do
		rm -rf "$out/$place-run"
		$([ $place = here ] || echo "$qemu") "$out/$place" -device cpu train $run --quiet --output "$out/$place-run" --name model >"$out/log"
	done
	cmp "$out/here-run/model/model.safetensors" "$out/arm64-run/model/model.safetensors" || {
		echo "arm64: the model file of $run is not that of this processor" >&2
		exit 1
	}
	echo "train $run: the same model file"
done
