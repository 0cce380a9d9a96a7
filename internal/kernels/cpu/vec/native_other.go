//go:build !amd64 || noasm

package vec

func native() []*set { return nil }
