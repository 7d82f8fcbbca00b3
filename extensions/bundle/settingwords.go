package bundle

import (
	"maps"
	"slices"
	"strings"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/line"
)

// words says which of the words that a form shows of a setting, or of those within it,
// are not as those of a line are.
func (n *node) words(path string) error {
	if n == nil {
		return nil
	}
	if where, wrong := n.unfit(); wrong != "" {
		return trellis.Errorf(trellis.Invalid, "%s%s: %s", strings.TrimPrefix(path+": ", ": "), where, wrong)
	}
	for _, name := range slices.Sorted(maps.Keys(n.Properties)) {
		if err := n.Properties[name].words(strings.TrimPrefix(path+"."+name, ".")); err != nil {
			return err
		}
	}
	if err := n.Items.words(path + "[]"); err != nil {
		return err
	}
	return n.AdditionalProperties.words(path + ".*")
}

// unfit says which of the node's own words are wrong, and why. A description may have
// several lines.
func (n *node) unfit() (where, wrong string) {
	if wrong = line.Fault(n.Title); wrong != "" {
		return "title", wrong
	}
	for part := range strings.FieldsFuncSeq(n.Description, func(r rune) bool { return r == '\n' || r == '\r' || r == '\t' }) {
		if wrong = line.Fault(part); wrong != "" {
			return "description", wrong
		}
	}
	for _, c := range n.OneOf {
		if wrong = line.Fault(c.Title); wrong != "" {
			return "oneOf", wrong
		}
	}
	for _, v := range n.Enum {
		if s, ok := v.(string); ok && line.Fault(s) != "" {
			return "enum", line.Fault(s)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(n.Properties)) {
		if wrong = line.Fault(name); wrong != "" {
			return "properties", wrong
		}
	}
	return "", ""
}
