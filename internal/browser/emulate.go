//go:build browser

package browser

import (
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/heapprofiler"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/performance"
)

// Look is how a person has set up their system. The zero value is the common one.
type Look struct {
	Dark          bool
	Forced        bool // forced colours; with Dark those of a dark high-contrast theme
	Contrast      bool // more contrast
	ReducedMotion bool
	Print         bool
}

// Looks returns the looks that every page is checked in, by name.
func Looks() map[string]Look {
	return map[string]Look{"light": {}, "dark": {Dark: true}, "forced": {Forced: true, Dark: true}}
}

// Look sets how the system is set up. It holds until it is set again.
func (tab *Tab) Look(look Look) {
	tab.t.Helper()
	*tab.look = look
	features := map[string]string{"prefers-color-scheme": "light", "forced-colors": "none", "prefers-contrast": "no-preference", "prefers-reduced-motion": "no-preference"}
	if look.Dark {
		features["prefers-color-scheme"] = "dark"
	}
	if look.Forced {
		features["forced-colors"] = "active"
	}
	if look.Contrast {
		features["prefers-contrast"] = "more"
	}
	if look.ReducedMotion {
		features["prefers-reduced-motion"] = "reduce"
	}
	params := emulation.SetEmulatedMediaParams{}
	if look.Print {
		params.Media = "print"
	}
	for name, value := range features {
		params.Features = append(params.Features, &emulation.MediaFeature{Name: name, Value: value})
	}
	call(tab, emulation.SetEmulatedMedia, params)
	tab.Until(`!document.getAnimations().some((a) => a instanceof CSSTransition)`) // no colours between two
}

// Viewport sets the size of the window in CSS pixels.
func (tab *Tab) Viewport(width, height int) {
	tab.t.Helper()
	call(tab, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: int64(width), Height: int64(height), DeviceScaleFactor: 1})
}

// Touch makes the pointer a coarse one, as that of a phone is.
func (tab *Tab) Touch(on bool) {
	tab.t.Helper()
	call(tab, emulation.SetTouchEmulationEnabled, emulation.SetTouchEmulationEnabledParams{Enabled: on})
}

// FontSize sets the size of text that the person prefers; 16 is the common one,
// 32 that of someone who reads at 200 %.
func (tab *Tab) FontSize(pixels int) {
	tab.t.Helper()
	call(tab, page.SetFontSizes, page.SetFontSizesParams{FontSizes: &page.FontSizes{Standard: int64(pixels), Fixed: int64(pixels) * 13 / 16}})
}

// NoScript switches the scripts of pages off, from the next page on.
func (tab *Tab) NoScript() {
	tab.t.Helper()
	call(tab, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
}

// Weight is what the page holds after all garbage is collected: listeners for
// events and nodes. Two weights before and after the same thing show a leak.
func (tab *Tab) Weight() (listeners, nodes int) {
	tab.t.Helper()
	call(tab, performance.Enable, performance.EnableParams{})
	for range 4 { // nodes and scripts hold each other: each round frees what the last let go
		call(tab, heapprofiler.CollectGarbage, cdp.Empty{})
	}
	for _, metric := range call(tab, performance.GetMetrics, cdp.Empty{}).Metrics {
		switch metric.Name {
		case "JSEventListeners":
			listeners = int(metric.Value)
		case "Nodes":
			nodes = int(metric.Value)
		}
	}
	return listeners, nodes
}

// Before runs a script before those of each page, from the next page on.
func (tab *Tab) Before(script string) {
	tab.t.Helper()
	call(tab, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: script})
}
