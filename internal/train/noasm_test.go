//go:build noasm

package train

const noasm = " noasm"
