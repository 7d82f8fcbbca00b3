package symbol

// The numbers of DWARF 5, section 7.5.
const (
	tagCompileUnit = 0x11
	tagInlined     = 0x1d
	tagSubprogram  = 0x2e

	attrName            = 0x03
	attrStmtList        = 0x10
	attrLowPC           = 0x11
	attrHighPC          = 0x12
	attrCompDir         = 0x1b
	attrAbstractOrigin  = 0x31
	attrSpecification   = 0x47
	attrRanges          = 0x55
	attrCallColumn      = 0x57
	attrCallFile        = 0x58
	attrCallLine        = 0x59
	attrLinkageName     = 0x6e
	attrStrOffsetsBase  = 0x72
	attrAddrBase        = 0x73
	attrRnglistsBase    = 0x74
	attrMIPSLinkageName = 0x2007

	formAddr          = 0x01
	formBlock2        = 0x03
	formBlock4        = 0x04
	formData2         = 0x05
	formData4         = 0x06
	formData8         = 0x07
	formString        = 0x08
	formBlock         = 0x09
	formBlock1        = 0x0a
	formData1         = 0x0b
	formFlag          = 0x0c
	formSdata         = 0x0d
	formStrp          = 0x0e
	formUdata         = 0x0f
	formRefAddr       = 0x10
	formRef1          = 0x11
	formRef2          = 0x12
	formRef4          = 0x13
	formRef8          = 0x14
	formRefUdata      = 0x15
	formSecOffset     = 0x17
	formExprloc       = 0x18
	formFlagPresent   = 0x19
	formStrx          = 0x1a
	formAddrx         = 0x1b
	formRefSup4       = 0x1c
	formStrpSup       = 0x1d
	formData16        = 0x1e
	formLineStrp      = 0x1f
	formRefSig8       = 0x20
	formImplicitConst = 0x21
	formLoclistx      = 0x22
	formRnglistx      = 0x23
	formRefSup8       = 0x24
	formStrx1         = 0x25
	formStrx4         = 0x28
	formAddrx1        = 0x29
	formAddrx4        = 0x2c
)

const (
	maxAbbrevs    = 20_000 // of one table
	maxAttributes = 200    // of one abbreviation
)

// abbrev is the form of entries that share it.
type abbrev struct {
	code     uint64
	tag      uint64
	children bool
	attrs    []attribute
}

type attribute struct {
	name, form uint64
	constant   int64 // of formImplicitConst
}

// abbreviations reads a table of abbreviations, each once.
func (d *dwarf) abbreviations(at uint64) []abbrev {
	if known, ok := d.abbrevs[at]; ok {
		return known
	}
	if at >= uint64(len(d.abbrev)) {
		return nil
	}
	var out []abbrev
	r := reader{data: d.abbrev, pos: int(at), work: d.work}
	for !r.bad && len(out) < maxAbbrevs {
		a := abbrev{code: r.uint()}
		if a.code == 0 {
			break
		}
		a.tag, a.children = r.uint(), r.byte() != 0
		for !r.bad {
			t := attribute{name: r.uint(), form: r.uint()}
			if t.form == formImplicitConst {
				t.constant = r.int()
			}
			if t.name == 0 && t.form == 0 {
				break
			}
			if a.attrs = append(a.attrs, t); len(a.attrs) > maxAttributes {
				r.fail()
			}
		}
		if !r.bad {
			out = append(out, a)
		}
	}
	d.abbrevs[at] = out
	return out
}

// find returns an abbreviation by its code. Compilers number them from one.
func find(table []abbrev, code uint64, work *int) *abbrev {
	if code-1 < uint64(len(table)) && table[code-1].code == code {
		return &table[code-1]
	}
	*work -= len(table)
	for i := range table {
		if table[i].code == code {
			return &table[i]
		}
	}
	return nil
}

// value is what an attribute of an entry says: a number, an offset, an index, or
// where in the info section a text begins.
type value struct {
	form   uint64
	number uint64
}

// entry is one entry, as far as it matters here. Its tag is 0 at the end of a list.
type entry struct {
	tag      uint64
	children bool
	names    [maxKept]uint64
	values   [maxKept]value
	kept     int
}

const maxKept = 12

func (e *entry) value(name uint64) (value, bool) {
	for i := range e.kept {
		if e.names[i] == name {
			return e.values[i], true
		}
	}
	return value{}, false
}

func (e *entry) number(name uint64, to *uint64) bool {
	v, ok := e.value(name)
	if ok {
		*to = v.number
	}
	return ok
}

// small is a number that is 0 if it is absent, or none to be believed.
func (e *entry) small(name uint64) uint32 {
	v, _ := e.value(name)
	if v.number > 1<<31 {
		return 0
	}
	return uint32(v.number)
}

// wanted reports whether an attribute is kept.
func wanted(name uint64) bool {
	switch name {
	case attrName, attrStmtList, attrLowPC, attrHighPC, attrCompDir, attrAbstractOrigin, attrSpecification, attrRanges,
		attrCallColumn, attrCallFile, attrCallLine, attrLinkageName, attrStrOffsetsBase, attrAddrBase, attrRnglistsBase, attrMIPSLinkageName:
		return true
	}
	return false
}

// entry reads the next entry of a unit.
func (d *dwarf) entry(u *unit, r *reader) (e entry, ok bool) {
	code := r.uint()
	if r.bad {
		return e, false
	}
	if code == 0 {
		return e, true
	}
	a := find(u.abbrevs, code, d.work)
	if a == nil {
		return e, false
	}
	e.tag, e.children = a.tag, a.children
	for _, t := range a.attrs {
		v := d.read(u, r, t)
		if wanted(t.name) && e.kept < maxKept {
			e.names[e.kept], e.values[e.kept] = t.name, v
			e.kept++
		}
	}
	return e, !r.bad
}

// read reads the value of an attribute.
func (d *dwarf) read(u *unit, r *reader, t attribute) value {
	v := value{form: t.form}
	r.spend(1)
	switch t.form {
	case formAddr:
		v.number = r.fixed(u.addrSize)
	case formData1, formFlag, formRef1, formStrx1, formAddrx1:
		v.number = r.fixed(1)
	case formData2, formRef2, formStrx1 + 1, formAddrx1 + 1:
		v.number = r.fixed(2)
	case formStrx1 + 2, formAddrx1 + 2:
		v.number = r.fixed(3)
	case formData4, formRef4, formStrx4, formAddrx4, formStrp, formLineStrp, formSecOffset, formRefSup4, formStrpSup:
		v.number = r.fixed(4)
	case formData8, formRef8, formRefSig8, formRefSup8:
		v.number = r.fixed(8)
	case formRefAddr:
		if u.version == 2 {
			v.number = r.fixed(u.addrSize)
		} else {
			v.number = r.fixed(4)
		}
	case formUdata, formRefUdata, formStrx, formAddrx, formLoclistx, formRnglistx:
		v.number = r.uint()
	case formSdata:
		v.number = uint64(r.int())
	case formImplicitConst:
		v.number = uint64(t.constant)
	case formFlagPresent:
		v.number = 1
	case formString:
		v.number = uint64(r.pos)
		r.text()
	case formBlock1:
		r.skip(r.fixed(1))
	case formBlock2:
		r.skip(r.fixed(2))
	case formBlock4:
		r.skip(r.fixed(4))
	case formBlock, formExprloc:
		r.skip(r.uint())
	case formData16:
		r.skip(16)
	default: // its length is not known, nor where the next one begins
		r.fail()
	}
	return v
}

// text returns the text that an attribute stands for.
func (d *dwarf) text(u *unit, v value) string {
	switch v.form {
	case formString:
		return textAt(d.info, v.number, d.work)
	case formStrp:
		return textAt(d.str, v.number, d.work)
	case formLineStrp:
		return textAt(d.lineStr, v.number, d.work)
	case formStrx, formStrx1, formStrx1 + 1, formStrx1 + 2, formStrx4:
		if at, ok := indexed(d.strOffsets, u.strBase, v.number, 4, d.work); ok {
			return textAt(d.str, at, d.work)
		}
	}
	return ""
}

// indexed reads number i of a table of numbers.
func indexed(section []byte, base, i uint64, size int, work *int) (uint64, bool) {
	if i > uint64(len(section)) || base > uint64(len(section)) {
		return 0, false
	}
	at := base + i*uint64(size)
	if at > uint64(len(section)) {
		return 0, false
	}
	r := reader{data: section, pos: int(at), work: work}
	n := r.fixed(size)
	return n, !r.bad
}
