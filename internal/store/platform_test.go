package store_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// TestPlatformCallers lists who may act across tenants. To add a file, say here
// why it must.
func TestPlatformCallers(t *testing.T) {
	allowed := map[string]string{
		"internal/jobs/run.go":              "finds due jobs of every tenant and leases them",
		"internal/delivery/tail.go":         "tails the whole log",
		"internal/delivery/kept.go":         "finds the oldest event that anybody still needs, and copies what dead letters need",
		"internal/testkit/rest.go":          "waits until nothing moves in any tenant",
		"extensions/bus/bus.go":             "relays the whole log and follows it for the actor's tenant",
		"extensions/bus/follow.go":          "reads the log for followers, narrowed to their tenant",
		"extensions/registry.go":            "keeps the extensions of every tenant at hand",
		"internal/app/app.go":               "trims the log",
		"extensions/integrations/upload.go": "finds the uploads of every tenant whose jobs have ended",
	}
	found := map[string]bool{}
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(p, ".go") || strings.HasSuffix(p, "_test.go") {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), p, nil, 0)
		if err != nil {
			return nil // whoever builds it will say so
		}
		rel, _ := filepath.Rel(root, p)
		if rel = filepath.ToSlash(rel); strings.HasPrefix(rel, "internal/store/storetest/") {
			return nil
		}
		if actsAcrossTenants(f) {
			found[rel] = true
			if allowed[rel] == "" {
				t.Errorf("%s acts across tenants, and is not on the list", rel)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for rel := range allowed {
		if !found[rel] {
			t.Errorf("%s is on the list, and does not act across tenants", rel)
		}
	}
}

// actsAcrossTenants reports whether a file mentions [store.Platform], under
// whatever name it imports the package.
func actsAcrossTenants(f *ast.File) (found bool) {
	name := ""
	for _, imp := range f.Imports {
		if strings.HasSuffix(strings.Trim(imp.Path.Value, `"`), "/internal/store") {
			if name = "store"; imp.Name != nil {
				name = imp.Name.Name
			}
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch x := n.(type) {
		case *ast.SelectorExpr:
			if id, ok := x.X.(*ast.Ident); ok && name != "" && id.Name == name && x.Sel.Name == "Platform" {
				found = true
			}
		case *ast.CallExpr:
			if id, ok := x.Fun.(*ast.Ident); ok && id.Name == "Platform" && (f.Name.Name == "store" || name == ".") {
				found = true
			}
		}
		return true
	})
	return found
}
