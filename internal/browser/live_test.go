//go:build browser

package browser_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/trellis-learning/trellis/internal/browser"
)

func plain(version int) string {
	return fmt.Sprintf(`<section class="slot" id="slot-a" aria-label="Live card" tabindex="-1"><h2>Version %d</h2></section>`, version)
}

func TestLiveSaysWhenItIsOffline(t *testing.T) {
	c := &course{inside: plain}
	s := site(t, c.handlers())
	tab := browser.Open(t)
	tab.Allow("net::ERR_")
	tab.Go(s.URL)
	c.followed(tab)
	s.stop()
	c.mu.Lock()
	c.version = 5 // while nobody could be told
	c.mu.Unlock()
	browser.Announced(t, tab, "Not connected. This is from", func() {
		tab.Wait("[data-offline]", "Not connected. This is from ")
	})
	tab.Until(`/^Not connected\. This is from \d\d:\d\d UTC\. (Next try in \d+ s|Trying now)\./.test(document.querySelector("[data-offline]").innerText)`)
	browser.Axe(t, tab)
	tab.Wait("#slot-a h2", "Version 0") // the content stays
	tab.Focus("=Try now")
	tab.Press("Enter")
	s.start()
	browser.Announced(t, tab, "Connected again.", func() { tab.Gone("[data-offline]") })
	tab.Wait("#slot-a h2", "Version 5")
	if got := tab.Focused(); got == "body" {
		t.Error("the focus went with the bar")
	}
	c.followed(tab)
	c.change()
	tab.Wait("#slot-a h2", "Version 6")
}

// TestLiveBacksOff runs the clock of the page a hundred times as fast.
func TestLiveBacksOff(t *testing.T) {
	c := &course{inside: plain, refuse: http.StatusServiceUnavailable}
	s := site(t, c.handlers())
	tab := browser.Open(t)
	tab.Allow("status of 503")
	tab.Before(`const real = window.setTimeout; window.waits = []; window.setTimeout = (f, ms, ...rest) => real(f, ms >= 1000 && ms < 40000 ? (window.waits.push(ms), ms / 100) : ms, ...rest)`)
	tab.Go(s.URL)
	tab.Until(`window.waits.length >= 10`)
	for i, ms := range browser.Eval[[]float64](tab, `window.waits.slice(0, 10)`) {
		most := float64(min(30, 2<<i)) * 1000
		if ms > most || ms < most/2 {
			t.Errorf("wait %d is %.0f ms, not between %.0f and %.0f", i+1, ms, most/2, most)
		}
	}
	if waits := browser.Eval[[]float64](tab, `window.waits.slice(6, 10)`); waits[0] == waits[1] && waits[1] == waits[2] {
		t.Errorf("the waits have no jitter: %v", waits)
	}
	c.mu.Lock()
	c.refuse = 0
	c.mu.Unlock()
	tab.Gone("[data-offline]")
}

func TestLiveEnds(t *testing.T) {
	c := &course{inside: plain, refuse: http.StatusForbidden}
	s := site(t, c.handlers())
	tab := browser.Open(t)
	tab.Allow("status of 403")
	tab.Go(s.URL)
	tab.Wait("[data-offline]", "This page no longer follows what happens.")
	tab.Leave(func() { tab.Click("=Load it again") })
	if got := get(c, func(c *course) int { return c.opened }); got > 2 {
		t.Errorf("a stream that was denied was asked for %d times", got)
	}
}

func TestLiveRestsWhileHidden(t *testing.T) {
	c := &course{inside: plain}
	s := site(t, c.handlers())
	tab := browser.Open(t)
	tab.Go(s.URL)
	c.followed(tab)
	c.change()
	tab.Wait("#slot-a h2", "Version 1")
	hide := func(hidden bool) {
		browser.Eval[bool](tab, fmt.Sprintf(`(Object.defineProperty(document, "hidden", { configurable: true, value: %t }), document.dispatchEvent(new Event("visibilitychange")))`, hidden))
	}
	hide(true)
	tab.Eventually("the stream is closed", func() bool { return get(c, func(c *course) bool { return len(c.streams) == 0 }) })
	c.mu.Lock()
	c.version = 4
	c.mu.Unlock()
	hide(false)
	tab.Wait("#slot-a h2", "Version 4")
	if after := get(c, func(c *course) []string { return c.after }); after[len(after)-1] != "1" {
		t.Errorf("it goes on after %q, not 1", after)
	}
	c.mu.Lock()
	c.version = 5
	c.mu.Unlock()
	browser.Eval[bool](tab, `dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true }))`)
	tab.Wait("#slot-a h2", "Version 5")
}

// TestLiveCoalesces: a storm of messages is answered by few requests, and by the
// last version.
func TestLiveCoalesces(t *testing.T) {
	c := &course{inside: plain}
	s := site(t, c.handlers())
	tab := browser.Open(t)
	tab.Go(s.URL)
	c.followed(tab)
	for range 300 {
		c.change()
	}
	tab.Wait("#slot-a h2", "Version 300")
	if got := get(c, func(c *course) int { return c.fetched }); got > 100 {
		t.Errorf("300 messages made %d requests", got)
	}
}
