//go:build !linux

package cpu

// largePages does nothing: other systems choose pages themselves.
func largePages([]byte) {}
