package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis/testdata/wasm"
)

// Inspecting a bundle says by which convention its module is called, and what by.
func TestInspectNamesTheConvention(t *testing.T) {
	s := newShell(t)
	for _, tt := range []struct {
		name   string
		module []byte
		want   string
	}{
		{"extism", wasm.JobExtism, "module: extism, "},
		{"command", wasm.JobCommand, "a program that takes every hook as its argument"},
		{"native", wasm.JobC, "exports patch"},
	} {
		dir := filepath.Join(s.dir, tt.name)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		manifest := `{"id":"acme.job","version":"1.0.0","abi":1,"title":"Job","events":[{"on":"org.openedx.learning.course.enrollment.created.v1","call":"patch"}]}`
		for name, data := range map[string][]byte{"extension.json": []byte(manifest), "main.wasm": tt.module} {
			if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if out := s.ok("ext", "inspect", dir); !strings.Contains(out, tt.want) {
			t.Errorf("%s: %q is not in\n%s", tt.name, tt.want, out)
		}
	}
}
