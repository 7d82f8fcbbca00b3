//go:build browser

package browser

import (
	"context"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/chromedp"
)

// Patience is how long a condition is waited for. It is generous, because it is
// only ever used up by a test that fails.
const Patience = 2 * time.Minute

// Chrome is a running Chromium. It ends with the test that started it.
type Chrome struct {
	ctx context.Context
}

// Start starts Chromium. A test that opens many tabs starts it once, and opens
// each with [Chrome.Open].
func Start(t testing.TB) *Chrome {
	t.Helper()
	path := find(t)
	options := append(chromedp.DefaultExecAllocatorOptions[:len(chromedp.DefaultExecAllocatorOptions):len(chromedp.DefaultExecAllocatorOptions)],
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(1280, 900))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium's sandbox does not start as root
	}
	// Not the context of the test: that ends before the tabs have been looked at.
	alloc, stopAlloc := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, stop := chromedp.NewContext(alloc, chromedp.WithErrorf(t.Logf))
	t.Cleanup(func() {
		stop()
		stopAlloc()
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	return &Chrome{ctx: ctx}
}

// Open starts Chromium and opens a tab in it.
func Open(t testing.TB) *Tab {
	t.Helper()
	return Start(t).Open(t)
}

// Open opens a tab of its own: it shares no cookies and no storage with others.
// The test fails at its end if the tab saw what it should not; see [Tab.Allow].
func (c *Chrome) Open(t testing.TB) *Tab {
	t.Helper()
	w := &watch{types: map[string]string{}}
	ctx, stop := chromedp.NewContext(c.ctx, chromedp.WithNewBrowserContext(), chromedp.WithListener(w.hear))
	tab := &Tab{t: t, ctx: ctx, watch: w, look: &Look{}}
	w.answer = tab.dismiss
	t.Cleanup(func() {
		tab.settle()
		stop()
		w.report(t)
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("open a tab: %v", err)
	}
	call(tab, audits.Enable, cdp.Empty{})
	tab.Viewport(1280, 900)
	return tab
}

// find returns the path of Chromium. A test behind the tag is meant to run, so
// that it is absent is a failure.
func find(t testing.TB) string {
	t.Helper()
	names := []string{"chromium", "chromium-browser", "google-chrome"}
	if name := os.Getenv("TRELLIS_CHROMIUM"); name != "" {
		names = []string{name}
	}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatalf("none of %v is there: install Chromium (apt-get install chromium), or name it in TRELLIS_CHROMIUM", names)
	return ""
}

// call sends one command to the tab, and fails its test if that is not taken.
func call[P, R any](tab *Tab, command cdp.Command[P, R], params P) R {
	tab.t.Helper()
	ctx, stop := context.WithTimeout(tab.ctx, Patience)
	defer stop()
	result, err := chromedp.Call(ctx, command, params)
	if err != nil {
		tab.t.Fatalf("%s: %v", command.Method, err)
	}
	return result
}
