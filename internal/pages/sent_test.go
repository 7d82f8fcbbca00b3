package pages_test

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/textproto"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/html"
)

// request is what a form sends.
type request struct {
	method, contentType string
	to                  *url.URL
	body                []byte
}

// button returns a button and its form.
func (b *browser) button(which string) (form, button *html.Node) {
	b.t.Helper()
	if b.doc == nil {
		b.t.Fatalf("no page to press %q in: %d %s", which, b.status, b.body)
	}
	if strings.HasPrefix(which, "form") {
		for _, form := range b.find(which) {
			for _, button := range b.elements(form) {
				if button.Data == "button" && attr(button, "type") != "button" {
					return form, button
				}
			}
		}
		b.t.Fatalf("there is no form %q at %s: %s", which, b.at, b.text())
	}
	for _, n := range b.find("button") {
		if textOf(n) != which || attr(n, "type") == "button" || has(n, "disabled") {
			continue
		}
		if button != nil {
			b.t.Fatalf("two buttons %q at %s", which, b.at)
		}
		button = n
	}
	if button == nil {
		b.t.Fatalf("there is no button %q at %s: %s", which, b.at, b.text())
	}
	if form = b.owner(button); form == nil {
		b.t.Fatalf("the button %q at %s belongs to no form", which, b.at)
	}
	return form, button
}

// owner returns the form that an element belongs to.
func (b *browser) owner(n *html.Node) *html.Node {
	if id := attr(n, "form"); id != "" {
		if f := b.find("form#" + id); len(f) > 0 {
			return f[0]
		}
		return nil
	}
	return within(n, "form")
}

// elements returns what belongs to a form, in the order of the page.
func (b *browser) elements(form *html.Node) (list []*html.Node) {
	for _, n := range b.find("*") {
		if slices.Contains([]string{"input", "select", "textarea", "button"}, n.Data) && b.owner(n) == form {
			list = append(list, n)
		}
	}
	return list
}

// pair is one thing that a form sends.
type pair struct {
	name, value string
	file        *file
}

// fill makes of a form what a browser sends when the button is pressed.
func (b *browser) fill(form, button *html.Node, enter fields) request {
	b.t.Helper()
	var sent []pair
	entered := map[string]bool{}
	for _, n := range b.elements(form) {
		name := attr(n, "name")
		if name == "" || has(n, "disabled") || fieldsetOff(n) {
			continue
		}
		what, given := enter[name]
		typ := attr(n, "type")
		if given && n.Data != "button" && typ != "hidden" && !has(n, "readonly") {
			entered[name] = true
		} else {
			given = false
		}
		switch {
		case n.Data == "button":
			if n == button {
				sent = append(sent, pair{name: name, value: attr(n, "value")})
			}
		case n.Data == "select":
			sent = append(sent, b.choose(n, what, given)...)
		case n.Data == "textarea":
			value := rawText(n)
			if given {
				value = fmt.Sprint(what)
			}
			sent = append(sent, pair{name: name, value: lines(value)})
		case typ == "checkbox" || typ == "radio":
			value := attr(n, "value")
			if !has(n, "value") {
				value = "on"
			}
			on := has(n, "checked")
			if given {
				switch v := what.(type) {
				case bool:
					on = v
				case []string:
					on = slices.Contains(v, value)
				default:
					on = v == value
				}
			}
			if on {
				sent = append(sent, pair{name: name, value: value})
			}
		case typ == "file":
			f := &file{}
			if given {
				chosen := what.(file)
				f = &chosen
			}
			sent = append(sent, pair{name: name, file: f})
		case typ == "submit" || typ == "reset" || typ == "image":
		default:
			value := attr(n, "value")
			if given {
				value = fmt.Sprint(what)
			}
			sent = append(sent, pair{name: name, value: value})
		}
	}
	for name, what := range enter {
		if !entered[name] {
			b.t.Fatalf("the form at %s has no field %q to enter %v", b.at, name, what)
		}
		if choice, ok := what.(string); ok && !slices.ContainsFunc(sent, func(p pair) bool { return p.name == name && lines(choice) == p.value }) {
			b.t.Fatalf("the field %q at %s does not offer %q", name, b.at, choice)
		}
	}
	return b.encode(form, button, sent)
}

// choose returns what a select sends.
func (b *browser) choose(n *html.Node, what any, given bool) (sent []pair) {
	options := findIn(n, "option")
	value := func(o *html.Node) string {
		if has(o, "value") {
			return attr(o, "value")
		}
		return textOf(o)
	}
	var first *html.Node
	for _, o := range options {
		if has(o, "disabled") {
			continue
		}
		if first == nil {
			first = o
		}
		on := has(o, "selected")
		if list, several := what.([]string); given && several {
			on = slices.Contains(list, value(o))
		} else if given {
			on = what == value(o)
		}
		if on {
			sent = append(sent, pair{name: attr(n, "name"), value: value(o)})
		}
	}
	if len(sent) == 0 && first != nil && !given && !has(n, "multiple") {
		sent = append(sent, pair{name: attr(n, "name"), value: value(first)})
	}
	return sent
}

// encode makes a request of what a form sends.
func (b *browser) encode(form, button *html.Node, sent []pair) request {
	b.t.Helper()
	action, method, enctype := attr(form, "action"), attr(form, "method"), attr(form, "enctype")
	for from, to := range map[string]*string{"formaction": &action, "formmethod": &method, "formenctype": &enctype} {
		if has(button, from) {
			*to = attr(button, from)
		}
	}
	r := request{method: "GET", to: b.at}
	if action != "" {
		r.to = b.reference(action)
	}
	plain := url.Values{}
	for _, p := range sent {
		if p.file != nil {
			p.value = p.file.name
		}
		plain.Add(p.name, p.value)
	}
	if !strings.EqualFold(method, "post") {
		to := *r.to
		to.RawQuery = plain.Encode()
		r.to = &to
		return r
	}
	r.method = "POST"
	if enctype != "multipart/form-data" {
		r.contentType, r.body = "application/x-www-form-urlencoded", []byte(plain.Encode())
		return r
	}
	var out bytes.Buffer
	w := multipart.NewWriter(&out)
	for _, p := range sent {
		head := textproto.MIMEHeader{"Content-Disposition": {fmt.Sprintf(`form-data; name="%s"`, escape(p.name))}}
		data := []byte(p.value)
		if p.file != nil {
			head.Set("Content-Disposition", fmt.Sprintf(`form-data; name="%s"; filename="%s"`, escape(p.name), escape(p.file.name)))
			head.Set("Content-Type", "application/octet-stream")
			data = p.file.data
		}
		part, err := w.CreatePart(head)
		if err == nil {
			_, err = part.Write(data)
		}
		if err != nil {
			b.t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		b.t.Fatal(err)
	}
	r.contentType, r.body = w.FormDataContentType(), out.Bytes()
	return r
}

// lines ends lines as browsers do when they send them.
func lines(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\n", "\r\n")
}

// escape writes a name into the head of a part as browsers do.
func escape(s string) string {
	return strings.NewReplacer("\n", "%0A", "\r", "%0D", `"`, "%22").Replace(s)
}
