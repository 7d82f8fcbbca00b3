package tree_test

import (
	"bytes"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions/slots/tree"
)

// options are those that the golden files and the other tests render with.
func options() tree.Options {
	return tree.Options{
		ID: "slot-a", URL: "/t/demo/courses/c", Base: "/t/demo",
		Assets: func(path string) (string, bool) {
			return "https://content.example/assets/0a1b/" + path, path != "missing.png"
		},
		Hidden: func(a tree.Action) []tree.Field {
			return []tree.Field{{Name: "csrf", Value: "token"}, {Name: "_hook", Value: "sealed " + a.Export}}
		},
		Sent:    &tree.Action{Export: "vote", Values: map[string]string{"poll": "p2"}},
		Entered: url.Values{"f.name": {"<i>"}, "f.mood": {"bad"}, "f.count": {"many"}},
		Faults:  map[string]string{"name": "Fill this in.", "agree": "Tick this box.", "mood": "Choose one.", "count": "Enter a whole number, such as 3.", "all": "Something else."},
	}
}

// TestGolden holds in each file of testdata/golden a tree and what becomes of it,
// with a line end before each tag.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/golden/*.txt")
	if err != nil || len(files) < 40 {
		t.Fatalf("%d golden files, %v", len(files), err)
	}
	schema := resolved(t)
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txt"), func(t *testing.T) {
			raw, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			in, want, ok := strings.Cut(string(raw), "\n---\n")
			if !ok {
				t.Fatal("there is no line ---")
			}
			n, err := tree.Decode([]byte(in))
			got := ""
			if err != nil {
				got = fmt.Sprintf("%s: %v", trellis.KindOf(err), err)
			} else {
				got = rendered(t, n, options())
				if err := valid(t, schema, []byte(in)); err != nil {
					t.Errorf("the schema does not have what Decode takes: %v", err)
				}
				sound(t, got)
			}
			got = strings.TrimSpace(strings.ReplaceAll(got, "><", ">\n<")) + "\n"
			if *update {
				if err := os.WriteFile(name, []byte(in+"\n---\n"+got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func rendered(t testing.TB, n tree.Node, o tree.Options) string {
	t.Helper()
	var b bytes.Buffer
	if err := tree.Render(&b, n, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
