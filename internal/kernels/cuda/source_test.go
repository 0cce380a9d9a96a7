package cuda_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A source is one kernel as it stands in a file. Kernels that do the same for several
// types share a header, which stands above the first; title is their name there.
type source struct {
	file, name, title, header string
}

var kernelPattern = regexp.MustCompile(`((?:(?://.*)?\n)*)extern "C" __global__ void\s+(?:__launch_bounds__\(\d+(?:, \d+)?\)\s+)?(\w+)\(`)

// titlePattern finds what a header calls its kernels.
var titlePattern = regexp.MustCompile(`(?m)^// (\w+): `)

// products are the files whose kernels are made by macros, several below one header.
var products = map[string]bool{"tile.cuh": true, "gemm.cuh": true, "matmul.cuh": true, "conv.cuh": true}

// kernels returns all kernels of this folder but those of products.
func kernels(t *testing.T) []source {
	t.Helper()
	files, err := filepath.Glob("*.cuh")
	if err != nil {
		t.Fatal(err)
	}
	var found []source
	for _, file := range files {
		if products[file] {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		matches := kernelPattern.FindAllStringSubmatch(string(text), -1)
		if all := strings.Count(string(text), "__global__"); all != len(matches) {
			t.Errorf("%s: %d kernels, of which %d can be read", file, all, len(matches))
		}
		var title, header string
		for _, m := range matches {
			if strings.TrimSpace(m[1]) != "" {
				title, header = "", m[1]
				if name := titlePattern.FindStringSubmatch(header); name != nil {
					title = name[1]
				}
			}
			found = append(found, source{file, m[2], title, header})
		}
	}
	if len(found) == 0 {
		t.Fatal("no kernels here")
	}
	return found
}

// anyType makes a pattern of a title: T, X and Y stand for types.
var anyType = strings.NewReplacer("_X_Y", "_(f32|bf16|f16)_(f32|bf16|f16)", "_T", "_(f32|bf16|f16)")

// TestHeaders checks that each kernel says above it what it must, in order, and
// that the table of contents has it.
func TestHeaders(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "kernels.cu"))
	if err != nil {
		t.Fatal(err)
	}
	contents := string(text)
	for _, k := range kernels(t) {
		if stands := regexp.MustCompile("^" + anyType.Replace(k.title) + "$"); k.title == "" || !stands.MatchString(k.name) {
			t.Errorf("%s: %s stands below the header of %q", k.file, k.name, k.title)
		}
		rest := k.header
		for _, part := range []string{
			"// " + k.title + ": ",
			"// Work     ",
			"// Shared   ",
			"  Registers  ",
			"// Traffic  ",
			"// Bound    ",
			"// Exact    ",
		} {
			_, after, ok := strings.Cut(rest, part)
			if !ok {
				t.Errorf("%s: %s: header lacks %q, or has it elsewhere", k.file, k.name, part)
				break
			}
			rest = after
		}
		line := regexp.MustCompile(`(?m)^//   ` + regexp.QuoteMeta(k.file) + ` (.*\n//  {10,})*.*\b` + k.title + `\b`)
		if !line.MatchString(contents) {
			t.Errorf("kernels.cu: the table of contents has no %s in %s", k.name, k.file)
		}
		if !strings.Contains(contents, `#include "internal/kernels/cuda/`+k.file+`"`) {
			t.Errorf("kernels.cu: does not include %s", k.file)
		}
	}
}
