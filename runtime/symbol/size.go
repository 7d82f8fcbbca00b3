package symbol

import "unsafe"

// Size returns about how many bytes of memory the table takes by now beside the
// sections that it was made of: it keeps what it found in them.
func (t *Table) Size() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	const entry = 16 // of a map or a slice, beside what it holds
	n := len(t.functions) * int(entry+unsafe.Sizeof(uint64(0))+unsafe.Sizeof([]byte{}))
	n += len(t.answers)*int(entry+unsafe.Sizeof(question{})) + t.answered*int(unsafe.Sizeof(Frame{})+2*maxName)
	if m := t.sourceMap; m != nil {
		n += len(m.Mappings)
		for _, s := range m.Sources {
			n += entry + len(s)
		}
	}
	if t.dwarf != nil {
		n += t.dwarf.size()
	}
	return n
}

func (d *dwarf) size() (n int) {
	for _, list := range d.abbrevs {
		n += len(list) * int(unsafe.Sizeof(abbrev{}))
		for _, a := range list {
			n += cap(a.attrs) * int(unsafe.Sizeof(attribute{}))
		}
	}
	for _, u := range d.units {
		n += int(unsafe.Sizeof(unit{})) + cap(u.spans)*int(unsafe.Sizeof(span{})) + cap(u.scopes)*int(unsafe.Sizeof(scope{}))
		if l := u.lines; l != nil {
			n += int(unsafe.Sizeof(lineTable{})) + cap(l.rows)*int(unsafe.Sizeof(row{})) + cap(l.files)*int(unsafe.Sizeof(lineFile{}))
			for _, f := range l.files {
				n += len(f.name)
			}
			for _, dir := range l.dirs {
				n += len(dir)
			}
		}
	}
	return n
}
