package main

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
)

// release is set by a release build: -ldflags "-X main.release=1.2.3".
var release string

// version is "imgcls 1.2.3 (abc1234) go1.26 linux/amd64". Without a release it
// is the module's version, and without version control the commit is unknown.
func version() string {
	number, commit := "devel", "commit unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		if v := info.Main.Version; v != "" && v != "(devel)" {
			number = v
		}
		if c := revision(info.Settings); c != "" {
			commit = c
		}
	}
	if release != "" {
		number = release
	}
	return fmt.Sprintf("imgcls %s (%s) %s %s/%s", number, commit, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// revision is the short commit of the build, with "+" where files were changed.
func revision(settings []debug.BuildSetting) (commit string) {
	var changed string
	for _, s := range settings {
		switch {
		case s.Key == "vcs.revision":
			commit = s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = "+"
		}
	}
	if commit == "" {
		return ""
	}
	return commit + changed
}

func runVersion(_ context.Context, s *settings, _ []string) error {
	_, err := fmt.Fprintln(s.out, version())
	return err
}
