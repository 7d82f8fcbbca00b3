//go:build !wasip1

package guest_test

import (
	"encoding/json"
	"math"
	"strconv"

	"github.com/trellis-learning/trellis/hostapi/guest"
)

// recipe says how a tree is built, whatever the language: with a builder for each kind,
// which is given what stands here as it is. The probes of the other languages read the
// same.
type recipe struct {
	Kind      string            `json:"kind"`
	Direction string            `json:"direction,omitempty"`
	Gap       string            `json:"gap,omitempty"`
	Title     string            `json:"title,omitempty"`
	Text      string            `json:"text,omitempty"`
	Level     int               `json:"level,omitempty"`
	Tone      string            `json:"tone,omitempty"`
	Runs      []run             `json:"runs,omitempty"`
	Ordered   bool              `json:"ordered,omitempty"`
	Children  []*recipe         `json:"children,omitempty"`
	Items     []*recipe         `json:"items,omitempty"`
	Caption   string            `json:"caption,omitempty"`
	Columns   []column          `json:"columns,omitempty"`
	Rows      [][]*recipe       `json:"rows,omitempty"`
	Label     string            `json:"label,omitempty"`
	Value     number            `json:"value,omitempty"`
	Max       number            `json:"max,omitempty"`
	Asset     string            `json:"asset,omitempty"`
	Alt       string            `json:"alt,omitempty"`
	Width     int               `json:"width,omitempty"`
	Height    int               `json:"height,omitempty"`
	Line      bool              `json:"line,omitempty"`
	Labels    []string          `json:"labels,omitempty"`
	Series    []series          `json:"series,omitempty"`
	Summary   string            `json:"summary,omitempty"`
	Open      bool              `json:"open,omitempty"`
	Action    string            `json:"action,omitempty"`
	Values    map[string]string `json:"values,omitempty"`
	Style     string            `json:"style,omitempty"`
	Submit    string            `json:"submit,omitempty"`
	Fields    []field           `json:"fields,omitempty"`
}

type run struct {
	Text  string  `json:"text"`
	Style string  `json:"style,omitempty"`
	Link  *string `json:"link,omitempty"`
}

type column struct {
	Title  string `json:"title"`
	Number bool   `json:"number,omitempty"`
}

type series struct {
	Name   string   `json:"name"`
	Values []number `json:"values"`
}

type field struct {
	Type      string   `json:"type"`
	Name      string   `json:"name"`
	Label     string   `json:"label"`
	Hint      string   `json:"hint,omitempty"`
	Required  bool     `json:"required,omitempty"`
	Low       *number  `json:"low,omitempty"`
	High      *number  `json:"high,omitempty"`
	Earliest  string   `json:"earliest,omitempty"`
	Latest    string   `json:"latest,omitempty"`
	MaxLength int      `json:"maxlength,omitempty"`
	Value     any      `json:"value,omitempty"` // a text, a number or a truth, as the type has it
	Options   []option `json:"options,omitempty"`
}

type option struct {
	Value string `json:"value"`
	Label string `json:"label,omitempty"`
}

// number is null where it is none.
type number float64

func (n number) MarshalJSON() ([]byte, error) {
	if math.IsNaN(float64(n)) {
		return []byte("null"), nil
	}
	return json.Marshal(float64(n))
}

func tone(s string) guest.Tone { return guest.Tone(s) }

func build(r *recipe) guest.Node {
	if r == nil {
		return nil
	}
	switch r.Kind {
	case "stack":
		box := guest.Stack(builds(r.Children)...)
		if r.Direction == "row" {
			box = guest.Row(builds(r.Children)...)
		}
		switch r.Gap {
		case "small":
			box = box.Tight()
		case "large":
			box = box.Wide()
		}
		return box
	case "card":
		return guest.Card(r.Title, builds(r.Children)...)
	case "heading":
		return guest.Heading(r.Level, r.Text)
	case "list":
		if r.Ordered {
			return guest.Numbered(builds(r.Items)...)
		}
		return guest.List(builds(r.Items)...)
	case "details":
		fold := guest.Details(r.Summary, builds(r.Children)...)
		if r.Open {
			fold = fold.Opened()
		}
		return fold
	case "table":
		var columns []guest.Column
		for _, c := range r.Columns {
			columns = append(columns, guest.Column(c))
		}
		t := guest.Table(r.Caption, columns...)
		for _, row := range r.Rows {
			var cells []guest.Cell
			for _, c := range row {
				cells = append(cells, cell(c))
			}
			t = t.Row(cells...)
		}
		return t
	case "chart":
		c := guest.Chart{Title: r.Title, Line: r.Line, Labels: r.Labels}
		for _, s := range r.Series {
			one := guest.Series{Name: s.Name}
			for _, x := range s.Values {
				one.Values = append(one.Values, float64(x))
			}
			c.Series = append(c.Series, one)
		}
		return c
	case "form":
		var fields []guest.Field
		for _, f := range r.Fields {
			fields = append(fields, f.build())
		}
		f := guest.Form(r.Action, fields...)
		if r.Submit != "" {
			f = f.Submit(r.Submit)
		}
		for k, v := range r.Values {
			f = f.With(k, v)
		}
		switch r.Style {
		case "primary":
			f = f.Primary()
		case "danger":
			f = f.Danger()
		}
		return f
	}
	return cell(r)
}

func builds(list []*recipe) []guest.Node {
	var nodes []guest.Node
	for _, r := range list {
		nodes = append(nodes, build(r))
	}
	return nodes
}

func cell(r *recipe) guest.Cell {
	if r == nil {
		return nil
	}
	switch r.Kind {
	case "badge":
		return guest.Badge(r.Text, tone(r.Tone))
	case "progress":
		return guest.Progress(r.Label, float64(r.Value), float64(r.Max))
	case "image":
		return guest.Image(r.Asset, r.Alt, r.Width, r.Height)
	case "button":
		b := guest.Button(r.Text, r.Action)
		for k, v := range r.Values {
			b = b.With(k, v)
		}
		switch r.Style {
		case "primary":
			b = b.Primary()
		case "danger":
			b = b.Danger()
		}
		return b
	}
	var parts []guest.Part
	for _, p := range r.Runs {
		switch {
		case p.Link != nil:
			parts = append(parts, guest.Link(p.Text, *p.Link))
		case p.Style == "strong":
			parts = append(parts, guest.Bold(p.Text))
		case p.Style == "em":
			parts = append(parts, guest.Emphasis(p.Text))
		case p.Style == "code":
			parts = append(parts, guest.Code(p.Text))
		default:
			parts = append(parts, guest.Plain(p.Text))
		}
	}
	return guest.Text(r.Text, parts...).Tone(tone(r.Tone))
}

func (f field) build() guest.Field {
	var options []guest.Option
	for _, o := range f.Options {
		options = append(options, guest.Option(o))
	}
	var made guest.Field
	switch f.Type {
	case "textarea":
		made = guest.TextArea(f.Name, f.Label)
	case "number":
		made = guest.NumberField(f.Name, f.Label)
	case "integer":
		made = guest.IntegerField(f.Name, f.Label)
	case "checkbox":
		made = guest.Checkbox(f.Name, f.Label)
	case "select":
		made = guest.Select(f.Name, f.Label, options...)
	case "radio":
		made = guest.Radio(f.Name, f.Label, options...)
	case "date":
		made = guest.DateField(f.Name, f.Label)
	default:
		made = guest.TextField(f.Name, f.Label)
	}
	if f.Required {
		made = made.Required()
	}
	if f.Low != nil {
		made = made.Between(float64(*f.Low), float64(*f.High))
	}
	made = made.Hint(f.Hint).Days(f.Earliest, f.Latest).MaxLength(f.MaxLength)
	switch v := f.Value.(type) {
	case string:
		made = made.Value(v)
	case bool:
		made = made.Value(strconv.FormatBool(v))
	case float64:
		made = made.Value(strconv.FormatFloat(v, 'g', -1, 64))
	}
	return made
}
