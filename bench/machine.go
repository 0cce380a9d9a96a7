package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/cpu"

	"imgcls/internal/bench"
)

// A machine is what figures were measured on.
type machine struct {
	CPU          string   `json:"cpu"`
	Cores        int      `json:"cores"`
	Instructions []string `json:"instructions"` // those that matter to arithmetic
	System       string   `json:"system"`
	GPUs         []string `json:"gpus,omitempty"` // name and driver, as nvidia-smi has them
}

// gpus asks the driver's tool; where that is not, nobody knows of a GPU.
func gpus() []string {
	out, err := exec.Command("nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader").Output()
	if err != nil {
		return nil
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

func thisMachine() machine {
	m := machine{CPU: bench.Hardware(runtime.GOARCH), Cores: runtime.NumCPU(), System: runtime.GOOS + "/" + runtime.GOARCH, GPUs: gpus()}
	for _, set := range []struct {
		name string
		has  bool
	}{
		{"AVX2", cpu.X86.HasAVX2}, {"FMA", cpu.X86.HasFMA}, {"AVX-512F", cpu.X86.HasAVX512F}, {"AVX-512BF16", cpu.X86.HasAVX512BF16},
		{"AMX", cpu.X86.HasAMXTile}, {"NEON", cpu.ARM64.HasASIMD}, {"SVE", cpu.ARM64.HasSVE},
	} {
		if set.has {
			m.Instructions = append(m.Instructions, set.name)
		}
	}
	return m
}

// A usage is the processor time used so far, in the ticks of proc(5): by all
// processes and by one, and how much time has passed on one core.
type usage struct{ all, one, passed float64 }

// look reads a usage. Where the system does not tell it is zero, and so is what
// others used.
func look(pid int) (u usage) {
	stat, _ := os.ReadFile("/proc/stat")
	line, _, _ := strings.Cut(string(stat), "\n")
	const idle, iowait, guest = 3, 4, 8 // guest and guestNice are within user and nice
	for i, field := range strings.Fields(strings.TrimPrefix(line, "cpu")) {
		ticks, _ := strconv.ParseFloat(field, 64)
		if i < guest {
			u.passed += ticks / float64(runtime.NumCPU())
		}
		if i < guest && i != idle && i != iowait {
			u.all += ticks
		}
	}
	own, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	// After the name, which may hold anything, come the fields from the third on;
	// utime and stime are the 14th and the 15th.
	fields := strings.Fields(string(own[slices.Index(own, ')')+1:]))
	for i := 11; i < min(13, len(fields)); i++ {
		ticks, _ := strconv.ParseFloat(fields[i], 64)
		u.one += ticks
	}
	return u
}

// others returns how much of a core other processes used between two looks.
func (u usage) others(later usage) float64 {
	passed := later.passed - u.passed
	if !(passed > 0) {
		return 0
	}
	return max(0, (later.all-u.all-(later.one-u.one))/passed)
}
