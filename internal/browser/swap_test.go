//go:build browser

package browser_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis/internal/browser"
)

// card is a slot with what a person may be in the middle of.
func card(version int) string {
	rows := strings.Repeat("<p>row</p>", 40)
	return fmt.Sprintf(`<section class="slot" id="slot-a" aria-label="Live card" tabindex="-1"><h3>Version %d</h3>
<details id="more"><summary>More</summary><p>Inside %d</p></details>
<form class="form"><label for="a-answer">Answer</label><input id="a-answer" name="answer" value="default %d"><label><input type="checkbox" name="sure"> Sure</label>
<label for="a-why">Why</label><textarea id="a-why" name="why"></textarea>
<select name="n" aria-label="Number"><option>1</option><option>2</option></select></form>
<div class="log" id="a-log" role="region" aria-label="Rows" tabindex="0">%s</div></section>`, version, version, version, rows)
}

func TestSwapKeepsWhatAPersonDoes(t *testing.T) {
	c := &course{inside: card}
	s := site(t, c.handlers())
	tab := browser.Open(t)
	tab.Go(s.URL)
	tab.Until(`document.querySelector("#slot-a")`)
	tab.Click("=More")
	tab.Type("#a-why", "because")
	tab.Click("[name=sure]")
	tab.Pick("[name=n]", "2")
	tab.Type("#a-answer", "forty-two")
	browser.Eval[bool](tab, `(document.querySelector("#a-log").scrollTop = 100, document.activeElement.setSelectionRange(2, 5), window.node = document.activeElement, true)`)
	browser.Eval[bool](tab, `((window.said = 0), new MutationObserver(() => window.said++).observe(document.querySelector("#status"), { childList: true, characterData: true, subtree: true }), true)`)
	for c.followed(tab); c.version < 3; {
		c.change()
		tab.Wait("#slot-a h3", fmt.Sprint("Version ", c.version))
	}
	for name, holds := range map[string]string{
		"focus":         `document.activeElement === window.node && window.node.id === "a-answer"`,
		"selection":     `window.node.selectionStart === 2 && window.node.selectionEnd === 5`,
		"typed":         `window.node.value === "forty-two" && document.querySelector("#a-why").value === "because"`,
		"ticked":        `document.querySelector("[name=sure]").checked`,
		"chosen":        `document.querySelector("[name=n]").value === "2"`,
		"open":          `document.querySelector("#more").open`,
		"news in it":    `document.querySelector("#more").textContent.includes("Inside 3")`,
		"scroll":        `document.querySelector("#a-log").scrollTop === 100`,
		"silence":       `window.said === 0`,
		"asked by part": `true`,
	} {
		if !browser.Eval[bool](tab, holds) {
			t.Errorf("%s is not kept", name)
		}
	}
	for _, part := range c.parts {
		if part != "course.sidebar.v1" {
			t.Errorf("asked for %q", part)
		}
	}
}

func TestSwapGivesTheFocusAHome(t *testing.T) {
	for _, tt := range []struct {
		name, after, focused, said string
	}{
		{"the card goes", ``, "h1 Logic 1", "Live card is gone."},
		{"the field goes", `<section class="slot" id="slot-a" aria-label="Live card" tabindex="-1"><h3>Closed</h3></section>`, "section#slot-a", ""},
		{"the field is made anew", `<section class="slot" id="slot-a" aria-label="Live card" tabindex="-1"><h3>New</h3><div><p><input id="a-answer" name="answer" aria-label="Answer"></p></div></section>`, "input#a-answer", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := &course{inside: func(version int) string {
				if version > 0 {
					return tt.after
				}
				return card(0)
			}}
			s := site(t, c.handlers())
			tab := browser.Open(t)
			tab.Go(s.URL)
			c.followed(tab)
			tab.Focus("#a-answer")
			c.change()
			tab.Until(`!document.body.innerText.includes("Version 0")`)
			if got := tab.Focused(); got != tt.focused {
				t.Errorf("the focus is on %q, want %q", got, tt.focused)
			}
			if tt.said != "" {
				tab.Until(`document.querySelector("#status").textContent === ` + fmt.Sprintf("%q", tt.said))
			}
		})
	}
}

// TestSwapOfHostileForms: fields may have the names of what a form can do.
func TestSwapOfHostileForms(t *testing.T) {
	names := []string{"attributes", "childNodes", "children", "firstChild", "insertBefore", "closest", "matches", "id", "nodeName", "nodeType", "getAttribute", "setAttribute", "querySelector", "querySelectorAll", "action", "method", "remove", "contains", "elements", "submit", "reset", "parentNode", "replaceWith", "__proto__", "constructor", "moveBefore", "isConnected", "dataset", "after"}
	c := &course{inside: func(version int) string {
		var fields strings.Builder
		for _, name := range names {
			fmt.Fprintf(&fields, `<input name="%s" aria-label="%s">`, name, name)
		}
		return fmt.Sprintf(`<section class="slot" id="slot-a" aria-label="Card" tabindex="-1"><h3>Version %d</h3><form method="post" action="/" data-action>%s<button class="button">Send</button></form></section>`, version, fields.String())
	}}
	handlers := c.handlers()
	handlers["POST /{$}"] = c.page
	s := site(t, handlers)
	tab := browser.Open(t)
	tab.Go(s.URL)
	c.followed(tab)
	c.change()
	tab.Wait("#slot-a h3", "Version 1")
	c.mu.Lock()
	c.version = 7
	c.mu.Unlock()
	tab.Click("=Send")
	tab.Wait("#slot-a h3", "Version 7")
}

// TestSwapLeavesNothingBehind: after 1,000 swaps there are as many listeners as
// before, and no more nodes than a few. There is no password among what is swapped:
// Chromium itself keeps those, without any script of ours.
func TestSwapLeavesNothingBehind(t *testing.T) {
	c := &course{inside: func(version int) string {
		return card(version) + fmt.Sprintf(`<section class="slot" id="slot-%d" aria-label="Other" tabindex="-1"><details class="ascode"><summary>As code</summary><pre><code>run</code></pre></details>
<form method="post" action="/" data-action id="send"><button class="button">Send</button></form></section>`, version)
	}}
	handlers := c.handlers()
	handlers["POST /{$}"] = c.page
	s := site(t, handlers)
	tab := browser.Open(t)
	tab.Go(s.URL)
	c.mu.Lock()
	inside := c.inside
	c.inside = func(int) string { c.version++; return inside(c.version) } // another one each time
	c.mu.Unlock()
	swap := func(times int) {
		browser.Eval[bool](tab, fmt.Sprintf(`(async () => {
			for (let i = 0; i < %d; i++) {
				const before = document.querySelector("h3").textContent;
				document.querySelector("#send").requestSubmit();
				while (document.querySelector("h3").textContent === before) await new Promise((done) => setTimeout(done));
			}
			return true;
		})()`, times))
	}
	swap(20)
	listeners, nodes := tab.Weight()
	swap(1000)
	listenersAfter, nodesAfter := tab.Weight()
	if listenersAfter > listeners+5 || nodesAfter > nodes+100 {
		t.Errorf("after 1,000 swaps there are %d listeners and %d nodes, before %d and %d", listenersAfter, nodesAfter, listeners, nodes)
	}
}
