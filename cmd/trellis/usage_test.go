package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// paths returns every command, "ext install".
func paths(t *testing.T) []string {
	t.Helper()
	parser, err := kong.New(&cli{}, kong.Vars{"version": ""})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	var walk func(prefix string, n *kong.Node)
	walk = func(prefix string, n *kong.Node) {
		for _, c := range n.Children {
			path := strings.TrimSpace(prefix + " " + c.Name)
			out = append(out, path)
			walk(path, c)
		}
	}
	walk("", parser.Model.Node)
	return out
}

// here performs a command in this process.
func here(t *testing.T, args ...string) (status int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	status = run(t.Context(), args, strings.NewReader(""), &o, &e)
	return status, o.String(), e.String()
}

// TestHelp: every command explains itself, and each of its flags.
func TestHelp(t *testing.T) {
	all := paths(t)
	if len(all) < 60 {
		t.Fatalf("only %d commands were found", len(all))
	}
	for _, path := range all {
		for _, flag := range []string{"-h", "--help", "-help"} {
			status, out, errs := here(t, append(strings.Fields(path), flag)...)
			if status != 0 || errs != "" || !strings.HasPrefix(out, "Usage: trellis "+path) {
				t.Errorf("trellis %s %s: status %d\n%s%s", path, flag, status, out, errs)
			}
		}
	}
	parser, err := kong.New(&cli{}, kong.Vars{"version": ""})
	if err != nil {
		t.Fatal(err)
	}
	for _, leaf := range parser.Model.Leaves(false) {
		for _, f := range leaf.Flags {
			if f.Help == "" {
				t.Errorf("%s: -%s is not explained", leaf.FullPath(), f.Name)
			}
		}
		for _, a := range leaf.Positional {
			if a.Help == "" {
				t.Errorf("%s: <%s> is not explained", leaf.FullPath(), a.Name)
			}
		}
	}
}

// TestHelpSaysWhatIsEmpty: quotes with nothing between them would be read as one
// mark, and typed as it.
func TestHelpSaysWhatIsEmpty(t *testing.T) {
	_, out, _ := here(t, "tenant", "put", "--help")
	if text := strings.Join(strings.Fields(out), " "); !strings.Contains(text, "empty for the platform's own") || !strings.Contains(text, "empty for none") || strings.Contains(text, "”") {
		t.Errorf("it says:\n%s", out)
	}
}

// TestMisunderstood: a command line that is not understood is an error of its own
// status, says what to do, and is one document with -json.
func TestMisunderstood(t *testing.T) {
	for _, args := range [][]string{
		{}, {"ext"}, {"nonsense"}, {"ext", "nonsense"}, {"ext", "install"}, {"ext", "install", "/no/such/file"}, {"enroll", "ada"},
		{"import", "/no/such/file"}, {"export", "nonsense"}, {"ext", "new", "a.b", "-lang", "cobol"}, {"token", "create", "x", "-days", "soon"}, {"whoami", "-nonsense"},
		{"serve", "-config", "/no/such/file"}, {"role", "give", "ada", "king"}, {"api", "STEAL", "/"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			status, out, errs := here(t, args...)
			if status != statusUsage || out != "" || !strings.Contains(errs, "trellis: ") || !strings.Contains(errs, "\nNext: trellis") {
				t.Errorf("status %d\n%s%s", status, out, errs)
			}
			status, out, _ = here(t, append(args, "-json")...)
			var doc struct {
				Error struct{ Kind, Message, Next string }
			}
			if err := json.Unmarshal([]byte(out), &doc); status != statusUsage || err != nil || doc.Error.Message == "" || doc.Error.Next == "" {
				t.Errorf("status %d, %v\n%s", status, err, out)
			}
		})
	}
}

// TestNoFile: a file that is not there is named as it was typed, with what to do.
func TestNoFile(t *testing.T) {
	for _, tt := range []struct {
		line, next string
		status     int
	}{
		{"ext install none", "trellis ext pack DIR", statusUsage},
		{"ext sign usage_test.go -key none", "trellis ext keygen", statusUsage},
		{"serve -config none", "trellis serve -config FILE", statusUsage},
		{"import none", "trellis import FILE takes a OneRoster zip", statusUsage},
		{"run none check", "trellis ext build DIR", statusUsage},
		{"ext inspect none", "trellis ext pack DIR", statusFailed},
		{"ext settings acme.first @none", "trellis ext settings --help", statusFailed},
		{"ext pack none", "trellis ext new", statusFailed},
	} {
		t.Run(tt.line, func(t *testing.T) {
			status, _, errs := here(t, strings.Fields(tt.line)...)
			if status != tt.status || !strings.HasPrefix(errs, "trellis: there is no file none") || !strings.Contains(errs, "\nNext: "+tt.next) {
				t.Errorf("status %d\n%s", status, errs)
			}
		})
	}
}

func TestGoRun(t *testing.T) {
	for self, want := range map[string]bool{
		"/tmp/go-build2840444125/b001/exe/trellis": true, "/cache/f3/" + strings.Repeat("0f", 32) + "-d/trellis": true,
		"/usr/local/bin/trellis": false, "/home/ada/trellis/trellis": false,
	} {
		if got := goRun(self); got != want {
			t.Errorf("%s: %t, want %t", self, got, want)
		}
	}
}

func TestVersion(t *testing.T) {
	if status, out, _ := here(t, "-version"); status != 0 || strings.TrimSpace(out) == "" {
		t.Errorf("status %d, %q", status, out)
	}
}

func Example() {
	for _, args := range [][]string{{"-json", "ext", "enable"}, {"events", "-follow"}, {"-v", "run", "-", "--", "-x"}} {
		fmt.Println(longFlags(args))
	}
	// Output:
	// [--json ext enable]
	// [events --follow]
	// [-v run - -- -x]
}
