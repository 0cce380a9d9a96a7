//go:build noasm

package train

const assembly = " noasm"
