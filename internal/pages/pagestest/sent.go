package pagestest

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
func (b *Browser) button(which string) (form, button *html.Node) {
	b.T.Helper()
	if b.doc == nil {
		b.T.Fatalf("no page to press %q in: %d %s", which, b.Status, b.Body)
	}
	if strings.HasPrefix(which, "form") {
		for _, form := range b.Find(which) {
			for _, button := range b.elements(form) {
				if button.Data == "button" && Attr(button, "type") != "button" {
					return form, button
				}
			}
		}
		b.T.Fatalf("there is no form %q at %s: %s", which, b.At, b.Text())
	}
	for _, n := range b.Find("button") {
		if TextOf(n) != which || Attr(n, "type") == "button" || Has(n, "disabled") {
			continue
		}
		if button != nil {
			b.T.Fatalf("two buttons %q at %s", which, b.At)
		}
		button = n
	}
	if button == nil {
		b.T.Fatalf("there is no button %q at %s: %s", which, b.At, b.Text())
	}
	if form = b.owner(button); form == nil {
		b.T.Fatalf("the button %q at %s belongs to no form", which, b.At)
	}
	return form, button
}

// owner returns the form that an element belongs to.
func (b *Browser) owner(n *html.Node) *html.Node {
	if id := Attr(n, "form"); id != "" {
		if f := b.Find("form#" + id); len(f) > 0 {
			return f[0]
		}
		return nil
	}
	return within(n, "form")
}

// elements returns what belongs to a form, in the order of the page.
func (b *Browser) elements(form *html.Node) (list []*html.Node) {
	for _, n := range b.Find("*") {
		if slices.Contains([]string{"input", "select", "textarea", "button"}, n.Data) && b.owner(n) == form {
			list = append(list, n)
		}
	}
	return list
}

// pair is one thing that a form sends.
type pair struct {
	name, value string
	file        *File
}

// fill makes of a form what a browser sends when the button is pressed.
func (b *Browser) fill(form, button *html.Node, enter Fields) request {
	b.T.Helper()
	var sent []pair
	entered := map[string]bool{}
	for _, n := range b.elements(form) {
		name := Attr(n, "name")
		if name == "" || Has(n, "disabled") || fieldsetOff(n) {
			continue
		}
		what, given := enter[name]
		typ := Attr(n, "type")
		if given && n.Data != "button" && typ != "hidden" && !Has(n, "readonly") {
			entered[name] = true
		} else {
			given = false
		}
		switch {
		case n.Data == "button":
			if n == button {
				sent = append(sent, pair{name: name, value: Attr(n, "value")})
			}
		case n.Data == "select":
			sent = append(sent, b.choose(n, what, given)...)
		case n.Data == "textarea":
			value := RawText(n)
			if given {
				value = fmt.Sprint(what)
			}
			sent = append(sent, pair{name: name, value: lines(value)})
		case typ == "checkbox" || typ == "radio":
			value := Attr(n, "value")
			if !Has(n, "value") {
				value = "on"
			}
			on := Has(n, "checked")
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
			f := &File{}
			if given {
				chosen := what.(File)
				f = &chosen
			}
			sent = append(sent, pair{name: name, file: f})
		case typ == "submit" || typ == "reset" || typ == "image":
		default:
			value := Attr(n, "value")
			if given {
				value = fmt.Sprint(what)
			}
			sent = append(sent, pair{name: name, value: value})
		}
	}
	for name, what := range enter {
		if !entered[name] {
			b.T.Fatalf("the form at %s has no field %q to enter %v", b.At, name, what)
		}
		if choice, ok := what.(string); ok && !slices.ContainsFunc(sent, func(p pair) bool { return p.name == name && lines(choice) == p.value }) {
			b.T.Fatalf("the field %q at %s does not offer %q", name, b.At, choice)
		}
	}
	return b.encode(form, button, sent)
}

// choose returns what a select sends.
func (b *Browser) choose(n *html.Node, what any, given bool) (sent []pair) {
	options := findIn(n, "option")
	value := func(o *html.Node) string {
		if Has(o, "value") {
			return Attr(o, "value")
		}
		return TextOf(o)
	}
	var first *html.Node
	for _, o := range options {
		if Has(o, "disabled") {
			continue
		}
		if first == nil {
			first = o
		}
		on := Has(o, "selected")
		if list, several := what.([]string); given && several {
			on = slices.Contains(list, value(o))
		} else if given {
			on = what == value(o)
		}
		if on {
			sent = append(sent, pair{name: Attr(n, "name"), value: value(o)})
		}
	}
	if len(sent) == 0 && first != nil && !given && !Has(n, "multiple") {
		sent = append(sent, pair{name: Attr(n, "name"), value: value(first)})
	}
	return sent
}

// encode makes a request of what a form sends.
func (b *Browser) encode(form, button *html.Node, sent []pair) request {
	b.T.Helper()
	action, method, enctype := Attr(form, "action"), Attr(form, "method"), Attr(form, "enctype")
	for from, to := range map[string]*string{"formaction": &action, "formmethod": &method, "formenctype": &enctype} {
		if Has(button, from) {
			*to = Attr(button, from)
		}
	}
	r := request{method: "GET", to: b.At}
	if action != "" {
		r.to = b.reference(action)
	}
	plain := url.Values{}
	for _, p := range sent {
		if p.file != nil {
			p.value = p.file.Name
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
			head.Set("Content-Disposition", fmt.Sprintf(`form-data; name="%s"; filename="%s"`, escape(p.name), escape(p.file.Name)))
			head.Set("Content-Type", "application/octet-stream")
			data = p.file.Data
		}
		part, err := w.CreatePart(head)
		if err == nil {
			_, err = part.Write(data)
		}
		if err != nil {
			b.T.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		b.T.Fatal(err)
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
