// Package tree is what an extension shows: a tree of typed nodes, read strictly
// and rendered to HTML that is safe by construction.
//
// A tree comes from a guest as JSON. [Decode] reads it and refuses whatever is not
// a tree, with the place of the fault; [Render] writes it as HTML. There is no node
// for HTML of the guest's own, no attribute and no class that it may name, and no
// address that is not parsed and found on a list of what is allowed: what can be
// shown is what this package can write.
//
// A node is an object with a kind, and the keys of that kind (see [Schema]):
//
//	{"kind": "card", "title": "Today", "children": [
//	  {"kind": "text", "runs": ["Enrolled today: ", {"text": "12", "style": "strong"}]},
//	  "A string is a text, too.",
//	  {"kind": "button", "text": "Count again", "action": "recount"}]}
package tree

// Kind says what a node is, and so which fields it has.
type Kind string

// The kinds of node.
const (
	Stack    Kind = "stack"    // Children one below the other, or in a row: Direction, Gap
	Card     Kind = "card"     // Children in a frame, with a Title
	Heading  Kind = "heading"  // Text, at a Level from 1 to 3 within the slot
	Text     Kind = "text"     // Text or Runs, with a Tone
	List     Kind = "list"     // Items, Ordered or not
	Table    Kind = "table"    // Caption, Columns, Rows; the first cell of a row is its heading
	Badge    Kind = "badge"    // Text, with a State
	Progress Kind = "progress" // Label, and Value of Max
	Image    Kind = "image"    // Asset of the bundle, Alt, Width, Height
	Chart    Kind = "chart"    // Type, Title (what it shows to be so), Labels, Series
	Details  Kind = "details"  // Summary, and Children that are seen when it is Open
	Button   Kind = "button"   // Text, and the Action that it asks for with Values
	Form     Kind = "form"     // Fields, and the Action that Submit asks for with them and Values
)

// Kinds returns every kind of node.
func Kinds() []Kind {
	return []Kind{Stack, Card, Heading, Text, List, Table, Badge, Progress, Image, Chart, Details, Button, Form}
}

// What a tree may have at most. [Decode] refuses more.
const (
	MaxBytes   = 256 << 10 // of the JSON
	MaxNodes   = 2000      // nodes, table cells and runs together
	MaxDepth   = 24        // nodes within nodes
	MaxText    = 16 << 10  // bytes of the texts of one node, without its children
	MaxColumns = 20        // of a table
	MaxSeries  = 3         // of a chart
	MaxPoints  = 200       // of a series
	MaxCharts  = 12        // of a tree
	MaxActions = 100       // buttons and forms of a tree
	MaxFields  = 50        // of a form
	MaxOptions = 200       // of a field
	MaxValues  = 20        // fixed values of an action
	MaxValue   = 1000      // bytes of a fixed value or of an option's
	MaxEntered = 16 << 10  // bytes of one value that is entered
	MaxNumber  = 1e15      // the largest number, in either direction
)

// Node is one node of a tree. Kind decides which of the other fields count; the
// rest are ignored. A tree that was made in Go, and not decoded, is checked by
// [Node.Check].
type Node struct {
	Kind     Kind
	Children []Node // stack, card, details

	Direction string // stack: "column" (default) or "row"
	Gap       string // stack: "small", "medium" (default) or "large"

	Title string // card, chart
	Level int    // heading: 1 to 3
	Text  string // heading, badge, button; text, if it has no Runs
	Runs  []Run  // text
	Tone  string // text: "", "muted", "ok", "warn" or "bad"
	State string // badge: "ok", "warn", "bad", "info" (default) or "off"

	Ordered bool   // list
	Items   []Node // list

	Caption string   // table
	Columns []Column // table
	Rows    [][]Node // table: text, badge, progress, image or button in each cell

	Label string  // progress
	Value float64 // progress
	Max   float64 // progress: 100 if zero

	Asset  string // image: path of a file of the bundle, within assets/ ("logo.png")
	Alt    string // image: what stands for it, "" for an ornament
	Width  int    // image, in CSS pixels
	Height int    // image, in CSS pixels

	Type   string   // chart: "bar" or "line"
	Labels []string // chart: one for each point
	Series []Series // chart

	Summary string // details
	Open    bool   // details

	Action string            // button, form: the export that is asked
	Values map[string]string // button, form: what the export is given besides
	Style  string            // button, form: "", "primary" or "danger"
	Submit string            // form: text of its button
	Fields []FormField       // form
}

// Run is a part of a text.
type Run struct {
	Text  string
	Style string // "", "strong", "em" or "code"
	Link  string // https, http, mailto, or a path within the tenant ("/courses/…")
}

// Column is a column of a table.
type Column struct {
	Title string
	Align string // "start" (default) or "end", which is for numbers
}

// Series is a row of points of a chart, one for each label.
type Series struct {
	Name   string
	Values []float64
}

// FormField is something to fill in. Type decides which of the other fields it
// may have.
type FormField struct {
	Type      string // text, textarea, number, integer, checkbox, select, radio or date
	Name      string
	Label     string
	Hint      string
	Required  bool     // of a checkbox: it must be ticked
	Min, Max  *float64 // number, integer
	Earliest  string   // date: 2026-01-31
	Latest    string   // date
	MaxLength int      // text, textarea: in characters; 0 is as long as may be
	Options   []Option // select, radio
	Default   string   // as it is entered; of a checkbox "true" or "false"
}

// Option is one of the things to choose from.
type Option struct {
	Value string
	Label string // the value, if empty
}
