package trellis_test

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/trellis-learning/trellis"

// floors is the house: a package imports from lower floors only, and packages
// of one floor never import each other. The longest prefix decides. The parts of the
// pages are strangers to each other, below what puts them together and above the
// frame that they share.
var floors = []struct {
	prefix string
	floor  float64
}{
	{"cmd/trellis", 8}, {"internal/testkit", 8}, {"internal/browser", 8}, {"internal/pages/pagestest", 9},
	{"internal/app", 7},
	{"internal/pages", 6}, {"internal/pages/", 5.7}, {"internal/pages/frame", 5.5}, {"internal/pages/settings", 5.5},
	{"extensions/", 5},
	{"extensions", 4}, {"extensions/project", 4},
	{"extensions/bundle", 3}, {"internal/learning", 3}, {"internal/jobs", 3}, {"internal/delivery", 3},
	{"hostapi", 2}, {"internal/web", 2},
	{"runtime", 1}, {"internal/store", 1}, {"internal/egress", 1}, {"internal/blob", 1},
	{"", 0}, {"examples", 0}, {"hostapi/guest", 0}, {"runtime/instrument", 0}, {"runtime/symbol", 0}, {"internal/line", 0}, {"internal/metrics", 0}, {"internal/secret", 0},
}

// owners names who alone imports a big dependency; its subpackages may too.
var owners = map[string][]string{
	"github.com/tetratelabs/wazero":        {"runtime"},
	"modernc.org/sqlite":                   {"internal/store"},
	"github.com/pressly/goose":             {"internal/store"},
	"github.com/prometheus":                {"internal/metrics"},
	"github.com/nats-io":                   {"extensions/bus"},
	"github.com/alecthomas/kong":           {"cmd/trellis"},
	"github.com/pelletier/go-toml":         {"cmd/trellis"},
	"github.com/valyala/fasthttp":          {"internal/web"},
	"github.com/adhocore/gronx":            {"extensions/bundle", "extensions/plugins"},
	"golang.org/x/crypto/argon2":           {"internal/learning"},
	"github.com/google/jsonschema-go":      {"hostapi", "extensions/bundle"},
	"golang.org/x/crypto/chacha20poly1305": {"internal/secret"},
	"github.com/chromedp":                  {"internal/browser"},
	"github.com/ianlancetaylor/demangle":   {"runtime/symbol"},
}

// stdlibOnly are the packages that anything may import, because they bring nothing.
var stdlibOnly = []string{"", "hostapi/guest"}

type file struct {
	pkg, path string // pkg is relative to the module, "" for the root
	imports   []string
}

func TestLayers(t *testing.T) {
	files := goFiles(t)
	if len(files) < 5 {
		t.Fatalf("found %d files: is this the root of the module?", len(files))
	}
	for _, f := range files {
		for _, imp := range f.imports {
			if err := allowed(f, imp); err != nil {
				t.Errorf("%s: %v", f.path, err)
			}
		}
	}
}

func allowed(f file, imp string) error {
	local, ok := strings.CutPrefix(imp, module)
	if !ok {
		external := strings.Contains(strings.SplitN(imp, "/", 2)[0], ".")
		if external && slices.Contains(stdlibOnly, f.pkg) {
			return fmt.Errorf("imports %s, but may import the standard library only", imp)
		}
		if strings.HasPrefix(imp, "github.com/gofiber/fiber") {
			base := filepath.Base(f.path)
			if f.pkg != "internal/web" && !((strings.HasPrefix(f.pkg, "extensions/") || f.pkg == "internal/pages/frame") && base == "http.go") {
				return fmt.Errorf("imports Fiber, which stays in internal/web and in http.go of a capability or of the frame of the pages")
			}
		}
		for dep, who := range owners {
			if strings.HasPrefix(imp, dep) && !slices.ContainsFunc(who, func(w string) bool {
				return f.pkg == w || strings.HasPrefix(f.pkg, w+"/")
			}) {
				return fmt.Errorf("imports %s, which belongs to %v", imp, who)
			}
		}
		return nil
	}
	local = strings.TrimPrefix(local, "/")
	if local == "" && !slices.Contains(stdlibOnly, f.pkg) {
		return nil // the vocabulary is everybody's
	}
	if strings.HasPrefix(f.pkg, "examples/") {
		if local != "hostapi/guest" {
			return fmt.Errorf("an example may import hostapi/guest only, not %s", local)
		}
		return nil
	}
	if (local == "internal/testkit" || local == "internal/browser" || testSupport(local)) && !testSupport(f.pkg) {
		return fmt.Errorf("only tests import %s", local)
	}
	if from, to := height(f.pkg), height(local); to >= from {
		return fmt.Errorf("%q on floor %v imports %q on floor %v", f.pkg, from, local, to)
	}
	return nil
}

// testSupport reports whether pkg is for tests only and belongs to the package
// above it, as storetest belongs to store.
func testSupport(pkg string) bool {
	dir, base := path.Split(pkg)
	return strings.HasSuffix(base, "test") && base == path.Base(strings.TrimSuffix(dir, "/"))+"test" || base == "rostertest"
}

// TestDependenciesAreExplained: RATIONALE.md says of each direct dependency what
// it is for.
func TestDependenciesAreExplained(t *testing.T) {
	mod, err1 := os.ReadFile("go.mod")
	rationale, err2 := os.ReadFile("RATIONALE.md")
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	given := []string{"github.com/tetratelabs/wazero", "github.com/gofiber/fiber/v2", "github.com/nats-io/nats.go", "modernc.org/sqlite"}
	direct := 0
	for line := range strings.Lines(string(mod)) {
		fields := strings.Fields(line)
		if len(fields) != 2 || !strings.HasPrefix(line, "\t") || !strings.HasPrefix(fields[1], "v") {
			continue // indirect ones have a comment
		}
		direct++
		if !slices.Contains(given, fields[0]) && !strings.Contains(string(rationale), "`"+strings.TrimPrefix(fields[0], "github.com/")+"`") {
			t.Errorf("RATIONALE.md does not say what %s is for", fields[0])
		}
	}
	if direct < len(given) {
		t.Errorf("found %d direct dependencies in go.mod", direct)
	}
}

// height is the floor of pkg; a capability's own subpackages stand half a step
// below it and above the floor beneath.
func height(pkg string) float64 {
	best, floor := -1, 0.0
	for _, f := range floors {
		match := pkg == f.prefix || f.prefix != "" && (strings.HasPrefix(pkg, f.prefix+"/") ||
			strings.HasSuffix(f.prefix, "/") && strings.HasPrefix(pkg, f.prefix))
		if match && len(f.prefix) > best {
			best, floor = len(f.prefix), f.floor
		}
	}
	if best < 0 {
		return -1 // an unknown package: TestFloorsNameEveryPackage says so
	}
	h := floor
	if floor == 5 && strings.Count(pkg, "/") > 1 {
		h = 4.5
	}
	if testSupport(pkg) {
		h += .1
	}
	return h
}

func TestFloorsNameEveryPackage(t *testing.T) {
	for _, f := range goFiles(t) {
		if !strings.HasPrefix(f.pkg, "examples/") && height(f.pkg) < 0 {
			t.Errorf("%s: package %q stands on no floor: name it in layers_test.go", f.path, f.pkg)
		}
	}
}

// TestNoInit: what exists is what a function lists, so nothing registers itself.
func TestNoInit(t *testing.T) {
	for _, f := range goFiles(t) {
		fset := token.NewFileSet()
		parsed, err := parser.ParseFile(fset, f.path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range funcDecls(parsed) {
			if d == "init" {
				t.Errorf("%s: has an init function", f.path)
			}
		}
	}
}

// goFiles returns every Go file of the module that is neither a test nor below
// testdata. A directory with a go.mod of its own is another module: what somebody
// makes by the tutorial within a clone, for instance.
func goFiles(t *testing.T) []file {
	t.Helper()
	var files []file
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if p != "." && (strings.HasPrefix(name, ".") || name == "testdata" || name == "node_modules") {
				return filepath.SkipDir
			}
			if _, err := os.Stat(filepath.Join(p, "go.mod")); err == nil && p != "." {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), p, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		f := file{pkg: path.Dir(filepath.ToSlash(p)), path: p}
		if f.pkg == "." {
			f.pkg = ""
		}
		for _, imp := range parsed.Imports {
			s, err := strconv.Unquote(imp.Path.Value)
			if err != nil {
				return err
			}
			f.imports = append(f.imports, s)
		}
		files = append(files, f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func funcDecls(f *ast.File) []string {
	var names []string
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil {
			names = append(names, fn.Name.Name)
		}
	}
	return names
}
