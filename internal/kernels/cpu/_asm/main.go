// Command _asm writes the assembly of the CPU's kernels; run it with go generate
// in the package above.
package main

import (
	"bytes"
	"log"
	"os"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/printer"
)

func main() {
	log.SetFlags(0)
	for name, kernels := range map[string]func(*build.Context){
		"../tile/tile_amd64.s": tileKernels,
	} {
		ctx := build.NewContext()
		ctx.ConstraintExpr("!noasm")
		kernels(ctx)
		if err := write(name, ctx); err != nil {
			log.Fatalf("%s: %v", name, err)
		}
	}
}

func write(name string, ctx *build.Context) error {
	file, err := ctx.Result()
	if err != nil {
		return err
	}
	if err := pass.Compile.Execute(file); err != nil {
		return err
	}
	text, err := printer.NewGoAsm(printer.Config{Name: "imgcls/internal/kernels/cpu/_asm", Argv: []string{"go", "generate"}}).Print(file)
	if err != nil {
		return err
	}
	return os.WriteFile(name, bytes.TrimLeft(text, "\n"), 0o644)
}
