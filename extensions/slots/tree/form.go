package tree

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// openForm begins a form of an action; false if there are none here.
func (r *renderer) openForm(class string, a Action) bool {
	if r.o.Hidden == nil {
		return false
	}
	r.raw(`<form` + class + ` method="post"`)
	r.attr("action", r.o.URL)
	r.raw(` novalidate data-action>`)
	for _, f := range r.o.Hidden(a) {
		r.raw(`<input type="hidden"`)
		r.attr("name", f.Name)
		r.attr("value", f.Value)
		r.raw(`>`)
	}
	return true
}

// button appends a button; row is the heading of its row in a table, which tells
// it from the buttons of the other rows.
func (r *renderer) button(n *Node, row string) {
	if !r.openForm("", n.offer()) {
		return
	}
	size := ""
	if row != "" {
		size = " small"
	}
	r.push(n.Style, size, n.Text, row)
	r.raw(`</form>`)
}

// push appends the button that sends a form.
func (r *renderer) push(style, size, text, row string) {
	r.raw(`<button class="button` + size)
	if slices.Contains(styles, style) {
		r.raw(` ` + style)
	}
	r.raw(`"><bdi>`)
	r.text(text)
	r.raw(`</bdi>`)
	if row != "" {
		r.raw(` <span class="hidden" dir="auto">`)
		r.text(row)
		r.raw(`</span>`)
	}
	r.raw(`</button>`)
}

func (r *renderer) form(n *Node) {
	a := n.offer()
	if !r.openForm(` class="form"`, a) {
		return
	}
	sent := r.o.Sent != nil && !r.taken && r.o.Sent.Same(a)
	r.taken = r.taken || sent
	ids := make([]string, len(n.Fields))
	for i := range ids {
		ids[i] = r.id()
	}
	if sent && len(r.o.Faults) > 0 {
		r.errors(n, ids)
	}
	for i := range n.Fields {
		in := input{FormField: &n.Fields[i], id: ids[i], value: n.Fields[i].Default}
		if sent {
			in.value, in.fault = r.o.Entered.Get(FieldPrefix+in.Name), r.o.Faults[in.Name]
		}
		r.input(in)
	}
	r.raw(`<div class="actions">`)
	r.push(n.Style, "", n.Submit, "")
	r.raw(`</div></form>`)
}

// errors appends the summary of what is to be corrected, with a link to each field.
func (r *renderer) errors(n *Node, ids []string) {
	title := r.id()
	r.raw(`<div class="errors" tabindex="-1" autofocus role="group"`)
	r.attr("aria-labelledby", title)
	r.raw(`><h2`)
	r.attr("id", title)
	r.raw(`>There is a problem</h2><ul>`)
	known := map[string]bool{}
	for i, f := range n.Fields {
		known[f.Name] = true
		if r.o.Faults[f.Name] == "" {
			continue
		}
		r.raw(`<li><a`)
		r.attr("href", "#"+ids[i])
		r.raw(`><bdi>`)
		r.text(f.Label)
		r.raw(`</bdi>`)
		if !strings.ContainsAny(f.Label[max(0, len(f.Label)-1):], "?!.:") {
			r.raw(`:`)
		}
		r.raw(` `)
		r.text(r.o.Faults[f.Name])
		r.raw(`</a></li>`)
	}
	for _, name := range slices.Sorted(maps.Keys(r.o.Faults)) {
		if !known[name] {
			r.raw(`<li dir="auto">`)
			r.text(r.o.Faults[name])
			r.raw(`</li>`)
		}
	}
	r.raw(`</ul></div>`)
}

// input is a field as it is shown.
type input struct {
	*FormField
	id, value, fault string
}

func (r *renderer) input(in input) {
	switch in.Type {
	case "radio":
		r.radios(in)
	case "checkbox":
		r.openField(`div`, in)
		r.raw(`>`)
		r.raw(`<label class="choice"><input type="checkbox" value="true"`)
		r.common(in)
		if in.value == "true" {
			r.raw(` checked`)
		}
		r.raw(`> <span dir="auto">`)
		r.text(in.Label)
		r.raw(`</span></label>`)
		r.help(in)
		r.raw(`</div>`)
	default:
		r.openField(`div`, in)
		r.raw(`>`)
		r.raw(`<label`)
		r.attr("for", in.id)
		r.raw(`>`)
		r.label(in)
		r.raw(`</label>`)
		r.help(in)
		r.control(in)
		r.raw(`</div>`)
	}
}

// openField begins the element of a field, as far as its attributes.
func (r *renderer) openField(tag string, in input) {
	r.raw(`<` + tag + ` class="field"`)
	if in.fault != "" {
		r.raw(` data-bad`)
	}
}

// label appends the label, which says so if the field may be left empty.
func (r *renderer) label(in input) {
	r.raw(`<bdi>`)
	r.text(in.Label)
	r.raw(`</bdi>`)
	if !in.Required {
		r.raw(` (optional)`)
	}
}

// help appends the hint and the fault.
func (r *renderer) help(in input) {
	if in.Hint != "" {
		r.raw(`<p class="hint" dir="auto"`)
		r.attr("id", in.id+"-hint")
		r.raw(`>`)
		r.text(in.Hint)
		r.raw(`</p>`)
	}
	if in.fault != "" {
		r.raw(`<p class="error" dir="auto"`)
		r.attr("id", in.id+"-error")
		r.raw(`>`)
		r.text(in.fault)
		r.raw(`</p>`)
	}
}

// described names the hint and the fault of a field.
func (r *renderer) described(in input) {
	switch {
	case in.Hint != "" && in.fault != "":
		r.attr("aria-describedby", in.id+"-hint "+in.id+"-error")
	case in.Hint != "":
		r.attr("aria-describedby", in.id+"-hint")
	case in.fault != "":
		r.attr("aria-describedby", in.id+"-error")
	}
}

// common appends the attributes that every input has.
func (r *renderer) common(in input) {
	r.attr("id", in.id)
	r.attr("name", FieldPrefix+in.Name)
	if in.Required {
		r.raw(` required`)
	}
	r.described(in)
	if in.fault != "" {
		r.raw(` aria-invalid="true"`)
	}
}

// control appends the input of a field that has one label.
func (r *renderer) control(in input) {
	switch in.Type {
	case "select":
		r.options(in)
		return
	case "textarea":
		r.raw(`<textarea rows="4" dir="auto"`)
		r.common(in)
		r.maxLength(in)
		r.raw(">\n") // the parser drops the first line end, ours and not theirs
		r.text(in.value)
		r.raw(`</textarea>`)
		return
	case "number":
		r.raw(`<input type="text" inputmode="decimal" autocomplete="off"`)
	case "integer":
		r.raw(`<input type="text" inputmode="numeric" autocomplete="off"`)
	case "date":
		r.raw(`<input type="date"`)
		if in.Earliest != "" {
			r.attr("min", in.Earliest)
		}
		if in.Latest != "" {
			r.attr("max", in.Latest)
		}
	default:
		r.raw(`<input type="text" dir="auto"`)
		r.maxLength(in)
	}
	r.common(in)
	r.attr("value", in.value)
	r.raw(`>`)
}

func (r *renderer) maxLength(in input) {
	if in.MaxLength > 0 {
		r.attr("maxlength", strconv.Itoa(in.MaxLength))
	}
}

func (r *renderer) options(in input) {
	r.raw(`<select`)
	r.common(in)
	r.raw(`>`)
	if in.Default == "" || !in.Required {
		r.raw(`<option value="">Choose one</option>`)
	}
	for _, o := range in.Options {
		r.raw(`<option dir="auto"`)
		r.attr("value", o.Value)
		if o.Value == in.value {
			r.raw(` selected`)
		}
		r.raw(`>`)
		r.text(o.label())
		r.raw(`</option>`)
	}
	r.raw(`</select>`)
}

// radios appends a group of which one is chosen. The summary's link leads to the
// first.
func (r *renderer) radios(in input) {
	r.openField(`fieldset`, in)
	r.described(in)
	r.raw(`><legend>`)
	r.label(in)
	r.raw(`</legend>`)
	r.help(in)
	for i, o := range in.Options {
		r.raw(`<label class="choice"><input type="radio"`)
		if i == 0 {
			r.attr("id", in.id)
		}
		r.attr("name", FieldPrefix+in.Name)
		r.attr("value", o.Value)
		if in.Required {
			r.raw(` required`)
		}
		if o.Value == in.value {
			r.raw(` checked`)
		}
		r.raw(`> <span dir="auto">`)
		r.text(o.label())
		r.raw(`</span></label>`)
	}
	r.raw(`</fieldset>`)
}

func (o Option) label() string {
	if o.Label == "" {
		return o.Value
	}
	return o.Label
}
