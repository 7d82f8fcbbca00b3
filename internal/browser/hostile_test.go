//go:build browser

package browser_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/extensions/bundle"
	"github.com/trellis-learning/trellis/extensions/slots/tree"
	"github.com/trellis-learning/trellis/internal/browser"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/line"
	"github.com/trellis-learning/trellis/internal/testkit"
)

// ran is what a script of an attacker would do; a page in which it ran has it on
// its root.
const ran = `document.documentElement.setAttribute('data-ran',1)`

// evils are texts that break out of wherever something else than their letters is
// seen in them.
func evils() []string {
	return []string{
		`<script>` + ran + `</script>`, `"><script>` + ran + `</script>`, `'><img src=x onerror="` + ran + `">`, `</title><script>` + ran + `</script>`, `</textarea><script>` + ran + `</script>`,
		`</bdi></p></section><h1 id="main">Gone</h1>`, `" autofocus onfocus="` + ran + `" x="`, `&lt;script&gt;` + ran + `&lt;/script&gt;`, `&#60;script&#62;` + ran + `&#60;/script&#62;`,
		`<svg><animate onbegin=` + ran + ` attributeName=x dur=1s>`, `<math><mtext><table><mglyph><style><img src=x onerror=` + ran + `>`, `{{.CSRF}}{{template "csrf"}}${` + ran + `}#{x}<%= x %>`,
		`javascript:` + ran, "\u202e\u2066evil\u200b\ufeff\u0000", `<!--><img src=x onerror=` + ran + `>-->`, `]]><script>` + ran + `</script>`, `<base href="https://evil.example/">`, `<meta http-equiv="refresh" content="0;url=https://evil.example/">`,
		`<form action="https://evil.example/"><button>`, `<iframe srcdoc="<script>parent.` + ran + `</script>">`, strings.Repeat("<", 900), strings.Repeat("W", 900), "__proto__", "constructor",
	}
}

// tenMB stands for an answer that is too long to be written down.
const tenMB = "10 MB"

// hostileTrees are answers of extensions that want to do more than to show
// something. Some are refused, and some are shown for what they are.
func hostileTrees() map[string]string {
	text := func(s string) string {
		raw, err := json.Marshal(s)
		if err != nil {
			panic(err)
		}
		return string(raw)
	}
	trees := map[string]string{
		"a script as a link":        `{"kind":"text","runs":[{"text":"a","link":"javascript:` + ran + `"}]}`,
		"data as a link":            `{"kind":"text","runs":[{"text":"a","link":"data:text/html,<script>` + ran + `</script>"}]}`,
		"a picture elsewhere":       `{"kind":"image","asset":"https://evil.example/a.png","alt":"a","width":1,"height":1}`,
		"a form that aims away":     `{"kind":"form","action":"https://evil.example/","submit":"Send","fields":[]}`,
		"attributes of its own":     `{"kind":"text","text":"a","onclick":"` + ran + `"}`,
		"an element of its own":     `{"kind":"script","text":"` + ran + `"}`,
		"HTML":                      `<script>` + ran + `</script>`,
		"prototype keys":            `{"kind":"text","text":"a","__proto__":{"kind":"script"},"constructor":{"prototype":{}}}`,
		"keys that stand twice":     `{"kind":"text","kind":"script","text":"a","text":"` + ran + `"}`,
		"a depth of 10,000":         strings.Repeat(`[`, 10_000) + strings.Repeat(`]`, 10_000),
		"nodes to a depth of 2,000": strings.Repeat(`{"kind":"stack","children":[`, 2000) + strings.Repeat(`]}`, 2000),
		"10 MB of text":             tenMB,
		"as deep as may be":         strings.Repeat(`{"kind":"card","title":"a","children":[`, tree.MaxDepth) + strings.Repeat("]}", tree.MaxDepth),
		"lists as deep as may be":   strings.Repeat(`{"kind":"list","items":[`, tree.MaxDepth-1) + `"a"` + strings.Repeat("]}", tree.MaxDepth-1),
		"fields that are like ours": `{"kind":"form","action":"act","submit":"Send","fields":[{"type":"text","name":"csrf","label":"csrf"},{"type":"text","name":"hook","label":"hook"},{"type":"text","name":"submit","label":"submit"},{"type":"text","name":"action","label":"action"}]}`,
		"ids that stand twice":      `{"kind":"stack","children":[{"kind":"form","action":"act","submit":"a","fields":[{"type":"text","name":"a","label":"a"}]},{"kind":"form","action":"act","submit":"b","fields":[{"type":"text","name":"a","label":"b"}]}]}`,
		"a drawing with a script":   `{"kind":"image","asset":"evil.svg","alt":"a","width":90,"height":90}`,
		"a chart without an end":    `{"kind":"chart","type":"bar","title":"a","labels":["a"],"series":[{"name":"a","values":[1e308]}]}`,
	}
	for i, e := range evils() {
		q := text(e)
		trees[fmt.Sprintf("evil %d in everything", i)] = `{"kind":"card","title":` + q + `,"children":[` + q + `,{"kind":"text","runs":[{"text":` + q + `,"style":"code"}]},
			{"kind":"table","caption":` + q + `,"columns":[{"title":` + q + `}],"rows":[[` + q + `]]},{"kind":"badge","text":"a","state":"ok"},{"kind":"details","summary":` + q + `,"children":[` + q + `]},
			{"kind":"chart","type":"bar","title":` + q + `,"labels":[` + text(short(e)) + `],"series":[{"name":` + text(short(e)) + `,"values":[1]}]},
			{"kind":"form","action":"act","submit":"Send","values":{"v":` + q + `},"fields":[{"type":"text","name":"a","label":` + q + `,"default":` + q + `},{"type":"select","name":"b","label":"b","options":[{"value":` + q + `,"label":` + q + `}]}]}]}`
	}
	return trees
}

func short(s string) string {
	if len(s) > 60 {
		return strings.ToValidUTF8(s[:60], "")
	}
	return s
}

// TestHostile shows hostile trees, manifests, titles and names to somebody who
// trusts none of them. No script runs, nothing goes to another origin (the tab
// fails the test if it does), and the page stays usable.
func TestHostile(t *testing.T) {
	s := open(t)
	evil := evils()
	title, name := evil[1]+evil[12], `"><img src=x onerror=`+ran+`>`
	if _, err := s.Learning.UpdateCourse(s.ctx, learning.UpdateCourse{Key: demoCourse, Title: &title}); err != nil {
		t.Fatal(err)
	}
	s.person("mallory", name)
	i := 0
	for what, answer := range hostileTrees() {
		i++
		id := fmt.Sprintf("acme.h%d", i)
		// What turns or hides the letters around it is refused in a manifest: it is in the trees.
		description, _ := line.Mend(evil[i%len(evil)][:min(900, len(evil[i%len(evil)]))])
		manifest, err := json.Marshal(map[string]any{
			"id": id, "version": "1.0.0", "abi": 1, "title": what + evil[i%12][:min(40, len(evil[i%12]))], "description": description,
			"settings": map[string]any{"type": "object", "properties": map[string]any{"a": map[string]any{"type": "string", "title": evil[0], "description": evil[2], "default": evil[5], "enum": []string{evil[5], evil[6], evil[12]}}}},
			"slots":    []any{map[string]any{"slot": "course.sidebar.v1", "call": "card", "actions": []string{"act"}}},
		})
		if err != nil {
			t.Fatal(err)
		}
		b, err := bundle.Make(map[string][]byte{
			"extension.json": manifest, "assets/evil.svg": []byte(`<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9" onload="top.` + ran + `"><script>top.` + ran + `</script></svg>`),
			"main.wasm": testkit.Guest(map[string]func(*testkit.Code){
				"card": func(c *testkit.Code) {
					if answer == tenMB {
						c.Claim(10 << 20)
						return
					}
					c.Answer(answer)
				},
				"act": func(c *testkit.Code) { c.Answer(`{"message":` + string(must(json.Marshal(evil[1]))) + `}`) },
			}),
		})
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		var zip strings.Builder
		if err := b.Write(&zip); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Registry.Install(s.ctx, []byte(zip.String()), extensions.Scope{}); err != nil {
			t.Fatalf("install %s: %v", what, err)
		}
		if _, err := s.Registry.Enable(s.ctx, extensions.Enable{ID: id, Course: demoCourse, Grants: []string{}}); err != nil {
			t.Fatalf("enable %s: %v", what, err)
		}
	}
	pages := map[string][]string{
		"learner":  {"/courses", in("")},
		"staff":    {in(""), in("/extensions"), in("/people"), in("/extensions/acme.h1"), in("/extensions/acme.h2/review"), in("/extensions/acme.h3/settings")},
		"operator": {"/t/demo/console", "/t/demo/console/extensions", "/t/demo/console/people", "/t/demo/console/events", "/t/demo/console/audit"},
	}
	for who, paths := range pages {
		tab := s.signIn(t, who)
		for _, path := range paths {
			tab.Go(s.URL + path)
			harmless(t, tab, path)
		}
		if who == "learner" {
			act(t, tab, s.URL+in(""))
		}
		if who == "staff" {
			upload(t, tab, s.URL+in("/extensions"))
		}
	}
}

// harmless fails the test if anything of an attacker's has come into the page.
func harmless(t *testing.T, tab *browser.Tab, path string) {
	t.Helper()
	for what, expression := range map[string]string{
		"a script ran":                   `document.documentElement.hasAttribute("data-ran")`,
		"there is a script of another":   `document.scripts.length !== 1`,
		"there is an element of another": `document.querySelector("iframe, object, embed, base, style, math, animate, foreignObject, meta[http-equiv]") !== null`,
		"an attribute is a handler":      `[...document.querySelectorAll("*")].some((e) => e.getAttributeNames().some((n) => n.startsWith("on") || n === "style" || n === "srcdoc"))`,
		"a form aims elsewhere":          `[...document.forms].some((f) => !HTMLFormElement.prototype.getAttribute.call(f, "action")?.startsWith("/"))`,
		"a link is of another kind":      `[...document.links].some((a) => !["http:", "https:", "mailto:"].includes(a.protocol))`,
		"an id stands twice":             `(() => { const ids = [...document.querySelectorAll("[id]")].map((e) => e.id); return new Set(ids).size !== ids.length })()`,
		"there is not one heading":       `document.querySelectorAll("h1").length !== 1`,
	} {
		if browser.Eval[bool](tab, expression) {
			t.Errorf("%s: %s", path, what)
		}
	}
	browser.Sideways(t, tab)
}

// act sends forms that extensions offer; their answers are as hostile.
func act(t *testing.T, tab *browser.Tab, address string) {
	t.Helper()
	n := browser.Eval[int](tab, `[...document.querySelectorAll("form[data-action]")].length`)
	if n < 20 {
		t.Errorf("%d forms are offered", n)
		return
	}
	for i := 0; i < n; i += 7 {
		tab.Go(address)
		browser.Eval[bool](tab, fmt.Sprintf(`(document.querySelectorAll("form[data-action]")[%d].querySelector("button").click(), true)`, i))
		tab.Until(`!document.querySelector("form[aria-busy=true], button[aria-disabled=true]")`)
		harmless(t, tab, fmt.Sprintf("form %d", i))
	}
}

// upload brings a file with a hostile name, which is no bundle.
func upload(t *testing.T, tab *browser.Tab, address string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), `'><img src=x onerror=`+strings.ReplaceAll(ran, "/", "")+`>.trellis`)
	if err := os.WriteFile(file, []byte("no zip"), 0o600); err != nil {
		t.Fatal(err)
	}
	tab.Go(address)
	tab.Upload("input[type=file]", file)
	tab.Allow("/extensions/upload") // that it is refused stands in the console, too
	tab.Click("=Upload")
	tab.Wait("main", "onerror") // the name is said, as what it is
	harmless(t, tab, "upload")
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
