package tree

// property is a key of an object in the JSON of a tree. These tables are what
// [Decode] reads by, what is written by, and what [Schema] says.
type property struct {
	name string
	need bool     // it must be there
	enum []string // the texts that it may be
	doc  string
}

// object is what stands in the JSON of a tree as one: its fields by their keys, as
// pointers.
type object interface {
	field(name string) any
}

var (
	tones      = []string{"muted", "ok", "warn", "bad"}
	states     = []string{"ok", "warn", "bad", "info", "off"}
	emphases   = []string{"strong", "em", "code"}
	styles     = []string{"primary", "danger"}
	fieldTypes = []string{"text", "textarea", "number", "integer", "checkbox", "select", "radio", "date"}
)

// shape returns the keys of a kind of node besides its kind, nil if there is no
// such kind.
func shape(k Kind) []property {
	switch k {
	case Stack:
		return stackShape
	case Card:
		return cardShape
	case Heading:
		return headingShape
	case Text:
		return textShape
	case List:
		return listShape
	case Table:
		return tableShape
	case Badge:
		return badgeShape
	case Progress:
		return progressShape
	case Image:
		return imageShape
	case Chart:
		return chartShape
	case Details:
		return detailsShape
	case Button:
		return buttonShape
	case Form:
		return formShape
	}
	return nil
}

var (
	stackShape = []property{
		{"direction", false, []string{"column", "row"}, "Column, unless it says row."},
		{"gap", false, []string{"small", "medium", "large"}, "Room between the children: medium, unless it says otherwise."},
		{"children", true, nil, "What is in it."},
	}
	cardShape = []property{
		{"title", false, nil, "Its heading."},
		{"children", true, nil, "What is in it."},
	}
	headingShape = []property{
		{"level", false, nil, "1 (default) to 3, within the slot."},
		{"text", true, nil, "What it says."},
	}
	textShape = []property{
		{"text", false, nil, "What it says, plainly; or else runs."},
		{"runs", false, nil, "What it says, in parts."},
		{"tone", false, tones, "What it means for whoever reads it."},
	}
	listShape = []property{
		{"ordered", false, nil, "Whether the items are numbered."},
		{"items", true, nil, "One node for each item."},
	}
	tableShape = []property{
		{"caption", true, nil, "What the table shows."},
		{"columns", true, nil, "1 to 20."},
		{"rows", true, nil, "A cell for each column; the first one is the heading of its row. A cell is a text, badge, progress, image or button."},
	}
	badgeShape = []property{
		{"text", true, nil, "The word for the state."},
		{"state", false, states, "What kind of state it is: info, unless it says otherwise."},
	}
	progressShape = []property{
		{"label", true, nil, "What makes progress."},
		{"value", true, nil, "How far it is."},
		{"max", false, nil, "What it will be in the end: 100, unless it says otherwise. More than 0."},
	}
	imageShape = []property{
		{"asset", true, nil, "Path of a file of the bundle, within assets/."},
		{"alt", true, nil, "What stands for it where it is not seen; empty for an ornament."},
		{"width", true, nil, "In pixels, 1 to 4096."},
		{"height", true, nil, "In pixels, 1 to 4096."},
	}
	chartShape = []property{
		{"type", true, []string{"bar", "line"}, "How it is drawn."},
		{"title", true, nil, "What can be seen in it, as a sentence: Most enrol on Mondays."},
		{"labels", true, nil, "The name of each point, at most 200."},
		{"series", true, nil, "1 to 3."},
	}
	detailsShape = []property{
		{"summary", true, nil, "What is seen before it is opened."},
		{"open", false, nil, "Whether it is open to begin with."},
		{"children", true, nil, "What is seen when it is open."},
	}
	buttonShape = []property{
		{"text", true, nil, "What it says: a verb and what it is done to."},
		{"action", true, nil, "The export that is asked, one of the manifest's actions."},
		{"values", false, nil, "What the export is given."},
		{"style", false, styles, "How much it stands out."},
	}
	formShape = []property{
		{"action", true, nil, "The export that is asked, one of the manifest's actions."},
		{"values", false, nil, "What the export is given besides the fields."},
		{"fields", true, nil, "What is filled in, at most 50."},
		{"submit", true, nil, "What its button says."},
		{"style", false, styles, "How much its button stands out."},
	}

	runShape = []property{
		{"text", true, nil, "What it says."},
		{"style", false, emphases, "How it is said."},
		{"link", false, nil, "Where it leads: https:, http:, mailto:, or a path within the tenant, such as /courses/…"},
	}
	columnShape = []property{
		{"title", true, nil, "Its heading."},
		{"align", false, []string{"start", "end"}, "Start, unless it says end, which is for numbers."},
	}
	seriesShape = []property{
		{"name", true, nil, "What its values are."},
		{"values", true, nil, "A number for each label."},
	}
	optionShape = []property{
		{"value", true, nil, "What the export is given."},
		{"label", false, nil, "What is seen: the value, unless it says otherwise."},
	}
)

// The keys of every field of a form; fieldShape adds those of its type.
var fieldCommon = []property{
	{"type", true, fieldTypes, "What is filled in."},
	{"name", true, nil, "The key of the value for the export."},
	{"label", true, nil, "What is asked."},
	{"hint", false, nil, "What helps to answer."},
	{"required", false, nil, "Whether it must be filled in, or ticked."},
}

var (
	numberKeys = append(fieldCommon[:len(fieldCommon):len(fieldCommon)],
		property{"min", false, nil, "The least that it may be."},
		property{"max", false, nil, "The most that it may be."},
		property{"default", false, nil, "What stands there to begin with."})
	textKeys = append(fieldCommon[:len(fieldCommon):len(fieldCommon)],
		property{"maxlength", false, nil, "How many characters it may have."},
		property{"default", false, nil, "What stands there to begin with."})
	checkboxKeys = append(fieldCommon[:len(fieldCommon):len(fieldCommon)],
		property{"default", false, nil, "Whether it is ticked to begin with."})
	choiceKeys = append(fieldCommon[:len(fieldCommon):len(fieldCommon)],
		property{"options", true, nil, "What can be chosen, 1 to 200."},
		property{"default", false, nil, "The value that is chosen to begin with."})
	dateKeys = append(fieldCommon[:len(fieldCommon):len(fieldCommon)],
		property{"earliest", false, nil, "The first day that it may be: 2026-01-31."},
		property{"latest", false, nil, "The last day that it may be."},
		property{"default", false, nil, "The day that stands there to begin with."})
)

// fieldShape returns the keys of a field of a form, nil if there is no such type.
func fieldShape(typ string) []property {
	switch typ {
	case "text", "textarea":
		return textKeys
	case "number", "integer":
		return numberKeys
	case "checkbox":
		return checkboxKeys
	case "select", "radio":
		return choiceKeys
	case "date":
		return dateKeys
	}
	return nil
}

// entered is the default of a field: in JSON it has the type of the field, in Go it
// is what would be entered.
type entered struct {
	typ  string
	text *string
}

func (n *Node) field(name string) any {
	switch name {
	case "children":
		return &n.Children
	case "direction":
		return &n.Direction
	case "gap":
		return &n.Gap
	case "title":
		return &n.Title
	case "level":
		return &n.Level
	case "text":
		return &n.Text
	case "runs":
		return &n.Runs
	case "tone":
		return &n.Tone
	case "state":
		return &n.State
	case "ordered":
		return &n.Ordered
	case "items":
		return &n.Items
	case "caption":
		return &n.Caption
	case "columns":
		return &n.Columns
	case "rows":
		return &n.Rows
	case "label":
		return &n.Label
	case "value":
		return &n.Value
	case "max":
		return &n.Max
	case "asset":
		return &n.Asset
	case "alt":
		return &n.Alt
	case "width":
		return &n.Width
	case "height":
		return &n.Height
	case "type":
		return &n.Type
	case "labels":
		return &n.Labels
	case "series":
		return &n.Series
	case "summary":
		return &n.Summary
	case "open":
		return &n.Open
	case "action":
		return &n.Action
	case "values":
		return &n.Values
	case "style":
		return &n.Style
	case "submit":
		return &n.Submit
	case "fields":
		return &n.Fields
	}
	return nil
}

func (r *Run) field(name string) any {
	switch name {
	case "text":
		return &r.Text
	case "style":
		return &r.Style
	case "link":
		return &r.Link
	}
	return nil
}

func (c *Column) field(name string) any {
	switch name {
	case "title":
		return &c.Title
	case "align":
		return &c.Align
	}
	return nil
}

func (s *Series) field(name string) any {
	switch name {
	case "name":
		return &s.Name
	case "values":
		return &s.Values
	}
	return nil
}

func (o *Option) field(name string) any {
	switch name {
	case "value":
		return &o.Value
	case "label":
		return &o.Label
	}
	return nil
}

func (f *FormField) field(name string) any {
	switch name {
	case "type":
		return &f.Type
	case "name":
		return &f.Name
	case "label":
		return &f.Label
	case "hint":
		return &f.Hint
	case "required":
		return &f.Required
	case "min":
		return &f.Min
	case "max":
		return &f.Max
	case "earliest":
		return &f.Earliest
	case "latest":
		return &f.Latest
	case "maxlength":
		return &f.MaxLength
	case "options":
		return &f.Options
	case "default":
		return entered{f.Type, &f.Default}
	}
	return nil
}
