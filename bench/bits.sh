#!/usr/bin/env bash
# The same seed gives the same model file, byte for byte, whatever number of
# processors Go may use: runs each with 1, 2 and 8.
set -euo pipefail
cd "$(dirname "$0")/.."
imgcls=${IMGCLS:-build/imgcls}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

same() { # what it is of, arguments of train
	local of=$1 procs run
	shift
	for procs in 1 2 8; do
		for run in $RUNS; do
			GOMAXPROCS=$procs "$imgcls" -device cpu train "$@" --output "$out/$of" --name "p$procs-$run" --quiet >/dev/null
		done
	done
	sha256sum "$out/$of"/p*/model.safetensors | sed "s#$out/##"
	[ "$(sha256sum "$out/$of"/p*/model.safetensors | cut -d' ' -f1 | sort -u | wc -l)" = 1 ] || {
		echo "the files differ" >&2
		exit 1
	}
}

RUNS="1 2 3" same cifar-net digits --epochs 2
RUNS="1" same resnet20 digits --model resnet20 --max-steps 3
# Filters that are cut in strips, and moments beside them.
RUNS="1" same resnet18 shapes --samples 40 --model resnet18 --img-size 32 --batch-size 16 --max-steps 2
