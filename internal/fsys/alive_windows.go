package fsys

import "os"

// alive reports whether a process of that id may be another than this one and
// live.
func alive(pid int) bool {
	p, err := os.FindProcess(pid)
	if err != nil {
		return false
	}
	p.Release()
	return pid != os.Getpid()
}
