package symbol

import (
	"cmp"
	"math/bits"
	"slices"
	"sort"
)

// lineTable says of addresses which line they belong to. A nil table knows none.
type lineTable struct {
	rows  []row
	dirs  []string
	files []lineFile
	first uint32 // number of the first file
}

type lineFile struct {
	name string
	dir  uint64
}

type row struct {
	address            uint64
	file, line, column uint32
	order              uint32 // in the program, from 0
	end                bool   // nothing is known from here on
}

const maxFiles = 20_000

// at returns the row of an address, zero if there is none. A line of 0 is code of
// the compiler's own: the one before it is closer to what people wrote.
func (t *lineTable) at(address uint64, work *int) row {
	if t == nil {
		return row{}
	}
	i := sort.Search(len(t.rows), func(i int) bool { return t.rows[i].address > address }) - 1
	for ; i >= 0 && !t.rows[i].end && *work > 0; i-- {
		*work--
		if t.rows[i].line > 0 {
			return t.rows[i]
		}
	}
	return row{}
}

// file returns the path of a file by its number.
func (t *lineTable) file(u *unit, number uint32) string {
	if t == nil || number < t.first || uint64(number-t.first) >= uint64(len(t.files)) {
		return ""
	}
	f := t.files[number-t.first]
	dir := ""
	if f.dir < uint64(len(t.dirs)) {
		dir = t.dirs[f.dir]
	}
	return shortPath(u.dir, joinPath(dir, f.name))
}

// lineTable reads the line table of a unit (DWARF 5, section 6.2).
func (d *dwarf) lineTable(u *unit) *lineTable {
	if u.lineOffset >= uint64(len(d.line)) {
		return nil
	}
	r := reader{data: d.line, pos: int(u.lineOffset), work: d.work}
	size := r.fixed(4)
	if size > uint64(r.left()) {
		return nil
	}
	r.data = d.line[:r.pos+int(size)]
	version := r.fixed(2)
	if version < 2 || version > 5 {
		return nil
	}
	if version == 5 {
		r.skip(2) // sizes of addresses and segments
	}
	header := r.fixed(4)
	if r.bad || header > uint64(r.left()) {
		return nil
	}
	program := r.pos + int(header)
	p := lineProgram{t: &lineTable{}, room: &d.room}
	p.step = r.fixed(1)
	if version >= 4 {
		r.skip(1) // operations of an instruction: 1
	}
	r.skip(1) // whether a row is a statement
	p.lineBase, p.lineRange = int64(int8(r.byte())), int64(r.byte())
	p.opcodeBase = r.byte()
	for i := byte(1); i < p.opcodeBase; i++ {
		p.operands[i] = r.byte()
	}
	if version < 5 {
		p.t.oldFiles(&r)
	} else {
		d.newFiles(u, &r, p.t)
	}
	if r.bad || p.lineRange == 0 || program < r.pos {
		return p.t
	}
	r.pos = program
	p.run(&r)
	if !p.t.sort(d.work) {
		return nil
	}
	return p.t
}

// sort puts the rows in the order of their addresses, as compilers do. It reports
// false if that is too much work.
func (t *lineTable) sort(work *int) bool {
	before := func(a, b row) int {
		return cmp.Or(cmp.Compare(a.address, b.address),
			cmp.Compare(bit(b.end), bit(a.end)), // what ends there before what begins
			cmp.Compare(a.order, b.order))
	}
	if slices.IsSortedFunc(t.rows, before) {
		return true
	}
	if *work -= len(t.rows) * bits.Len(uint(len(t.rows))); *work < 0 {
		return false
	}
	slices.SortFunc(t.rows, before)
	return true
}

func bit(v bool) int {
	if v {
		return 1
	}
	return 0
}

// oldFiles reads the directories and files of DWARF 2 to 4.
func (t *lineTable) oldFiles(r *reader) {
	t.first = 1
	t.dirs = []string{""} // that of the unit
	for !r.bad && len(t.dirs) < maxFiles {
		dir := r.text()
		if dir == "" {
			break
		}
		t.dirs = append(t.dirs, dir)
	}
	for !r.bad && len(t.files) < maxFiles {
		f := lineFile{name: r.text()}
		if f.name == "" {
			break
		}
		f.dir = r.uint()
		r.uint() // time
		r.uint() // size
		t.files = append(t.files, f)
	}
}

// newFiles reads those of DWARF 5, which describe themselves.
func (d *dwarf) newFiles(u *unit, r *reader, t *lineTable) {
	for _, f := range d.fileList(u, r) {
		t.dirs = append(t.dirs, f.name)
	}
	t.files = d.fileList(u, r)
}

func (d *dwarf) fileList(u *unit, r *reader) (out []lineFile) {
	const path, directory = 1, 2
	format := make([]attribute, r.byte())
	for i := range format {
		format[i] = attribute{name: r.uint(), form: r.uint()}
	}
	for range r.uint() {
		from := r.pos
		var f lineFile
		for _, a := range format {
			at := r.pos
			switch v := d.read(u, r, a); {
			case a.name == path && a.form == formString:
				f.name = textAt(r.data, uint64(at), d.work)
			case a.name == path:
				f.name = d.text(u, v)
			case a.name == directory:
				f.dir = v.number
			}
		}
		if r.bad || r.pos == from || len(out) >= maxFiles {
			r.fail()
			return out
		}
		out = append(out, f)
	}
	return out
}

// lineProgram is the machine whose program makes the rows.
type lineProgram struct {
	t                   *lineTable
	room                *int
	step                uint64
	lineBase, lineRange int64
	opcodeBase          byte
	operands            [256]byte
	now                 row
	from                int // first row of the sequence
}

func (p *lineProgram) emit() {
	if *p.room > 0 {
		*p.room--
		p.now.order = uint32(len(p.t.rows))
		p.t.rows = append(p.t.rows, p.now)
	}
}

// end ends a sequence; one that the linker threw away is forgotten.
func (p *lineProgram) end() {
	p.now.end = true
	p.emit()
	const last = 0xfffffffe
	if p.from < len(p.t.rows) && (p.t.rows[p.from].address == 0 || p.t.rows[p.from].address >= last) {
		p.t.rows = p.t.rows[:p.from]
	}
	p.from = len(p.t.rows)
	p.now = row{file: 1, line: 1}
}

func (p *lineProgram) run(r *reader) {
	p.now = row{file: 1, line: 1}
	for r.left() > 0 && !r.bad {
		op := r.byte()
		if op >= p.opcodeBase {
			p.special(op)
			p.emit()
			continue
		}
		switch op {
		case 0:
			p.extended(r)
		case 1:
			p.emit()
		case 2:
			p.now.address += r.uint() * p.step
		case 3:
			p.now.line = uint32(int64(p.now.line) + r.int())
		case 4:
			p.now.file = uint32(r.uint())
		case 5:
			p.now.column = uint32(r.uint())
		case 8:
			line := p.now.line
			p.special(255)
			p.now.line = line
		case 9:
			p.now.address += r.fixed(2)
		default: // without effect on rows, or of later versions
			for range p.operands[op] {
				r.uint()
			}
		}
	}
	p.t.rows = p.t.rows[:p.from] // what has no end is nothing
}

// special moves address and line together.
func (p *lineProgram) special(op byte) {
	n := int64(op) - int64(p.opcodeBase)
	p.now.address += uint64(n/p.lineRange) * p.step
	p.now.line = uint32(int64(p.now.line) + p.lineBase + n%p.lineRange)
}

func (p *lineProgram) extended(r *reader) {
	body := r.bytes(r.uint())
	if len(body) == 0 {
		return
	}
	e := reader{data: body, pos: 1, work: r.work}
	switch body[0] {
	case 1:
		p.end()
	case 2:
		p.now.address = e.fixed(min(len(body)-1, 8))
	case 3:
		f := lineFile{name: e.text(), dir: e.uint()}
		if len(p.t.files) < maxFiles {
			p.t.files = append(p.t.files, f)
		}
	}
}
