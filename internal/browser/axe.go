//go:build browser

package browser

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// finding is a rule that axe finds broken, and where.
type finding struct {
	ID      string `json:"id"`
	Impact  string `json:"impact"`
	Help    string `json:"help"`
	HelpURL string `json:"helpUrl"`
	Nodes   []struct {
		Target  []any  `json:"target"`
		HTML    string `json:"html"`
		Summary string `json:"failureSummary"`
	} `json:"nodes"`
}

func (f finding) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s): %s\n  %s", f.ID, f.Impact, f.Help, f.HelpURL)
	for i, node := range f.Nodes {
		if i == 8 {
			fmt.Fprintf(&b, "\n  … and %d more", len(f.Nodes)-i)
			break
		}
		fmt.Fprintf(&b, "\n  at %v\n    %s\n    %s", node.Target, short(node.HTML), strings.ReplaceAll(node.Summary, "\n", "\n    "))
	}
	return b.String()
}

// Axe looks at the present state of the page with every rule of axe-core, the size
// of targets among them, and fails t with what it finds. Open dialogs, menus and
// errors first: axe sees one state.
func Axe(t testing.TB, tab *Tab) {
	t.Helper()
	tab = tab.In(t)
	if !Eval[bool](tab, `"axe" in window`) {
		source, err := axeSource()
		if err != nil {
			t.Fatal(err)
		}
		Eval[bool](tab, source+`;true`)
	}
	for _, f := range Eval[[]finding](tab, `axe.run(document, { resultTypes: ["violations"], rules: { "target-size": { enabled: true } } }).then((r) => r.violations)`) {
		t.Errorf("axe: %v", f)
	}
}

// axeSource reads axe-core, which is never part of the tree.
func axeSource() (string, error) {
	path := os.Getenv("TRELLIS_AXE")
	if path == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return "", errors.New("say in TRELLIS_AXE where axe.min.js is")
		}
		path = filepath.Join(cache, "trellis", "axe", "node_modules", "axe-core", "axe.min.js")
	}
	source, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("axe-core is not there (%w): install it with \"just axe\", or name an axe.min.js in TRELLIS_AXE", err)
	}
	return string(source), nil
}
