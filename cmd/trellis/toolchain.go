package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/trellis-learning/trellis"
)

// toolchain is how projects in a language are built and tested.
type toolchain struct {
	sources []string // the project is one of its own if it has one of these
	build   []string // the command; FILE in it is the module
	env     []string
	test    []string // the command for its tests, if it has any
	get     string   // how to get what is missing
	library string   // of this source, for examples; projects have a copy of their own
	own     bool     // the project says itself how main.wasm is built
}

const fileArg = "FILE"

// toolchains are the languages that trellis ext build knows.
func toolchains() []toolchain {
	const clang = "apt-get install clang lld, or what your system has for it"
	return []toolchain{
		{
			sources: []string{"main.go", "go.mod"}, env: []string{"GOOS=wasip1", "GOARCH=wasm"},
			build: []string{"go", "build", "-buildmode=c-shared", "-trimpath", "-ldflags=-w", "-o", fileArg, "."},
			test:  []string{"go", "test", "./..."}, get: "https://go.dev/dl has Go",
		}, {
			sources: []string{"main.c"}, get: clang, library: "hostapi/guest/c",
			build: []string{"clang", "--target=wasm32", "-Os", "-nostdlib", "-fno-builtin", "-gline-tables-only", "-fdebug-compilation-dir=.", "-Wl,--no-entry",
				"-Wl,-z,stack-size=16384", "-I", ".", "-o", fileArg, "main.c"},
		}, {
			sources: []string{"main.cpp"}, get: clang, library: "hostapi/guest/cpp",
			build: []string{"clang++", "--target=wasm32", "-std=c++17", "-Os", "-nostdlib", "-fno-builtin", "-fno-exceptions", "-fno-rtti",
				"-gline-tables-only", "-fdebug-compilation-dir=.", "-Wl,--no-entry", "-Wl,-z,stack-size=16384", "-I", ".", "-o", fileArg, "main.cpp"},
		}, {
			sources: []string{"Cargo.toml"}, get: "https://rustup.rs installs cargo; rustup target add wasm32-unknown-unknown",
			build: []string{"cargo", "build", "--quiet", "--release", "--target", rustTarget, "--target-dir", "target"},
			test:  []string{"cargo", "test", "--quiet", "--target-dir", "target"},
		}, {
			sources: []string{"main.ts"}, get: "npm install --ignore-scripts, in the project",
			build: []string{"asc", "main.ts", "-O3", "--noAssert", "--runtime", "minimal", "--use", "abort=trellis/host/crashed", "--debug", "--sourceMap", "-o", fileArg},
		},
	}
}

const rustTarget = "wasm32-unknown-unknown"

// toolchainOf returns how a project is built: as it says itself, else as its language
// is. One without a command is built already.
func toolchainOf(dir string) (toolchain, error) {
	t, known := languageOf(dir)
	script, err := buildScript(dir)
	switch {
	case err != nil:
		return t, err
	case exists(dir, ownCommand):
		t.build, t.get, t.own = []string{"sh", ownCommand}, "it is the shell of Unix; on Windows that of Git or MSYS2", true
	case script && (!known || t.sources[0] == "main.ts"): // else it is that of its assets
		t.build, t.get, t.own = []string{"npm", "run", "--silent", "build"}, "https://nodejs.org has npm", true
	case !known && exists(dir, "extension.json") && exists(dir, "main.wasm"):
		return t, nil
	case !known && exists(dir, "extension.json"):
		return t, advise(trellis.Errorf(trellis.Invalid, "%s has %s, and no main.wasm", dir, nothingToBuild), "write the command that makes main.wasm into %s, or put main.wasm beside extension.json", filepath.Join(dir, ownCommand))
	case !known:
		return t, advise(trellis.Errorf(trellis.Invalid, "%s has %s, and no extension.json", dir, nothingToBuild), "trellis ext new acme.first begins a project")
	}
	if t.own {
		t.env = []string{"npm_config_update_notifier=false"}
	}
	return t, nil
}

const (
	ownCommand     = "build.sh"
	nothingToBuild = "none of build.sh, package.json with a script build, main.go, go.mod, main.c, main.cpp, Cargo.toml, main.ts"
)

// languageOf returns how projects in the language of this one are built.
func languageOf(dir string) (toolchain, bool) {
	for _, t := range toolchains() {
		for _, source := range t.sources {
			if exists(dir, source) {
				return t, true
			}
		}
	}
	return toolchain{}, false
}

// buildScript reports whether package.json says how the project is built.
func buildScript(dir string) (bool, error) {
	raw, err := os.ReadFile(filepath.Join(dir, "package.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	var p struct {
		Scripts map[string]string `json:"scripts"`
	}
	if err := json.Unmarshal(raw, &p); err != nil {
		return false, trellis.Errorf(trellis.Invalid, "%s: %s", filepath.Join(dir, "package.json"), err)
	}
	return p.Scripts["build"] != "", nil
}
