package examples_test

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/runtime"
	"github.com/trellis-learning/trellis/testdata/wasm"
)

// policies are the committed modules of the policy, by the names that .ci/wasm has
// for them.
func policies() map[string][]byte {
	return map[string][]byte{
		"c": wasm.EnrollmentPolicy, "cpp": wasm.PolicyCPP, "rust": wasm.PolicyRust, "as": wasm.PolicyAS, "command": wasm.PolicyCommand,
		"extism-c": wasm.PolicyExtismC, "extism-as": wasm.PolicyExtismAS,
	}
}

// guests returns a function that asks each guest. What is no JSON is an "error"; an
// answer that should not be is a "crash".
func guests(t *testing.T, modules map[string][]byte) map[string]func(string) string {
	t.Helper()
	r, err := runtime.New(t.Context(), runtime.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close(t.Context()) })
	asks := map[string]func(string) string{}
	for name, binary := range modules {
		m, err := r.Compile(t.Context(), binary, runtime.Limits{Memory: 256 << 20, Output: 8 << 20, Time: time.Minute, Fuel: 1 << 40})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		asks[name] = func(in string) string {
			out, _, err := m.Call(t.Context(), runtime.Call{Hook: "check", In: []byte(in), Key: "test"})
			switch {
			case err == nil:
				return string(out)
			case trellis.KindOf(err) == trellis.Invalid, strings.Contains(err.Error(), "the question is not JSON"):
				return "error" // Extism's errors have a message and no kind
			}
			return "crash: " + err.Error()
		}
	}
	return asks
}

// goPolicy builds a policy in Go.
func goPolicy(t *testing.T, dir string) []byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "main.wasm")
	cmd := exec.Command("go", "build", "-buildmode=c-shared", "-ldflags=-s -w", "-o", out, ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	if msg, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", dir, err, msg)
	}
	raw, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// download fetches what a nested module needs, unless it is there.
func download(dir string) (string, error) {
	cmd := exec.Command("go", "mod", "download")
	cmd.Dir = dir
	msg, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(msg)), err
}

// everyPolicy is policies with those in Go, which are built.
func everyPolicy(t *testing.T) map[string][]byte {
	t.Helper()
	modules := policies()
	if testing.Short() {
		t.Log("SKIPPED the policies in Go: -short")
		return modules
	}
	modules["go"] = goPolicy(t, policyDir("go"))
	if msg, err := download(policyDir("extism-go")); err != nil {
		t.Logf("SKIPPED the policy through Extism's PDK for Go: %v: %s", err, msg)
	} else {
		modules["extism-go"] = goPolicy(t, policyDir("extism-go"))
	}
	return modules
}

// policyDir is the directory of a policy.
func policyDir(name string) string {
	if name == "go" {
		return "enrollment-policy"
	}
	return "enrollment-policy-" + name
}

// TestPolicy: the policy gives the same answers in every language, by every
// convention.
func TestPolicy(t *testing.T) { compare(t, everyPolicy(t)) }

// TestRebuilt: the committed modules do what their sources say.
func TestRebuilt(t *testing.T) {
	for name, committed := range policies() {
		t.Run(name, func(t *testing.T) {
			compare(t, map[string][]byte{"rebuilt": rebuilt(t, name, committedFile(name)), "committed": committed})
		})
	}
}

// committedFile is the file in testdata/wasm of the policy that .ci/wasm calls so.
func committedFile(name string) string {
	if name == "c" {
		return "enrollment-policy.wasm"
	}
	return policyDir(name) + ".wasm"
}

// rebuilt is a module that .ci/wasm builds.
func rebuilt(t *testing.T, name, file string) []byte {
	t.Helper()
	if testing.Short() {
		t.Skipf("SKIPPED the rebuilt guest %s: -short", name)
	}
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skipf("SKIPPED the rebuilt guest %s: there is no shell", name)
	}
	if msg, err := exec.Command("sh", "../.ci/wasm", "missing", name).CombinedOutput(); err != nil {
		t.Skipf("SKIPPED the rebuilt guest %s", strings.TrimSpace(string(msg)))
	}
	dir := t.TempDir()
	if msg, err := exec.Command("sh", "../.ci/wasm", "to", dir, name).CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", name, err, msg)
	}
	raw, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func compare(t *testing.T, modules map[string][]byte) {
	t.Helper()
	asks := guests(t, modules)
	names := slices.Sorted(maps.Keys(asks))
	count, stated := 0, 0
	for class, cases := range policyCases() {
		t.Run(class, func(t *testing.T) {
			for _, c := range cases {
				var first string
				for i, name := range names {
					got := asks[name](c.in)
					if c.want == "error" && got == misunderstood {
						got = "error" // what is no JSON is refused by some in their own words
					}
					if c.want != "" && got != c.want {
						t.Errorf("%s: %.300q\n got %.300q\nwant %.300q", name, c.in, got, c.want)
					}
					if i == 0 {
						first = got
					}
					if got != first || strings.HasPrefix(got, "crash") {
						t.Errorf("%.300q\n%s: %.300q\n%s: %.300q", c.in, names[0], first, name, got)
					}
				}
				count++
				if c.want != "" {
					stated++
				}
			}
		})
	}
	if count < 60 || len(policyCases()) < 8 {
		t.Errorf("only %d cases", count)
	}
	t.Logf("%s: %d cases, of which %d have a stated answer", strings.Join(names, ", "), count, stated)
}
