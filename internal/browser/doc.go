// Package browser drives Chromium for the tests of the pages. It is for tests
// only, and all of it but this comment stands behind the build tag "browser":
//
//	go test -tags browser -timeout 5m ./internal/browser    (or: just browser)
//
// A test opens a tab, goes somewhere, does what a person does, and waits for what
// a person would see:
//
//	tab := browser.Open(t)
//	tab.Go(server + "/t/demo/login")
//	tab.Type("=Name", "lena")        // the control that is named so
//	tab.Type("#password", "secret")  // or a CSS selector
//	tab.Leave(func() { tab.Click("=Sign in") })
//	tab.Wait("h1", "My courses")
//	browser.Axe(t, tab)
//	browser.CheckAll(t, tab)
//
// Every wait is for a condition, up to [Patience], and fails with what stood there
// instead; nothing sleeps. A tab fails its test at the end if the page wrote an
// error to the console, threw, broke its Content-Security-Policy, opened a dialog
// of the browser, or asked another origin than its own for anything, unless
// [Tab.Allow] or [Tab.Origin] said that this is meant.
//
// Chromium is looked for under the name in TRELLIS_CHROMIUM, then as chromium,
// chromium-browser and google-chrome; without it these tests fail. axe-core comes
// from npm and is not part of the tree: "just axe" puts it into the cache
// directory, and TRELLIS_AXE names another axe.min.js.
package browser
