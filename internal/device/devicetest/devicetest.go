// Package devicetest is the conformance suite of devices: what passes it may
// run any model. It compares a device with the reference, package device/ref,
// and needs nothing of a device but its interface.
//
// A case is one operation with the shapes and types of its inputs and how they
// are drawn; each family of operations has a file of them. From a case the
// suite derives everything else:
//
//   - the results are near the reference's, within a bound that follows from the
//     precision of the type (bound.go), on inputs rounded to that type first;
//   - not one byte of the arena changes but the results (arena.go);
//   - results depend neither on what memory held before nor on chance: a second
//     run, a second program and a twin of the device give the same bits;
//   - an output that nobody reads may be left out without changing the others;
//   - a NaN or an infinity in an input shows where the reference shows it, and
//     nowhere else, or at most in the places beside it of 3×3 convolutions that may be
//     computed in patches;
//   - a shut gate leaves every cell as it was, bit for bit, and an output of what
//     it shuts is 0;
//   - a device that computes in half precision does all that in it (half.go);
//   - a sample's row of a forward operation has the same bits in a batch of any
//     size;
//   - what the planner fuses, it fuses, and the results are those of the nodes one
//     by one (fuse.go).
//
// Besides, whole programs are tried: writing, feeding and reading (program.go),
// and the training steps of a small network (network.go).
//
// Inputs are drawn from a fixed seed, which failures name. They are not zero
// unless a case asks for it, because a device is free to leave out a product
// with zero, which only NaN and infinity could tell.
package devicetest

import (
	"os"
	"slices"
	"strings"
	"testing"

	"imgcls/internal/device"
)

// seed is the seed of every drawing.
const seed = 1

// Run checks that dev is a device. The twins, such as the same processor with
// another number of threads, must give the same bits.
func Run(t *testing.T, dev device.Device, twins ...device.Device) {
	cases := slices.Concat(convCases(), poolCases(), avgPoolCases(), actCases(), matMulCases(), addCases, batchNormCases(), dropoutCases(), xentCases, gatherCases, augmentCases(), stepCases, muonCases, fusionCases())
	if h, ok := dev.(device.Halver); ok {
		for _, typ := range h.Precisions() {
			cases = append(cases, halfCases(typ)...)
		}
	}
	for _, c := range cases {
		t.Run(c.family()+"/"+c.name, func(t *testing.T) { c.check(t, dev, twins) })
	}
	for _, c := range programChecks {
		t.Run("Program/"+c.name, func(t *testing.T) { c.check(t, dev) })
	}
	t.Run("Network", func(t *testing.T) { checkNetwork(t, dev, twins) })
}

// Require ends a test that cannot run because this machine lacks the named
// feature ("cuda", "avx512"). The test is skipped, unless the environment
// variable IMGCLS_REQUIRE, a list of names with commas between them, has the
// feature: then it fails, so that a machine bought for it never skips in
// silence.
func Require(t testing.TB, name string) {
	t.Helper()
	if slices.Contains(strings.Split(os.Getenv("IMGCLS_REQUIRE"), ","), name) {
		t.Fatalf("no %s here, and IMGCLS_REQUIRE asks for it", name)
	}
	t.Skipf("no %s here", name)
}
