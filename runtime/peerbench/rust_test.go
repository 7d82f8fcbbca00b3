package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestVersions: what the programs in Rust say of themselves is what cargo builds
// them with.
func TestVersions(t *testing.T) {
	said := regexp.MustCompile(`const VERSION: &str = "([^"]*)"`)
	for name, crates := range map[string][]string{"wasmtime": {"wasmtime"}, "extism": {"extism", "wasmtime"}} {
		lock, err := os.ReadFile(filepath.Join("rust", name, "Cargo.lock"))
		if err != nil {
			t.Fatal(err)
		}
		source, err := os.ReadFile(filepath.Join("rust", name, "src", "main.rs"))
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for _, crate := range crates {
			m := regexp.MustCompile(`(?m)^name = "` + crate + `"\nversion = "([^"]+)"$`).FindSubmatch(lock)
			if m == nil {
				t.Fatalf("%s: Cargo.lock has no %s", name, crate)
			}
			want = append(want, string(m[1]))
		}
		got := said.FindSubmatch(source)
		if got == nil || string(got[1]) != strings.Join(want, " (wasmtime ")+strings.Repeat(")", len(want)-1) {
			t.Errorf("%s says %q, Cargo.lock %q", name, got, want)
		}
	}
}
