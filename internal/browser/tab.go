//go:build browser

package browser

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// Tab is one page of a browser, as a person at it sees and uses it. Its methods
// fail the test if what they are asked for is not there in time. A tab is for one
// goroutine.
//
// Where a method takes a target, that is a CSS selector, or "=" and the name of a
// link, button, summary or field as a screen reader says it: "=Switch off Poll".
// Of several the first that can be seen is meant.
type Tab struct {
	t     testing.TB
	ctx   context.Context
	watch *watch
	look  *Look // shared by what [Tab.In] returns
}

// In returns the tab for a subtest: what its methods miss fails t.
func (tab *Tab) In(t testing.TB) *Tab {
	return &Tab{t: t, ctx: tab.ctx, watch: tab.watch, look: tab.look}
}

//go:embed find.js
var findJS string

// Go goes to an address and waits until it has loaded.
func (tab *Tab) Go(address string) {
	tab.t.Helper()
	tab.Origin(address)
	ctx, stop := context.WithTimeout(tab.ctx, Patience)
	defer stop()
	if err := chromedp.Do(ctx, chromedp.Navigate(address)); err != nil {
		tab.t.Fatalf("go to %s: %v", address, err)
	}
}

// Reload loads the page again.
func (tab *Tab) Reload() {
	tab.t.Helper()
	tab.Leave(func() { call(tab, page.Reload, page.ReloadParams{}) })
}

// Leave does what leaves the page, such as a click on a link, and waits until the
// next page has loaded. What is shown without a load is not left: wait for it.
func (tab *Tab) Leave(do func()) {
	tab.t.Helper()
	before := tab.loader()
	do()
	tab.until("the next page", func() (string, bool) {
		if tab.loader() == before {
			return "still the page before", false
		}
		state, err := eval[string](tab, `document.readyState`)
		return state, err == nil && state == "complete"
	})
}

// loader names the load that made the present document.
func (tab *Tab) loader() string {
	tab.t.Helper()
	return string(call(tab, page.GetFrameTree, cdp.Empty{}).FrameTree.Frame.LoaderID)
}

// URL is the address of the page.
func (tab *Tab) URL() string {
	tab.t.Helper()
	return Eval[string](tab, `location.href`)
}

// Text is the text of target as it is seen.
func (tab *Tab) Text(target string) string {
	tab.t.Helper()
	tab.Wait(target, "")
	return Eval[string](tab, findJS+`(`+quote(target)+`).innerText.trim()`)
}

// Value is what the field target holds.
func (tab *Tab) Value(target string) string {
	tab.t.Helper()
	tab.Wait(target, "")
	return Eval[string](tab, findJS+`(`+quote(target)+`).value`)
}

// Has reports whether target is there and can be seen, now.
func (tab *Tab) Has(target string) bool {
	tab.t.Helper()
	return Eval[bool](tab, `!!`+findJS+`(`+quote(target)+`)`)
}

// Count is how many elements match a CSS selector, seen or not.
func (tab *Tab) Count(selector string) int {
	tab.t.Helper()
	return Eval[int](tab, `document.querySelectorAll(`+quote(selector)+`).length`)
}

// Wait waits until target can be seen and its text or value contains text.
func (tab *Tab) Wait(target, text string) {
	tab.t.Helper()
	tab.until(fmt.Sprintf("%q with %q", target, text), func() (string, bool) {
		got, err := eval[*string](tab, `(e => e && (e.value ?? "") + e.innerText)(`+findJS+`(`+quote(target)+`))`)
		if err != nil {
			return err.Error(), false
		}
		if got == nil {
			return "not there; the page says:\n" + tab.outline(), false
		}
		return *got, strings.Contains(*got, text)
	})
}

// Gone waits until target can no longer be seen.
func (tab *Tab) Gone(target string) {
	tab.t.Helper()
	tab.Until(`!` + findJS + `(` + quote(target) + `)`)
}

// Until waits until an expression of JavaScript is true.
func (tab *Tab) Until(expression string) {
	tab.t.Helper()
	tab.until(expression, func() (string, bool) {
		got, err := eval[bool](tab, `Boolean(`+expression+`)`)
		return fmt.Sprint(got, err), err == nil && got
	})
}

// Eventually waits until holds, which may ask a server or a file: what is not on
// the page.
func (tab *Tab) Eventually(what string, holds func() bool) {
	tab.t.Helper()
	tab.until(what, func() (string, bool) { return "not yet", holds() })
}

// until asks for a condition again and again. An error counts as not yet: the page
// may be between two documents.
func (tab *Tab) until(what string, holds func() (string, bool)) {
	tab.t.Helper()
	deadline := time.NewTimer(Patience)
	defer deadline.Stop()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		got, ok := holds()
		if ok {
			return
		}
		select {
		case <-again.C:
		case <-deadline.C:
			tab.t.Fatalf("waited %v for %s, got: %s", Patience, what, got)
		case <-tab.ctx.Done():
			tab.t.Fatalf("the tab ended while waiting for %s", what)
		}
	}
}

// outline is the beginning of what the page says, for messages.
func (tab *Tab) outline() string {
	text, err := eval[string](tab, `location.href + "\n" + (document.body?.innerText ?? "").slice(0, 1500)`)
	if err != nil {
		return err.Error()
	}
	return text
}

// Eval returns the value of an expression of JavaScript, or of the promise that it
// is. With [Tab.NoScript] it works too, but promises are never kept.
func Eval[T any](tab *Tab, expression string) T {
	tab.t.Helper()
	value, err := eval[T](tab, expression)
	if err != nil {
		tab.t.Fatalf("%s: %v", short(expression), err)
	}
	return value
}

func eval[T any](tab *Tab, expression string) (T, error) {
	ctx, stop := context.WithTimeout(tab.ctx, Patience)
	defer stop()
	return chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// settle lets the events that are on their way arrive: they come before the answer.
func (tab *Tab) settle() {
	_, _ = eval[bool](tab, `true`)
}

func (tab *Tab) dismiss() {
	_, _ = chromedp.Call(tab.ctx, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{})
}

// Screenshot writes a picture of the whole page, as a PNG.
func (tab *Tab) Screenshot(path string) {
	tab.t.Helper()
	// The window is made as high as the page: a picture beyond the window forgets
	// the size of text that the person prefers.
	size := Eval[[3]int](tab, `[innerWidth, innerHeight, Math.max(innerHeight, document.documentElement.scrollHeight)]`)
	tab.Viewport(size[0], size[2])
	defer tab.Viewport(size[0], size[1])
	tab.Visible(path)
}

// Visible writes a picture of what is seen of the page, as a PNG.
func (tab *Tab) Visible(path string) {
	tab.t.Helper()
	shot := call(tab, page.CaptureScreenshot, page.CaptureScreenshotParams{})
	if err := os.WriteFile(path, shot.Data, 0o644); err != nil {
		tab.t.Fatal(err)
	}
}

// quote makes a literal of JavaScript.
func quote(text string) string {
	literal, _ := json.Marshal(text) // a string always can be
	return string(literal)
}

func short(text string) string {
	if len(text) > 200 {
		return text[:200] + " …"
	}
	return text
}
