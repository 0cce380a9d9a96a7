package internal

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// ranks orders the packages: one may import only packages of lower rank, and
// its own sub-packages. docs/architecture.md says what each is for. A package
// that is not here fails the test, so a new one gets its rank on purpose.
var ranks = map[string]int{
	"internal/fault":      0,
	"internal/elementary": 0,
	"internal/half":       0,
	"internal/archive":    0,
	"internal/rng":        0,

	"internal/augment": 1,
	"internal/cifar":   1,
	"internal/metrics": 1,
	"internal/fsys":    1,
	"internal/picture": 1,

	"internal/graph":   2,
	"internal/kernels": 2,

	"internal/plan":   3,
	"internal/layers": 3,
	"internal/optim":  3,
	"internal/fetch":  3,

	"internal/data":   4,
	"internal/device": 4,
	"internal/models": 4,

	"internal/checkpoint": 5,

	"internal/run":   6,
	"internal/infer": 6,
	"internal/train": 7,
	"internal/bench": 8,
	"cmd/imgcls":     9,
	"bench":          9,
}

// subRanks are the packages below another that stand higher than it.
var subRanks = map[string]int{
	"internal/kernels/cuda":      3,
	"internal/device/cpu":        5,
	"internal/device/ref":        5,
	"internal/device/devicetest": 6,

	"internal/device/cuda/standin": 7,
}

func TestLayers(t *testing.T) {
	const root = ".."
	checked := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			if name := d.Name(); rel != "." && (strings.HasPrefix(name, ".") || name == "testdata" || rel == "build") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(rel, ".go") || strings.HasSuffix(rel, "_test.go") || !strings.Contains(rel, "/") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		dir := filepath.ToSlash(filepath.Dir(rel))
		for _, spec := range file.Imports {
			to, _ := strconv.Unquote(spec.Path.Value)
			if to, ours := strings.CutPrefix(to, "imgcls/"); ours {
				checked++
				checkImport(t, rel, dir, to)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if checked < 20 {
		t.Errorf("saw only %d imports: the walk is broken", checked)
	}
}

func checkImport(t *testing.T, file, from, to string) {
	fromRank, ok := rank(from)
	if !ok {
		t.Errorf("%s: package %s has no rank in deps_test.go", file, from)
		return
	}
	toRank, ok := rank(to)
	switch {
	case !ok:
		t.Errorf("%s: imports %s, which has no rank in deps_test.go", file, to)
	case strings.HasPrefix(to, from+"/") && subRanks[to] == 0:
		// A sub-package of its own.
	case toRank >= fromRank && !below(from, to):
		t.Errorf("%s: %s (rank %d) imports %s (rank %d)", file, from, fromRank, to, toRank)
	}
}

// below reports whether both are sub-packages of one package, which may share
// what lies there.
func below(from, to string) bool {
	a, b := strings.Split(from, "/"), strings.Split(to, "/")
	return len(a) > 2 && len(b) == 2 && a[0] == b[0] && a[1] == b[1]
}

// rank returns the rank of a package, which a sub-package shares unless it has
// its own.
func rank(pkg string) (int, bool) {
	if r, ok := subRanks[pkg]; ok {
		return r, true
	}
	parts := strings.Split(pkg, "/")
	r, ok := ranks[strings.Join(parts[:min(len(parts), 2)], "/")]
	return r, ok
}
