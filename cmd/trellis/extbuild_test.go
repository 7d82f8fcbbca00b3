package main

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis/testdata/wasm"
)

// TestNewProjectIn: what ext new writes is a project that works in each other
// language that there is a compiler for.
func TestNewProjectIn(t *testing.T) {
	s := newShell(t)
	for _, tt := range []struct {
		lang, guest string
		more        []string
	}{
		{"c", "c", nil}, {"cpp", "cpp", nil}, {"rust", "rust", nil}, {"assemblyscript", "as", nil},
		{"command", "command", []string{"-lang", "c", "-convention", "command"}}, {"extism", "extism-c", []string{"-lang", "c", "-convention", "extism"}},
	} {
		t.Run(tt.lang, func(t *testing.T) {
			more := tt.more
			if more == nil {
				more = []string{"-lang", tt.lang}
			}
			s.ok(append([]string{"ext", "new", "acme.in-" + tt.lang, tt.lang}, more...)...)
			if lacks, err := exec.Command("sh", "../../.ci/wasm", "missing", tt.guest).CombinedOutput(); err != nil {
				t.Skipf("SKIPPED building a new project in %s: %s%v", tt.lang, lacks, err)
			}
			if tt.lang == "assemblyscript" {
				inProject(t, s, tt.lang)
			}
			s.ok("ext", "upgrade-guest", tt.lang)
			s.ok("ext", "test", tt.lang)
			s.ok("ext", "pack", tt.lang, "-o", tt.lang+".trellis")
			if out := s.ok("ext", "inspect", tt.lang); tt.more != nil && !strings.Contains(out, "module: "+tt.lang) {
				t.Errorf("its convention is another:\n%s", out)
			}
			for course, want := range map[string]string{"course-v1:Demo+Closed+2026": `"code":"closed"`, "course-v1:Demo+Welcome+2026": "{}"} {
				if out := s.ok("ext", "run", tt.lang+".trellis", "-course", course); !strings.Contains(out, want) {
					t.Errorf("%s: %s", course, out)
				}
			}
		})
	}
	s.fails(1, "is a filter in C; in another language, copy extension.json", "ext", "new", "acme.wasi-rust", "-lang", "rust", "-convention", "command")
}

// TestNewCardIn: the same of a card, whose button is pressed, too.
func TestNewCardIn(t *testing.T) {
	s := newShell(t)
	for lang, guest := range map[string]string{"c": "c", "cpp": "cpp", "rust": "rust", "assemblyscript": "as"} {
		t.Run(lang, func(t *testing.T) {
			dir := "card-" + lang
			s.ok("ext", "new", "acme.card-in-"+lang, dir, "-kind", "card", "-lang", lang, "-title", `The "card"`)
			if lacks, err := exec.Command("sh", "../../.ci/wasm", "missing", guest).CombinedOutput(); err != nil {
				t.Skipf("SKIPPED building a new card in %s: %s%v", lang, lacks, err)
			}
			if lang == "assemblyscript" {
				inProject(t, s, dir)
			}
			s.ok("ext", "build", dir)
			s.ok("ext", "test", dir)
			if out, want := s.ok("ext", "run", dir), `{"kind":"card","title":"Say hello","children":["Nobody has waved yet.",{"kind":"button","text":"Wave","action":"wave","style":"primary"}]}`+"\n"; out != want {
				t.Errorf("the card: %s, want %s", out, want)
			}
			if r := s.run("", "ext", "run", dir, "-hook", "wave"); r.out != `{"message":"You waved.","state":"ok"}`+"\n" || !strings.Contains(r.errs, "emitted: acme.card-in-"+lang+".waved {}") {
				t.Errorf("its button: %+v", r)
			}
			s.ok("ext", "pack", dir)
		})
	}
}

// inProject puts what npm has installed for .ci/wasm into a project, which says
// before that it lacks it.
func inProject(t *testing.T, s *shell, dir string) {
	t.Helper()
	if _, err := exec.LookPath("asc"); err != nil {
		s.fails(1, "asc: ", "ext", "build", dir)
	}
	where, err := exec.Command("sh", "../../.ci/wasm", "where").Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(strings.TrimSpace(string(where)), filepath.Join(s.dir, dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
}

// TestBuildAsItSays: a project may say itself how it is built, or be built already.
func TestBuildAsItSays(t *testing.T) {
	s := newShell(t)
	manifest, err := os.ReadFile("../../examples/enrollment-policy-command/extension.json") // as the README says
	if err != nil {
		t.Fatal(err)
	}
	module := string(wasm.PolicyCommand)
	for _, tt := range []struct {
		name  string
		files map[string]string
		needs string
		says  string // where it fails: why
		notes string
	}{
		{"built already", map[string]string{"main.wasm": module}, "", "", "main.wasm is taken as it is"},
		{"by build.sh", map[string]string{"made.wasm": module, "build.sh": "cp made.wasm main.wasm"}, "sh", "", ""},
		{"by build.sh before its language", map[string]string{"main.c": "none", "made.wasm": module, "build.sh": "cp made.wasm main.wasm"}, "sh", "", ""},
		{"by npm", map[string]string{"made.wasm": module, "package.json": `{"scripts":{"build":"cp made.wasm main.wasm"}}`}, "npm", "", ""},
		{"by npm before its language", map[string]string{"main.ts": "none", "made.wasm": module, "package.json": `{"scripts":{"build":"cp made.wasm main.wasm"}}`}, "npm", "", ""},
		{"assets by npm, the module by its language", map[string]string{"main.c": "none", "package.json": `{"scripts":{"build":"touch assets.js"}}`}, "clang", "clang --target=wasm32:\n", ""},
		{"build.sh fails", map[string]string{"main.wasm": module, "build.sh": "echo no such flag; exit 3"}, "sh", "sh build.sh:\nno such flag\nexit status 3", ""},
		{"build.sh makes nothing", map[string]string{"build.sh": ":"}, "sh", "sh build.sh has made no main.wasm", ""},
		{"npm lacks a program", map[string]string{"package.json": `{"scripts":{"build":"no-such-compiler"}}`}, "npm", "no-such-compiler: ", ""},
		{"package.json is none", map[string]string{"package.json": `{`}, "", "package.json: unexpected end of JSON", ""},
		{"nothing", map[string]string{"main.zig": ""}, "", "has none of build.sh, ", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := exec.LookPath(tt.needs); tt.needs != "" && err != nil {
				t.Skipf("SKIPPED building %s: there is no %s", tt.name, tt.needs)
			}
			dir := strings.ReplaceAll(tt.name, " ", "-")
			if err := os.Mkdir(filepath.Join(s.dir, dir), 0o700); err != nil {
				t.Fatal(err)
			}
			tt.files["extension.json"] = string(manifest)
			for name, text := range tt.files {
				if err := os.WriteFile(filepath.Join(s.dir, dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if tt.says != "" {
				s.fails(1, tt.says, "ext", "build", dir)
				return
			}
			for _, command := range []string{"build", "test"} {
				if r := s.run("", "ext", command, dir); r.status != 0 || !strings.Contains(r.errs, tt.notes) || tt.notes == "" && r.errs != "" {
					t.Errorf("ext %s: status %d, %s%s", command, r.status, r.out, r.errs)
				}
			}
		})
	}
}

// TestExamplesInPlace: each example of the policy is built where it lies by the same
// command as a project.
func TestExamplesInPlace(t *testing.T) {
	s := newShell(t)
	for _, dir := range []string{"examples", "hostapi/guest"} {
		if err := os.CopyFS(filepath.Join(s.dir, dir), os.DirFS(filepath.Join("../..", dir))); err != nil {
			t.Fatal(err)
		}
	}
	root, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.dir, "go.mod"), root, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"c", "cpp", "command", "extism-c", "as", "extism-as"} {
		t.Run(name, func(t *testing.T) {
			if lacks, err := exec.Command("sh", "../../.ci/wasm", "missing", name).CombinedOutput(); err != nil {
				t.Skipf("SKIPPED the example in place: %s%v", lacks, err)
			}
			dir := filepath.Join("examples", "enrollment-policy-"+name)
			for _, built := range []string{"main.wasm", "node_modules"} { // by hand, in this source
				_ = os.RemoveAll(filepath.Join(s.dir, dir, built))
			}
			if strings.HasSuffix(name, "as") {
				inProject(t, s, dir)
				sameCommand(t, filepath.Join(s.dir, dir))
			}
			s.ok("ext", "test", dir)
			settings := `{"closed_courses":["course-v1:Demo+Closed*"]}`
			if out := s.ok("ext", "run", dir, "-settings", settings, "-course", "course-v1:Demo+Closed+2026"); !strings.Contains(out, `"code":"course_closed"`) {
				t.Errorf("it answers %s", out)
			}
		})
	}
}

// sameCommand looks that package.json builds an example as its first comment says.
func sameCommand(t *testing.T, dir string) {
	t.Helper()
	var p struct{ Scripts struct{ Build string } }
	raw, err := os.ReadFile(filepath.Join(dir, "package.json"))
	if err == nil {
		err = json.Unmarshal(raw, &p)
	}
	source, err2 := os.ReadFile(filepath.Join(dir, "main.ts"))
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(source), "npx "+p.Scripts.Build+"\n") {
		t.Errorf("package.json builds by %s, the first comment does not", p.Scripts.Build)
	}
}
