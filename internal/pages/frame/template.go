package frame

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"
)

//go:embed templates/*.html
var templates embed.FS

// set is the templates of a part's pages, by the pages' names.
type set map[string]*template.Template

// parse reads the templates of a part, each page with the layout, with what all
// pages share and with what the pages of the part do.
func parse(files fs.FS) (set, error) {
	shared, err := template.New("").Funcs(functions()).ParseFS(templates, "templates/layout.html", "templates/parts.html")
	if err != nil {
		return nil, err
	}
	names, err := fs.Glob(files, "templates/*.html")
	if err != nil {
		return nil, err
	}
	const parts = "templates/parts.html"
	if slices.Contains(names, parts) {
		if shared, err = shared.ParseFS(files, parts); err != nil {
			return nil, err
		}
	}
	made := set{}
	for _, f := range names {
		name := strings.TrimSuffix(path.Base(f), ".html")
		if name == "layout" || name == "parts" {
			continue
		}
		t, err := shared.Clone()
		if err != nil {
			return nil, err
		}
		if made[name], err = t.ParseFS(files, f); err != nil {
			return nil, err
		}
	}
	return made, nil
}

// execute makes a page, or the part of it that a template of that name is for.
func (s set) execute(name, part string, v View) ([]byte, error) {
	t := s[name]
	if t == nil {
		return nil, fmt.Errorf("there is no page %q", name)
	}
	var out bytes.Buffer
	if err := t.ExecuteTemplate(&out, part, v); err != nil {
		return nil, fmt.Errorf("make the page %s: %w", name, err)
	}
	return out.Bytes(), nil
}

// functions are what templates can do besides.
func functions() template.FuncMap {
	return template.FuncMap{
		"seg":  url.PathEscape,
		"time": func(t time.Time) template.HTML { return timeHTML(t) },
		"ago":  func(of any) template.HTML { return agoHTML(of, time.Now()) },
		"day":  dayHTML,
		"moment": func(t time.Time) template.HTML {
			return template.HTML(fmt.Sprintf(`<time datetime="%s">%s UTC</time>`, t.UTC().Format(time.RFC3339Nano), t.UTC().Format("2 Jan 2006, 15:04:05")))
		},
		"plural": func(n int, one, many string) string {
			if n == 1 {
				return "1 " + one
			}
			return fmt.Sprintf("%d %s", n, many)
		},
		"bytes":  func(n int64) string { return Size(n) },
		"dict":   dict,
		"fault":  FaultIn,
		"track":  Track,
		"filled": func(place template.HTML) bool { return strings.Contains(string(place), `class="slot"`) },
	}
}

// timeHTML is a point in time as pages show it: absolute, in UTC.
func timeHTML(t time.Time) template.HTML {
	if t.IsZero() {
		return "–"
	}
	t = t.UTC()
	return template.HTML(fmt.Sprintf(`<time datetime="%s">%s UTC</time>`, t.Format(time.RFC3339), t.Format("2 Jan 2006, 15:04")))
}

// agoHTML is how long ago a point in time was, for lists that are read at a glance;
// the point itself stands in the element and in its title. "" for none.
func agoHTML(of any, now time.Time) template.HTML {
	t := timeOf(of).UTC()
	if t.IsZero() {
		return ""
	}
	return template.HTML(fmt.Sprintf(`<time datetime="%s" title="%s UTC">%s</time>`, t.Format(time.RFC3339), t.Format("2 Jan 2006, 15:04:05"), Ago(t, now)))
}

// timeOf reads a point in time, or a pointer to one; zero for none.
func timeOf(of any) time.Time {
	switch v := of.(type) {
	case time.Time:
		return v
	case *time.Time:
		if v != nil {
			return *v
		}
	}
	return time.Time{}
}

// dayHTML is the day of a point in time, "" for none.
func dayHTML(of any) template.HTML {
	t := timeOf(of)
	if t.IsZero() {
		return ""
	}
	return template.HTML(fmt.Sprintf(`<time datetime="%s">%s</time>`, t.UTC().Format(time.RFC3339), OnDay(t)))
}

// Size is a number of bytes as people say it.
func Size(n int64) string {
	switch {
	case n < 1<<10:
		return fmt.Sprintf("%d bytes", n)
	case n < 1<<20:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
}

// FaultIn is what is wrong with a field, "" for nothing.
func FaultIn(list []Fault, field string) string {
	for _, f := range list {
		if f.Field == field {
			return f.Text
		}
	}
	return ""
}

// dict makes the data of a part of a template: names and values in turn.
func dict(pairs ...any) (map[string]any, error) {
	d := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("dict: %v is no name", pairs[i])
		}
		d[name] = pairs[i+1]
	}
	return d, nil
}
