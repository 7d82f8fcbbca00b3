package tree

import "slices"

// Patch applies a merge patch (RFC 7396) to the JSON of a tree: keys with null are
// taken away, objects are merged, everything else, arrays included, is replaced.
// The result is checked as [Decode] does.
func Patch(n Node, patch []byte) (Node, error) {
	p, err := parse(patch)
	if err != nil {
		return Node{}, err
	}
	if p.typ != '{' {
		return Node{}, fault(nil, "a patch is an object, not %s", p.typeName())
	}
	v, err := parse(appendNode(nil, &n))
	if err != nil {
		return Node{}, err
	}
	return decode(merge(v, p))
}

// merge is the function of RFC 7396, section 2. Neither is deeper than parse
// allows.
func merge(target, patch value) value {
	if patch.typ != '{' {
		return patch
	}
	if target.typ != '{' {
		target = value{typ: '{'}
	}
	out := value{typ: '{', keys: slices.Clone(target.keys), items: slices.Clone(target.items)}
	for i, key := range patch.keys {
		at := slices.Index(out.keys, key)
		switch {
		case patch.items[i].typ == 'n':
			if at >= 0 {
				out.keys, out.items = slices.Delete(out.keys, at, at+1), slices.Delete(out.items, at, at+1)
			}
		case at >= 0:
			out.items[at] = merge(out.items[at], patch.items[i])
		default:
			out.keys = append(out.keys, key)
			out.items = append(out.items, merge(value{}, patch.items[i]))
		}
	}
	return out
}
