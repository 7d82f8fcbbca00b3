//go:build browser

package browser

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
)

// watch remembers what a page did that no page may do. Its hear is called by the
// connection to the browser, so it only takes notes.
type watch struct {
	answer func() // closes a dialog of the browser

	mu      sync.Mutex
	faults  []string
	origins []string          // where requests may go
	allowed []string          // parts of faults that are meant
	types   map[string]string // of requests by their ID
	asked   []Request
}

// Request is a request that a page made.
type Request struct {
	Method, URL string
}

func (w *watch) hear(event any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeAssert {
			var words []string
			for _, arg := range e.Args {
				words = append(words, strings.Trim(string(arg.Value), `"`)+arg.Description)
			}
			w.note("console: %s", strings.Join(words, " "))
		}
	case *runtime.EventExceptionThrown:
		d := e.ExceptionDetails
		text := d.Text
		if d.Exception != nil {
			text += " " + d.Exception.Description
		}
		w.note("exception: %s (%s:%d)", text, d.URL, d.LineNumber+1)
	case *log.EventEntryAdded:
		// That a page itself was answered with 403 or 422 is no fault of the page.
		if e.Entry.Level == log.EntryLevelError && w.types[string(e.Entry.NetworkRequestID)] != string(network.ResourceTypeDocument) {
			w.note("console: %s %s", e.Entry.Text, e.Entry.URL)
		}
	case *audits.EventIssueAdded:
		if d := e.Issue.Details; d != nil && d.ContentSecurityPolicyIssueDetails != nil {
			w.note("content security policy: %s does not allow %q", d.ContentSecurityPolicyIssueDetails.ViolatedDirective, d.ContentSecurityPolicyIssueDetails.BlockedURL)
		}
	case *page.EventWindowOpen:
		w.note("window opened: %s", e.URL)
	case *page.EventJavascriptDialogOpening:
		w.note("dialog of the browser: %s %q", e.Type, e.Message)
		go w.answer()
	case *network.EventRequestWillBeSent:
		w.types[string(e.RequestID)] = string(e.Type)
		w.asked = append(w.asked, Request{e.Request.Method, e.Request.URL})
		if origin := originOf(e.Request.URL); origin != "" && !slices.Contains(w.origins, origin) {
			w.note("request to another origin: %s %s", e.Request.Method, e.Request.URL)
		}
	}
}

func (w *watch) note(format string, args ...any) {
	w.faults = append(w.faults, fmt.Sprintf(format, args...))
}

// report fails t with each fault that was not allowed, once.
func (w *watch) report(t testing.TB) {
	t.Helper()
	for _, fault := range w.left() {
		t.Errorf("the page did what no page may do: %s", fault)
	}
}

func (w *watch) left() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var left []string
	for _, fault := range w.faults {
		meant := slices.ContainsFunc(w.allowed, func(part string) bool { return strings.Contains(fault, part) })
		if !meant && !slices.Contains(left, fault) {
			left = append(left, fault)
		}
	}
	return left
}

// originOf is empty for addresses that ask nobody, such as data: and about:.
func originOf(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// Allow says that faults which contain one of parts are meant, such as
// "net::ERR_CONNECTION_REFUSED" in a test that stops its server.
func (tab *Tab) Allow(parts ...string) {
	tab.watch.mu.Lock()
	defer tab.watch.mu.Unlock()
	tab.watch.allowed = append(tab.watch.allowed, parts...)
}

// Origin says that pages may ask these origins too, such as that of the content.
// The origin of an address given to [Tab.Go] is among them anyway.
func (tab *Tab) Origin(addresses ...string) {
	tab.watch.mu.Lock()
	defer tab.watch.mu.Unlock()
	for _, address := range addresses {
		tab.watch.origins = append(tab.watch.origins, originOf(address))
	}
}

// Faults returns what the tab saw and should not have, as it is reported at the
// end of the test: for tests that expect some.
func (tab *Tab) Faults() []string { return tab.watch.left() }

// Requests returns what was asked for so far.
func (tab *Tab) Requests() []Request {
	tab.watch.mu.Lock()
	defer tab.watch.mu.Unlock()
	return slices.Clone(tab.watch.asked)
}
