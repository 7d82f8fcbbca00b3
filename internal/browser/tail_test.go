//go:build browser

package browser_test

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/trellis-learning/trellis/internal/browser"
)

// tail opens a page with a live tail, whose clock may run 20 times as fast; what is
// sent on the channel is what the stream says.
func tail(t *testing.T, fast bool) (*browser.Tab, func(from, to int), chan<- string) {
	t.Helper()
	messages := make(chan string)
	s := site(t, map[string]http.HandlerFunc{
		"GET /{$}": func(w http.ResponseWriter, _ *http.Request) {
			html(w, page(`<main id="main" tabindex="-1"><h1>Live</h1><div class="log" role="log" aria-live="off" tabindex="0" aria-label="Events" data-tail="/stream/sse" data-empty="No event yet."><ol></ol></div><button>Elsewhere</button></main>`))
		},
		"GET /stream/sse": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			fmt.Fprint(w, "retry: 2000\n: you follow from position 4\n\n")
			for w.(http.Flusher).Flush(); ; w.(http.Flusher).Flush() {
				select {
				case m := <-messages:
					fmt.Fprint(w, m)
				case <-r.Context().Done():
					return
				}
			}
		},
	})
	tab := browser.Open(t)
	if fast {
		tab.Before(`const real = window.setInterval; window.setInterval = (f, ms, ...rest) => real(f, ms / 20, ...rest)`)
	}
	tab.Go(s.URL)
	tab.Wait(".tail-bar", "Pause")
	send := func(from, to int) {
		var text string
		for i := from; i <= to; i++ {
			text += fmt.Sprintf("id: %d\nevent: org.example.thing.happened.v1\ndata: {\"specversion\":\"1.0\",\"type\":\"org.example.thing.happened.v1\",\"time\":\"2026-05-03T14:02:10Z\",\"subject\":\"number <b>%d</b>\"}\n\n", i, i)
		}
		messages <- text
	}
	return tab, send, messages
}

func TestTail(t *testing.T) {
	tab, send, messages := tail(t, false)
	first := func(n int) string {
		return fmt.Sprintf(`document.querySelector(".log li bdi")?.textContent === "number <b>%d</b>"`, n)
	}
	send(1, 3)
	tab.Until(first(3)) // the newest stands first
	tab.Wait(".log li", "14:02:10")
	browser.CheckAll(t, tab)

	tab.Click("=Pause")
	send(4, 40)
	tab.Wait("=37 new", "")
	if !browser.Eval[bool](tab, first(3)) {
		t.Error("rows came while paused")
	}
	tab.Click("=37 new")
	tab.Until(first(40))
	tab.Click("=Go on")

	tab.Focus(".log")
	send(41, 41)
	tab.Wait("=1 new", "")
	tab.Focus("=Elsewhere")
	tab.Until(first(41))

	browser.Eval[bool](tab, `(document.querySelector(".log").scrollTop = 200, true)`)
	send(42, 42)
	tab.Wait("=1 new", "")
	browser.Eval[bool](tab, `(document.querySelector(".log").scrollTop = 0, true)`)
	tab.Until(first(42))

	messages <- "id: 50\nevent: resync\ndata: {\"position\":50,\"reason\":\"the log no longer reaches back so far\"}\n\n"
	tab.Wait(".log li[data-gap]", "Gap 14:02:10 to ")
	tab.Wait(".tail-bar output", "a second, all shown")
}

func TestTailIsBounded(t *testing.T) {
	tab, send, _ := tail(t, false)
	for i := range 12 {
		send(i*100+1, i*100+100)
	}
	tab.Until(`document.querySelector(".log li bdi")?.textContent === "number <b>1200</b>"`)
	if got := tab.Count(".log li"); got != 500 {
		t.Errorf("there are %d rows, want 500", got)
	}
	tab.Click("=Pause")
	for i := range 12 {
		send(i*100+1201, i*100+1300)
	}
	tab.Wait("=500 or more new", "")
	tab.Click("=500 or more new")
	tab.Until(`document.querySelector(".log li bdi")?.textContent === "number <b>2400</b>"`)
	if got := tab.Count(".log li"); got != 500 {
		t.Errorf("there are %d rows, want 500", got)
	}
}

func TestTailSpeaksCounts(t *testing.T) {
	tab, send, _ := tail(t, true)
	send(1, 7)
	tab.Until(`document.querySelectorAll(".log li").length === 7`)
	browser.Announced(t, tab, "7 new events", func() {}) // after 30 seconds of the page
}

func TestJob(t *testing.T) {
	var done atomic.Int32
	box := func() string {
		n := done.Load()
		if n >= 400 {
			return `<div class="job" id="job"><p>Import: 388 done, 12 refused.</p></div>`
		}
		return fmt.Sprintf(`<div class="job" id="job" data-job="/job"><p>Import: %d of 400 rows</p><progress max="400" value="%d" aria-label="Import">%d of 400</progress></div>`, n, n, n)
	}
	var fragments atomic.Int32
	s := site(t, map[string]http.HandlerFunc{
		"GET /{$}": func(w http.ResponseWriter, _ *http.Request) {
			html(w, page(`<main id="main" tabindex="-1"><h1>Import</h1>`+box()+`</main>`))
		},
		"GET /job": func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Trellis-Fragment") == "job" {
				fragments.Add(1)
			}
			html(w, box())
		},
	})
	tab := browser.Open(t)
	tab.Before(`const real = window.setTimeout; window.setTimeout = (f, ms, ...rest) => real(f, ms / 10, ...rest)`)
	tab.Go(s.URL)
	for _, step := range []struct {
		done int32
		said string
	}{{130, "Import 25 %"}, {350, "Import 75 %"}, {400, "Import: 388 done, 12 refused."}} {
		browser.Announced(t, tab, step.said, func() { done.Store(step.done) })
	}
	asked := fragments.Load()
	tab.Until(`new Promise((done) => setTimeout(() => done(true), 5000))`) // five rounds of the page's clock
	if got := fragments.Load(); asked == 0 || got != asked {
		t.Errorf("asked %d times while it ran and %d after it was done", asked, got-asked)
	}
}
