//go:build browser

package browser_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/trellis-learning/trellis/internal/browser"
)

func zone(before string) string {
	return page(`<main id="main" tabindex="-1"><h1>Extensions</h1>` + before + `<form class="drop" method="post" action="/send" enctype="multipart/form-data" data-upload data-limit="2000000"><label for="bundle">Drop a bundle here, or choose it</label><input type="file" id="bundle" name="bundle" accept=".trellis,.zip"><button class="button primary">Upload</button><progress hidden aria-label="Upload"></progress></form></main>`)
}

func zeros(t *testing.T, name string, size int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, make([]byte, size), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// store takes uploads: the good one leads to its page, others come back.
func store(w http.ResponseWriter, r *http.Request) {
	file, header, err := r.FormFile("bundle")
	if err != nil {
		html(w, zone(`<p>`+err.Error()+`</p>`))
		return
	}
	n, _ := io.Copy(io.Discard, file)
	if header.Filename != "good.trellis" {
		w.WriteHeader(http.StatusUnprocessableEntity)
		html(w, zone(`<div class="errors" tabindex="-1" role="group" aria-labelledby="errors-title"><h2 id="errors-title">There is a problem</h2><ul><li><a href="#bundle">extension.json: unknown key permision.</a></li></ul></div>`))
		return
	}
	http.Redirect(w, r, fmt.Sprintf("/review?bytes=%d", n), http.StatusSeeOther)
}

func uploads(t *testing.T, post http.HandlerFunc) (*server, *browser.Tab) {
	t.Helper()
	s := site(t, map[string]http.HandlerFunc{
		"GET /{$}":   func(w http.ResponseWriter, _ *http.Request) { html(w, zone("")) },
		"POST /send": post,
		"GET /review": func(w http.ResponseWriter, r *http.Request) {
			html(w, page(`<main id="main" tabindex="-1"><div class="notice" data-state="ok" data-flash><p>Received `+r.FormValue("bytes")+` bytes.</p></div><h1>What it will do</h1></main>`))
		},
	})
	tab := browser.Open(t)
	tab.Go(s.URL)
	tab.Until(`document.readyState === "complete"`)
	return s, tab
}

func TestUpload(t *testing.T) {
	for _, tt := range []struct {
		name   string
		give   func(tab *browser.Tab, path string)
		script bool
	}{
		{"chosen", func(tab *browser.Tab, path string) { tab.Upload("#bundle", path) }, true},
		{"dropped on the input", func(tab *browser.Tab, path string) { tab.Drop("#bundle", path) }, true},
		{"dropped beside it", func(tab *browser.Tab, path string) { tab.Drop(".drop label", path) }, true},
		{"chosen, without the script", func(tab *browser.Tab, path string) { tab.Upload("#bundle", path) }, false},
		{"dropped, without the script", func(tab *browser.Tab, path string) { tab.Drop("#bundle", path) }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, tab := uploads(t, store)
			if !tt.script {
				tab.NoScript()
				tab.Go(s.URL)
			}
			tt.give(tab, zeros(t, "good.trellis", 300_000))
			tab.Click("=Upload")
			tab.Wait("h1", "What it will do")
			tab.Wait(".notice", "Received 300000 bytes.")
			if got, want := tab.URL(), s.URL+"/review?bytes=300000"; got != want {
				t.Errorf("the page is at %s, want %s", got, want)
			}
		})
	}
}

func TestUploadFaults(t *testing.T) {
	s, tab := uploads(t, store)
	tab.Allow("status of 422")
	tab.Click("=Upload")
	tab.Wait(".notice", "Choose a file first.")
	tab.Upload("#bundle", zeros(t, "large.trellis", 2_300_000))
	tab.Click("=Upload")
	tab.Wait(".notice", "2.3 MB; the limit is 2.0 MB.")
	tab.Upload("#bundle", zeros(t, "bad.trellis", 1000))
	tab.Click("=Upload")
	tab.Wait(".errors", "unknown key permision")
	tab.Until(`document.activeElement.matches(".errors")`)
	if got := tab.URL(); got != s.URL+"/" {
		t.Errorf("the page is at %s, which cannot be loaded again", got)
	}
	if tab.Has(".notice") || tab.Has("progress") {
		t.Error("the notice or the bar of before is still there")
	}
}

func TestUploadOfAChangedFile(t *testing.T) {
	_, tab := uploads(t, store)
	tab.Allow("net::ERR_")
	path := zeros(t, "good.trellis", 1000)
	tab.Upload("#bundle", path)
	if err := os.Remove(path); err != nil { // as a build does before it writes the next
		t.Fatal(err)
	}
	tab.Click("=Upload")
	tab.Wait(".notice", "The file changed on disk. Choose it again.")
}

func TestUploadIsCancelled(t *testing.T) {
	cancelled, got := make(chan struct{}), make(chan error, 1)
	_, tab := uploads(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.CopyN(io.Discard, r.Body, 1_000_000)
		<-cancelled
		_, err := io.Copy(io.Discard, r.Body)
		got <- err
	})
	tab.Allow("net::ERR_")
	browser.Eval[bool](tab, `(document.querySelector(".drop").removeAttribute("data-limit"), true)`)
	tab.Upload("#bundle", zeros(t, "good.trellis", 64_000_000))
	tab.Click("=Upload")
	tab.Until(`document.querySelector("progress").max > 1 && /^[\d.]+ MB of 64\.\d MB$/.test(document.querySelector("output").value)`)
	browser.Axe(t, tab)
	browser.Announced(t, tab, "Cancelled. Nothing was stored.", func() { tab.Click("=Cancel") })
	if got := tab.Focused(); got != "button Upload" {
		t.Errorf("the focus is on %q", got)
	}
	if got := browser.Eval[int](tab, `document.querySelector("#bundle").files.length`); got != 1 {
		t.Error("the choice is lost")
	}
	close(cancelled)
	if err := <-got; err == nil {
		t.Error("the server got it all")
	}
}
