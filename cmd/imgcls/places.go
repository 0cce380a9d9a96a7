package main

import (
	"bytes"
	"os"
	"os/user"
	"path/filepath"
)

// defaultDataDir is /data where that is a mount, as in a container, else
// imgcls in the user's cache folder. Without HOME the user's entry in the
// system's list of users is asked, and at last the current folder is taken.
func defaultDataDir() string {
	if isMount("/data") {
		return "/data"
	}
	if cache, err := os.UserCacheDir(); err == nil {
		return filepath.Join(cache, "imgcls")
	}
	if u, err := user.Current(); err == nil && filepath.IsAbs(u.HomeDir) {
		return filepath.Join(u.HomeDir, ".cache", "imgcls")
	}
	return "imgcls-data"
}

// defaultOutput is /runs where that is a mount, else runs.
func defaultOutput() string {
	if isMount("/runs") {
		return "/runs"
	}
	return "runs"
}

// isMount reports whether path is a mount point of Linux; elsewhere there is no
// such list and none is. The fifth field of a line is the mount point (proc(5)).
func isMount(path string) bool {
	list, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return false
	}
	for line := range bytes.Lines(list) {
		if fields := bytes.Fields(line); len(fields) > 4 && string(fields[4]) == path {
			return true
		}
	}
	return false
}
