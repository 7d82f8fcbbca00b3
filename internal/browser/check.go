//go:build browser

package browser

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"testing"
)

//go:embed check.js
var checkJS string

// A Check looks at the present state of the page for what axe does not see, and
// fails t with sentences. It leaves the page as it was.
type Check struct {
	Name string
	Run  func(t testing.TB, tab *Tab)
}

// Checks returns the checks that hold for every state of every page, in the order
// in which [CheckAll] runs them.
func Checks() []Check {
	return []Check{
		{"no sideways scroll", ask("sideways()")},
		{"distances of text", Spacing},
		{"text at 200 %", LargeText},
		{"edges of controls", ask("edges()")},
		{"names of controls", ask("names()")},
		{"words for states", ask("states()")},
		{"words that blame", ask("words()")},
		{"ids", ask("ids()")},
		{"nothing moves", Still},
		{"drawings in forced colours", ForcedDrawings},
		{"keyboard", Walk},
	}
}

// CheckAll runs axe and then all of [Checks].
func CheckAll(t testing.TB, tab *Tab) {
	t.Helper()
	Axe(t, tab)
	for _, check := range Checks() {
		check.Run(t, tab)
	}
}

// CheckEverywhere goes to address in each of [Looks], wide and narrow, as subtests,
// makes the state that is to be looked at, if prepare is not nil, and runs
// [CheckAll]; then it tries the names of [Foreign].
func CheckEverywhere(t *testing.T, tab *Tab, address string, prepare func(tab *Tab)) {
	for name, look := range Looks() {
		for _, width := range []int{1280, 320} {
			t.Run(fmt.Sprintf("%s %d", name, width), func(t *testing.T) {
				tab := tab.In(t)
				tab.Viewport(width, 900)
				tab.Look(look)
				tab.Go(address)
				if prepare != nil {
					prepare(tab)
				}
				CheckAll(t, tab)
				if name == "light" {
					Foreign(t, tab)
				}
			})
		}
	}
	tab.Look(Look{})
	tab.Viewport(1280, 900)
}

// ask makes a check of a function of check.js; when says in which state it is asked.
func ask(call string, when ...string) func(testing.TB, *Tab) {
	return func(t testing.TB, tab *Tab) {
		t.Helper()
		wrongs := Eval[[]string](tab.In(t), checkJS+"."+call)
		slices.Sort(wrongs)
		for _, wrong := range slices.Compact(wrongs) {
			t.Error(strings.Join(append(when, wrong), ": "))
		}
	}
}

// Sideways fails t if the page is wider than the window, or if something else than
// a named region scrolls sideways.
func Sideways(t testing.TB, tab *Tab) {
	t.Helper()
	ask("sideways()")(t, tab)
}

// Spacing sets the distances of WCAG 1.4.12 and fails t if text is then cut off.
func Spacing(t testing.TB, tab *Tab) {
	t.Helper()
	ask("spacing(true)")(t, tab)
	defer ask("spacing(false)")(t, tab)
	ask("clipped()", "with wide distances")(t, tab)
	ask("sideways()", "with wide distances")(t, tab)
}

// LargeText doubles the size of text that the person prefers, and fails t if text
// is then cut off or the page scrolls sideways.
func LargeText(t testing.TB, tab *Tab) {
	t.Helper()
	tab.In(t).FontSize(32)
	defer tab.In(t).FontSize(16)
	ask("clipped()", "with text at 200 %")(t, tab)
	ask("sideways()", "with text at 200 %")(t, tab)
}

// Still asks for reduced motion and fails t if anything moves all the same.
func Still(t testing.TB, tab *Tab) {
	t.Helper()
	tab = tab.In(t)
	look := *tab.look
	still := look
	still.ReducedMotion = true
	tab.Look(still)
	defer tab.Look(look)
	ask("motion()")(t, tab)
}

// ForcedDrawings fails t if a drawing does not use the colours of the system where
// they are forced.
func ForcedDrawings(t testing.TB, tab *Tab) {
	t.Helper()
	tab = tab.In(t)
	look := *tab.look
	tab.Look(Look{Forced: true, Dark: look.Dark})
	defer tab.Look(look)
	ask("forced()")(t, tab)
}

// stop is a place where the focus stops on its way through the page.
type stop struct {
	ID, Name                 string
	Wrong                    []string
	Top, Bottom, Left, Right float64
	RTL, Loose               bool
}

// Walk goes through the page with the Tab key, from its beginning to its end, and
// fails t if the focus cannot be seen, lies behind something, goes back up the page
// against the order of reading, or does not come to an end.
func Walk(t testing.TB, tab *Tab) {
	t.Helper()
	tab = tab.In(t)
	const enough = 600
	Eval[bool](tab, `(document.activeElement?.blur(), getSelection().removeAllRanges(), scrollTo(0, 0), ((e) => (e.tabIndex = -1, e.focus(), e.removeAttribute("tabindex"), true))(document.querySelector("dialog[open]") ?? document.body))`)
	var seen []string
	var last *stop
	for range enough {
		tab.Press("Tab")
		now := Eval[*stop](tab, checkJS+".focus()")
		if now == nil || slices.Contains(seen, now.ID) {
			break // through the page, or round the dialog
		}
		seen = append(seen, now.ID)
		for _, wrong := range now.Wrong {
			t.Error(wrong)
		}
		if last != nil && !last.Loose && !now.Loose && now.Bottom <= last.Top+1 && (now.Left < last.Right) != now.RTL {
			t.Errorf("the focus goes back up from %s to %s", last.Name, now.Name)
		}
		last = now
	}
	switch controls := Eval[int](tab, `document.querySelectorAll("a[href], button:enabled").length`); {
	case len(seen) == 0 && controls > 0:
		t.Error("the Tab key reaches nothing")
	case len(seen) >= enough:
		t.Errorf("the Tab key comes to no end: %d places", len(seen))
	}
}

// Foreign fills every name on the page with 200 letters that begin by turning the
// direction of writing, from the left and from the right, and fails t if the page
// then scrolls sideways. It loads the page again.
func Foreign(t testing.TB, tab *Tab) {
	t.Helper()
	tab = tab.In(t)
	for _, rtl := range []bool{false, true} {
		Eval[int](tab, fmt.Sprintf("%s.foreign(%t)", checkJS, rtl))
		ask("sideways()", fmt.Sprintf("with long names, rtl %t", rtl))(t, tab)
	}
	tab.Go(tab.URL())
}

// Announced does something and fails t unless a live region that was there before
// then says text, and has changed once.
func Announced(t testing.TB, tab *Tab, text string, do func()) {
	t.Helper()
	tab = tab.In(t)
	Eval[bool](tab, `((window.__said = []), window.__ear?.disconnect(), (window.__ear = new MutationObserver((all) => all.forEach(() => window.__said.push(document.getElementById("status").textContent)))).observe(document.getElementById("status"), { childList: true, characterData: true, subtree: true }), true)`)
	do()
	tab.Until(`window.__said.some((s) => s.includes(` + quote(text) + `))`)
	if said := Eval[[]string](tab, `window.__said.filter((s) => s.includes(`+quote(text)+`))`); len(said) != 1 {
		t.Errorf("%q was spoken %d times", text, len(said))
	}
}
