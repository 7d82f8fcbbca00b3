package pages_test

import (
	"golang.org/x/net/html"
)

// forms returns the forms of the page that post to a path.
func (b *browser) forms(action string) (list []*html.Node) {
	for _, f := range b.find("form") {
		if attr(f, "action") == action {
			list = append(list, f)
		}
	}
	return list
}

// formOf returns the form that has a hidden field of that value.
func (b *browser) formOf(name, value string) *html.Node {
	b.t.Helper()
	for _, f := range b.find("form") {
		for _, in := range findIn(f, "input[type=hidden][name="+name+"]") {
			if attr(in, "value") == value {
				return f
			}
		}
	}
	b.t.Fatalf("there is no form with %s = %s at %s: %s", name, value, b.at, b.text())
	return nil
}

// press presses the button of a form that has a value, or its first one.
func (b *browser) press(form *html.Node, value string, enter fields) *browser {
	b.t.Helper()
	for _, button := range findIn(form, "button") {
		if value == "" || attr(button, "value") == value {
			req := b.fill(form, button, enter)
			b.send(req.method, req.to, req.contentType, req.body)
			return b
		}
	}
	b.t.Fatalf("the form at %s has no button %q", b.at, value)
	return b
}
