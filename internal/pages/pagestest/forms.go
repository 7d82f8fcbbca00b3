package pagestest

import (
	"golang.org/x/net/html"
)

// Forms returns the forms of the page that post to a path.
func (b *Browser) Forms(action string) (list []*html.Node) {
	for _, f := range b.Find("form") {
		if Attr(f, "action") == action {
			list = append(list, f)
		}
	}
	return list
}

// FormOf returns the form that has a hidden field of that value.
func (b *Browser) FormOf(name, value string) *html.Node {
	b.T.Helper()
	for _, f := range b.Find("form") {
		for _, in := range findIn(f, "input[type=hidden][name="+name+"]") {
			if Attr(in, "value") == value {
				return f
			}
		}
	}
	b.T.Fatalf("there is no form with %s = %s at %s: %s", name, value, b.At, b.Text())
	return nil
}

// Press presses the button of a form that has a value, or its first one.
func (b *Browser) Press(form *html.Node, value string, enter Fields) *Browser {
	b.T.Helper()
	for _, button := range findIn(form, "button") {
		if value == "" || Attr(button, "value") == value {
			req := b.fill(form, button, enter)
			b.Send(req.method, req.to, req.contentType, req.body)
			return b
		}
	}
	b.T.Fatalf("the form at %s has no button %q", b.At, value)
	return b
}
