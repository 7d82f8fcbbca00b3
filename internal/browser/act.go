//go:build browser

package browser

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// point is where something is on the screen.
type point struct {
	X, Y float64
	Hit  bool // it is what a click there would reach
	Top  string
}

// where scrolls target into view, and says where its middle is.
func (tab *Tab) where(target string) point {
	tab.t.Helper()
	tab.Wait(target, "")
	return Eval[point](tab, `((e) => {
		e.scrollIntoView({ block: "center", inline: "center", behavior: "instant" });
		const r = e.getClientRects()[0], x = r.x + r.width / 2, y = r.y + r.height / 2;
		const top = document.elementFromPoint(x, y);
		return { X: x, Y: y, Hit: !!top && (e.contains(top) || top.contains(e)), Top: top?.outerHTML.slice(0, 200) ?? "" };
	})(`+findJS+`(`+quote(target)+`))`)
}

// Click clicks the middle of target with the mouse, and fails if something lies
// over it.
func (tab *Tab) Click(target string) {
	tab.t.Helper()
	at := tab.where(target)
	if !at.Hit {
		tab.t.Fatalf("%q cannot be clicked, because this lies over it: %s", target, at.Top)
	}
	for _, kind := range []input.DispatchMouseEventType{chromedp.MouseMoved, chromedp.MousePressed, chromedp.MouseReleased} {
		params := input.DispatchMouseEventParams{Type: kind, X: at.X, Y: at.Y}
		if kind != chromedp.MouseMoved {
			params.Button, params.ClickCount = "left", 1
		}
		call(tab, input.DispatchMouseEvent, params)
	}
}

// Hover moves the mouse over target.
func (tab *Tab) Hover(target string) {
	tab.t.Helper()
	at := tab.where(target)
	call(tab, input.DispatchMouseEvent, input.DispatchMouseEventParams{Type: chromedp.MouseMoved, X: at.X, Y: at.Y})
}

// Focus gives target the focus, as a script would.
func (tab *Tab) Focus(target string) {
	tab.t.Helper()
	tab.Wait(target, "")
	Eval[bool](tab, findJS+`(`+quote(target)+`).focus(), true`)
}

// Focused is a short name of what has the focus: its tag with id, or its text.
func (tab *Tab) Focused() string {
	tab.t.Helper()
	return Eval[string](tab, `((e) => e.tagName.toLowerCase() + (e.id ? "#" + e.id : e === document.body ? "" : " " + e.textContent.trim().slice(0, 60)))(document.activeElement ?? document.body)`)
}

// Type replaces what the field target holds by typing text.
func (tab *Tab) Type(target, text string) {
	tab.t.Helper()
	tab.Focus(target)
	Eval[bool](tab, `(document.activeElement.select?.(), true)`)
	if text == "" {
		tab.Press("Backspace")
		return
	}
	call(tab, input.InsertText, input.InsertTextParams{Text: text})
}

// Pick chooses the option of a select whose text or value is option.
func (tab *Tab) Pick(target, option string) {
	tab.t.Helper()
	tab.Focus(target)
	if !Eval[bool](tab, `((e) => {
		const option = [...e.options].find((o) => o.text.trim() === `+quote(option)+` || o.value === `+quote(option)+`);
		if (option) { e.value = option.value; e.dispatchEvent(new Event("input", { bubbles: true })); e.dispatchEvent(new Event("change", { bubbles: true })); }
		return !!option;
	})(document.activeElement)`) {
		tab.t.Fatalf("%q has no option %q", target, option)
	}
}

// Press presses keys one after the other, in what has the focus: a word for a key
// ("Tab", "Enter", "Escape", "Backspace", "Space", "ArrowDown", "Home", …), with
// "Shift+", "Control+" or "Alt+" before it; anything else is typed as it is.
func (tab *Tab) Press(keys ...string) {
	tab.t.Helper()
	named := map[string]string{
		"Tab": kb.Tab, "Enter": kb.Enter, "Escape": kb.Escape, "Backspace": kb.Backspace, "Delete": kb.Delete, "Space": " ",
		"ArrowDown": kb.ArrowDown, "ArrowUp": kb.ArrowUp, "ArrowLeft": kb.ArrowLeft, "ArrowRight": kb.ArrowRight,
		"Home": kb.Home, "End": kb.End, "PageDown": kb.PageDown, "PageUp": kb.PageUp,
	}
	held := map[string]chromedp.Modifier{"Shift": chromedp.ModifierShift, "Control": chromedp.ModifierCtrl, "Alt": chromedp.ModifierAlt}
	for _, key := range keys {
		var modifiers []chromedp.Modifier
		for before, after, ok := strings.Cut(key, "+"); ok && held[before] != 0; before, after, ok = strings.Cut(key, "+") {
			modifiers, key = append(modifiers, held[before]), after
		}
		text := key
		if k, ok := named[key]; ok {
			text = k
		}
		if err := chromedp.Do(tab.ctx, chromedp.KeyEvent(text, chromedp.KeyModifiers(modifiers...))); err != nil {
			tab.t.Fatalf("press %s: %v", key, err)
		}
	}
}

// Upload chooses files in the file input target, as its dialog would.
func (tab *Tab) Upload(target string, files ...string) {
	tab.t.Helper()
	tab.Wait(target, "")
	byValue := false
	object := call(tab, runtime.Evaluate, runtime.EvaluateParams{Expression: findJS + `(` + quote(target) + `)`, ReturnByValue: &byValue})
	call(tab, dom.SetFileInputFiles, dom.SetFileInputFilesParams{Files: tab.files(files), ObjectID: object.Result.ObjectID})
}

// Drop drags files from the desktop over target and lets go.
func (tab *Tab) Drop(target string, files ...string) {
	tab.t.Helper()
	at := tab.where(target)
	data := &input.DragData{Items: []*input.DragDataItem{}, Files: tab.files(files), DragOperationsMask: 1}
	for _, kind := range []input.DispatchDragEventType{"dragEnter", "dragOver", "drop"} {
		call(tab, input.DispatchDragEvent, input.DispatchDragEventParams{Type: kind, X: at.X, Y: at.Y, Data: data})
	}
}

// files makes paths absolute: Chromium has a working directory of its own.
func (tab *Tab) files(files []string) []string {
	tab.t.Helper()
	var paths []string
	for _, file := range files {
		path, err := filepath.Abs(file)
		if err == nil {
			_, err = os.Stat(path)
		}
		if err != nil {
			tab.t.Fatal(err)
		}
		paths = append(paths, path)
	}
	return paths
}
