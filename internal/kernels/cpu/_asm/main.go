// Command _asm writes the assembly of the CPU's kernels; run it with go generate
// in the package above.
package main

import (
	"bytes"
	"cmp"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"regexp"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/printer"
)

// An output is the assembly of one package and, where stubs names a file, the Go
// declarations of its functions.
type output struct {
	asm, stubs string
	kernels    func(*build.Context)
	avx2       bool // and nothing beyond
}

func main() {
	log.SetFlags(0)
	for _, o := range []output{
		{"../tile/tile_amd64.s", "", tileKernels, false},
		{"../vec/vec_amd64.s", "../vec/stubs_amd64.go", vecKernels, true},
		{"../vec/avx512_amd64.s", "../vec/stubs_avx512_amd64.go", avx512Kernels, false},
	} {
		if err := o.write(); err != nil {
			build.LogError(log.Default(), err, 0)
			log.Fatalf("%s is as it was", o.asm)
		}
	}
	asm, stubs := neonVecKernels()
	if err := cmp.Or(
		save("../tile/tile_arm64.s", []byte(neonKernels())),
		save("../vec/vec_arm64.s", []byte(asm)),
		save("../vec/stubs_arm64.go", []byte(stubs)),
	); err != nil {
		log.Fatal(err)
	}
}

// evexRegister matches the vector registers that only AVX-512 names. Avo hands them
// out when the others are in use.
var evexRegister = regexp.MustCompile(`\b[XY](1[6-9]|[23][0-9])\b`)

func (o output) write() error {
	ctx := build.NewContext()
	ctx.ConstraintExpr("!noasm")
	o.kernels(ctx)
	file, err := ctx.Result()
	if err != nil {
		return err
	}
	if err := pass.Compile.Execute(file); err != nil {
		return err
	}
	config := printer.Config{
		Name: "imgcls/internal/kernels/cpu/_asm",
		Argv: []string{"go", "generate"},
		Pkg:  filepath.Base(filepath.Dir(o.asm)),
	}
	text, err := printer.NewGoAsm(config).Print(file)
	if err != nil {
		return err
	}
	if beyond := evexRegister.Find(text); o.avx2 && beyond != nil {
		return fmt.Errorf("a function wants more registers than AVX2 has: it uses %s", beyond)
	}
	stubs, err := printer.NewStubs(config).Print(file)
	if err != nil {
		return err
	}
	return cmp.Or(save(o.asm, text), save(o.stubs, stubs))
}

func save(name string, text []byte) error {
	if name == "" {
		return nil
	}
	return os.WriteFile(name, bytes.TrimLeft(text, "\n"), 0o644)
}
