#!/usr/bin/env bash
# The same seed gives the same model file, byte for byte, whatever number of
# processors Go may use: three runs each with 1, 2 and 8.
set -euo pipefail
cd "$(dirname "$0")/.."
imgcls=${IMGCLS:-build/imgcls}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
for procs in 1 2 8; do
	for run in 1 2 3; do
		GOMAXPROCS=$procs "$imgcls" -device cpu train digits --epochs 2 --output "$out" --name "p$procs-$run" --quiet
	done
done
sha256sum "$out"/p*/model.safetensors | sed "s#$out/##"
[ "$(sha256sum "$out"/p*/model.safetensors | cut -d' ' -f1 | sort -u | wc -l)" = 1 ] || {
	echo "the files differ" >&2
	exit 1
}
