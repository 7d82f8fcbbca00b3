package tree

import "github.com/trellis-learning/trellis"

// Decode reads a tree strictly. Unknown keys, keys that only look alike, keys that
// stand twice, wrong types and what exceeds the limits are [trellis.Invalid]; the
// message begins with the place of the fault, as a JSON Pointer.
func Decode(raw []byte) (Node, error) {
	return Node{}, trellis.Errorf(trellis.Unavailable, "not yet")
}

// Patch applies a merge patch (RFC 7396) to the JSON of a tree. The result is
// checked as [Decode] does.
func Patch(n Node, patch []byte) (Node, error) {
	return Node{}, trellis.Errorf(trellis.Unavailable, "not yet")
}

// Check reports what Decode would refuse of a tree that was made in Go.
func (n Node) Check() error { return nil }

// MarshalJSON returns the JSON of a tree, which [Decode] reads.
func (n Node) MarshalJSON() ([]byte, error) {
	return nil, trellis.Errorf(trellis.Unavailable, "not yet")
}

// UnmarshalJSON reads a tree as [Decode] does.
func (n *Node) UnmarshalJSON(raw []byte) error {
	t, err := Decode(raw)
	*n = t
	return err
}

// Schema returns the JSON Schema of a tree.
func Schema() []byte { return nil }
