package cpu

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"unsafe"
)

// What is allocated lies on large pages where the system gives them to who asks.
func TestLargePages(t *testing.T) {
	const policy = "/sys/kernel/mm/transparent_hugepage/enabled"
	if text, err := os.ReadFile(policy); err != nil || strings.Contains(string(text), "[never]") {
		t.Skipf("%s: %s %v", policy, text, err)
	}
	room, err := allocate(8<<20, 0)
	if err != nil {
		t.Fatal(err)
	}
	maps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Skip(err)
	}
	middle := uintptr(unsafe.Pointer(&room[len(room)/2]))
	header := regexp.MustCompile(`(?m)^([0-9a-f]+)-([0-9a-f]+) `)
	places := header.FindAllSubmatchIndex(maps, -1)
	for i, at := range places {
		var lo, hi uintptr
		fmt.Sscanf(string(maps[at[0]:at[1]]), "%x-%x", &lo, &hi)
		if middle < lo || middle >= hi {
			continue
		}
		end := len(maps)
		if i+1 < len(places) {
			end = places[i+1][0]
		}
		flags := regexp.MustCompile(`(?m)^VmFlags:.*`).FindString(string(maps[at[0]:end]))
		if !strings.Contains(flags, " hg") {
			t.Errorf("the middle of 8 MiB is not advised: %q", flags)
		}
		return
	}
	t.Error("the room is in no mapping")
}
