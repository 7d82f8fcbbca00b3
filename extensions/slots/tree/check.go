package tree

import (
	"math"
	"slices"
)

// Check reports what [Decode] would refuse of a tree that was made in Go.
func (n Node) Check() error {
	c := checker{}
	return c.node(&n, nil, 1)
}

// checker counts what a tree has while it is checked.
type checker struct {
	nodes, charts, actions int
	text                   int // bytes, of the present node
}

func (c *checker) node(n *Node, at *place, depth int) error {
	props := shape(n.Kind)
	if props == nil {
		return fault(&place{up: at, key: "kind"}, "must be one of %s", list(Kinds()))
	}
	if depth > MaxDepth {
		return fault(at, "nested deeper than %d nodes", MaxDepth)
	}
	if err := c.count(1, at); err != nil {
		return err
	}
	c.text = 0
	if err := enums(n, props, at); err != nil {
		return err
	}
	if err := c.own(n, at); err != nil {
		return err
	}
	if c.text > MaxText {
		return fault(at, "%d bytes of text; the limit of a node is %d", c.text, MaxText)
	}
	return c.below(n, at, depth)
}

func (c *checker) count(n int, at *place) error {
	if c.nodes += n; c.nodes > MaxNodes {
		return fault(at, "more than %d nodes, cells and runs", MaxNodes)
	}
	return nil
}

// enums checks what may be one of a few words, or is left out.
func enums(o object, props []property, at *place) error {
	for i := range props {
		if props[i].enum == nil {
			continue
		}
		s, ok := o.field(props[i].name).(*string)
		if ok && !slices.Contains(props[i].enum, *s) && (*s != "" || props[i].need) {
			return fault(&place{up: at, key: props[i].name}, "must be one of %s", list(props[i].enum))
		}
	}
	return nil
}

// below checks the nodes in a node.
func (c *checker) below(n *Node, at *place, depth int) error {
	switch n.Kind {
	case Stack, Card, Details:
		return c.nodesOf(n.Children, &place{up: at, key: "children"}, depth)
	case List:
		return c.nodesOf(n.Items, &place{up: at, key: "items"}, depth)
	case Table:
		rows := place{up: at, key: "rows"}
		for i, row := range n.Rows {
			here := place{up: &rows, index: i + 1}
			if len(row) != len(n.Columns) {
				return fault(&here, "has %d cells for %d columns", len(row), len(n.Columns))
			}
			for j, cell := range row {
				switch cell.Kind {
				case Text, Badge, Progress, Image, Button:
				default:
					return fault(&place{up: &here, index: j + 1}, "a cell is a text, badge, progress, image or button")
				}
			}
			if err := c.nodesOf(row, &here, depth); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *checker) nodesOf(nodes []Node, at *place, depth int) error {
	for i := range nodes {
		if err := c.node(&nodes[i], &place{up: at, index: i + 1}, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// own checks the fields of a node, without the nodes in it.
func (c *checker) own(n *Node, at *place) error {
	switch n.Kind {
	case Card:
		c.text += len(n.Title)
	case Heading:
		if n.Level < 0 || n.Level > 3 {
			return fault(&place{up: at, key: "level"}, "must be 1 to 3")
		}
		return c.words(n.Text, at, "text")
	case Text:
		return c.runs(n, at)
	case Table:
		return c.table(n, at)
	case Badge:
		return c.words(n.Text, at, "text")
	case Progress:
		if !finite(n.Value) || !finite(n.Max) || n.Max < 0 {
			return fault(at, "value and max must be numbers, and max more than 0")
		}
		return c.words(n.Label, at, "label")
	case Image:
		return c.image(n, at)
	case Chart:
		return c.chart(n, at)
	case Details:
		return c.words(n.Summary, at, "summary")
	case Button:
		if err := c.words(n.Text, at, "text"); err != nil {
			return err
		}
		return c.action(n, at)
	case Form:
		if err := c.words(n.Submit, at, "submit"); err != nil {
			return err
		}
		if err := c.action(n, at); err != nil {
			return err
		}
		return c.fields(n, at)
	}
	return nil
}

// words checks a text that must say something.
func (c *checker) words(s string, at *place, key string) error {
	c.text += len(s)
	if !says(s) {
		return fault(&place{up: at, key: key}, "must say something")
	}
	return nil
}

func (c *checker) runs(n *Node, at *place) error {
	if n.Text != "" && n.Runs != nil {
		return fault(at, "a text has text or runs, not both")
	}
	c.text += len(n.Text)
	runs := place{up: at, key: "runs"}
	for i := range n.Runs {
		r := &n.Runs[i]
		here := place{up: &runs, index: i + 1}
		c.text += len(r.Text) + len(r.Link)
		if err := enums(r, runShape, &here); err != nil {
			return err
		}
		if r.Link == "" {
			continue
		}
		if _, err := address(r.Link, ""); err != nil {
			return fault(&place{up: &here, key: "link"}, "%s", err)
		}
		if err := c.words(r.Text, &here, "text"); err != nil {
			return err
		}
	}
	return c.count(len(n.Runs), at)
}

func (c *checker) table(n *Node, at *place) error {
	if len(n.Columns) == 0 || len(n.Columns) > MaxColumns {
		return fault(&place{up: at, key: "columns"}, "must be 1 to %d", MaxColumns)
	}
	columns := place{up: at, key: "columns"}
	for i := range n.Columns {
		here := place{up: &columns, index: i + 1}
		c.text += len(n.Columns[i].Title)
		if err := enums(&n.Columns[i], columnShape, &here); err != nil {
			return err
		}
	}
	if err := c.count(len(n.Rows), at); err != nil {
		return err
	}
	return c.words(n.Caption, at, "caption")
}

func (c *checker) image(n *Node, at *place) error {
	c.text += len(n.Alt) + len(n.Asset)
	if n.Width < 1 || n.Width > 4096 || n.Height < 1 || n.Height > 4096 {
		return fault(at, "width and height must be 1 to 4096")
	}
	if !validAsset(n.Asset) {
		return fault(&place{up: at, key: "asset"}, "must be the path of a file within assets/, such as logo.png")
	}
	return nil
}

func (c *checker) chart(n *Node, at *place) error {
	if c.charts++; c.charts > MaxCharts {
		return fault(at, "more than %d charts", MaxCharts)
	}
	if len(n.Labels) > MaxPoints {
		return fault(&place{up: at, key: "labels"}, "has %d items; the limit is %d", len(n.Labels), MaxPoints)
	}
	if len(n.Series) == 0 || len(n.Series) > MaxSeries {
		return fault(&place{up: at, key: "series"}, "must be 1 to %d", MaxSeries)
	}
	for _, label := range n.Labels {
		c.text += len(label)
	}
	series := place{up: at, key: "series"}
	for i, s := range n.Series {
		here := place{up: &series, index: i + 1}
		if err := c.words(s.Name, &here, "name"); err != nil {
			return err
		}
		if len(s.Values) != len(n.Labels) {
			return fault(&place{up: &here, key: "values"}, "has %d numbers for %d labels", len(s.Values), len(n.Labels))
		}
		for _, x := range s.Values {
			if !finite(x) {
				return fault(&place{up: &here, key: "values"}, "must be numbers from %s to %s", number(-MaxNumber), number(MaxNumber))
			}
		}
	}
	return c.words(n.Title, at, "title")
}

func finite(x float64) bool { return math.Abs(x) <= MaxNumber } // which NaN is not
