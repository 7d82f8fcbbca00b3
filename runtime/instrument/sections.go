package instrument

import (
	"slices"
	"strings"
)

// valueType reads the type of a value (specification 5.3.4).
func (r *reader) valueType() byte {
	at := r.pos
	switch t := r.byte(); t {
	case typeI32, typeI64, typeF32, typeF64, typeV128, typeFuncref, typeExternref:
		return t
	case 0x63, 0x64:
		r.failAt(at, "typed function references are not supported (value type %#02x)", t)
	case 0x69, 0x74:
		r.failAt(at, "exception handling is not supported (value type %#02x)", t)
	case 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x71, 0x72, 0x73:
		r.failAt(at, "garbage collection is not supported (value type %#02x)", t)
	default:
		r.failAt(at, "unknown value type %#02x", t)
	}
	return 0
}

func (r *reader) refType() byte {
	at := r.pos
	t := r.valueType()
	if r.err == nil && t != typeFuncref && t != typeExternref {
		r.failAt(at, "value type %#02x is not a reference", t)
	}
	return t
}

func (r *reader) valueTypes(what string) []byte {
	at := r.pos
	n := r.count(what, 1)
	if n > maxArity {
		r.failAt(at, "%d %s exceed the limit of %d", n, what, maxArity)
		return nil
	}
	from := r.pos
	for range n {
		r.valueType()
	}
	if r.err != nil {
		return nil
	}
	return r.data[from:r.pos]
}

// items reads a count that may not exceed maxItems.
func (r *reader) items(what string, size int) int {
	at := r.pos
	n := r.count(what, size)
	if n > maxItems {
		r.failAt(at, "%d %s exceed the limit of %d", n, what, maxItems)
		return 0
	}
	return n
}

func (m *module) readTypes(r *reader) {
	n := r.items("types", 3)
	m.types = make([]funcType, 0, n)
	for range n {
		at := r.pos
		switch form := r.byte(); form {
		case 0x60:
		case 0x4e, 0x4f, 0x50, 0x5e, 0x5f:
			r.failAt(at, "garbage collection is not supported (form of type %#02x)", form)
		default:
			r.failAt(at, "unknown form of type %#02x", form)
		}
		t := funcType{params: r.valueTypes("parameters")}
		t.results = r.valueTypes("results")
		if r.err != nil {
			return
		}
		m.types = append(m.types, t)
	}
}

func (m *module) readImports(r *reader) {
	n := r.items("imports", 4)
	for range n {
		at := r.pos
		i := importFunc{module: r.name("name of a module"), name: r.name("name of an import")}
		kind := r.byte()
		if r.err == nil && kind != 0 {
			what := "unknown kind of import"
			switch kind {
			case 1:
				what = "import of a table is not supported"
			case 2:
				what = "import of a memory is not supported"
			case 3:
				what = "import of a global is not supported"
			case 4:
				what = "exception handling is not supported (import of a tag)"
			}
			r.failAt(at, "%s: %.100q.%.100q", what, i.module, i.name)
		}
		if i.module == YieldModule {
			r.failAt(at, "import from %q, which is reserved", i.module)
		}
		i.typ = r.index("type", len(m.types))
		if r.err != nil {
			return
		}
		m.imports = append(m.imports, i)
		m.funcs = append(m.funcs, i.typ)
	}
	m.checkFunctions(r)
}

func (m *module) readFunctions(r *reader) {
	n := r.count("functions", 1)
	if len(m.funcs)+n > m.limits.Functions {
		r.exceeds(r.pos, LimitFunctions, len(m.funcs)+n, m.limits.Functions, "%d functions exceed the limit of %d")
		return
	}
	m.funcs = slices.Grow(m.funcs, n)
	for range n {
		m.funcs = append(m.funcs, r.index("type", len(m.types)))
	}
}

func (m *module) checkFunctions(r *reader) {
	if len(m.funcs) > m.limits.Functions {
		r.exceeds(r.pos, LimitFunctions, len(m.funcs), m.limits.Functions, "%d functions exceed the limit of %d")
	}
}

// bounds reads limits (specification 5.3.7) and returns the maximum that holds:
// the declared one or limit, whichever is less.
func (r *reader) bounds(what string, limit uint32) (lo, hi uint32) {
	at := r.pos
	flags := r.byte()
	switch {
	case flags&8 != 0 && flags < 16:
		r.failAt(at, "custom page sizes are not supported (limits %#02x of a %s)", flags, what)
	case flags >= 8:
		r.failAt(at, "unknown limits %#02x of a %s", flags, what)
	case flags&4 != 0:
		r.failAt(at, "memory64 is not supported (%s with 64-bit limits)", what)
	case flags&2 != 0:
		r.failAt(at, "threads are not supported (shared %s)", what)
	}
	lo, hi = r.u32(), limit
	if flags&1 != 0 {
		declared := r.u32()
		if declared < lo {
			r.failAt(at, "%s has a minimum of %d and a maximum of %d", what, lo, declared)
		}
		if what == "memory" && declared > maxPages {
			r.failAt(at, "memory of %d pages is larger than 4 GiB", declared)
		}
		hi = min(limit, declared)
	}
	if lo > limit && what == LimitMemory {
		r.exceeds(at, what, int(lo)*kibibytes, int(limit)*kibibytes, "memory begins with %d KiB, which exceeds the limit of %d KiB")
	}
	if lo > limit {
		r.exceeds(at, what, int(lo), int(limit), what+" begins with a size of %d, which exceeds the limit of %d")
	}
	return lo, hi
}

func (m *module) readTables(r *reader) {
	n := r.count("tables", 3)
	if n > maxTables {
		r.fail("%d tables exceed the limit of %d", n, maxTables)
		return
	}
	for range n {
		if r.peek() == 0x40 {
			r.fail("typed function references are not supported (table with an initial value)")
		}
		t := tableType{elem: r.refType()}
		t.min, t.max = r.bounds("table", uint32(m.limits.Table))
		m.tables = append(m.tables, t)
	}
}

func (m *module) readMemory(r *reader) {
	switch n := r.count("memories", 2); {
	case n > 1:
		r.fail("multiple memories are not supported (%d)", n)
	case n == 1:
		m.memory = true
		m.min, m.max = r.bounds("memory", m.limits.Memory)
	}
}

func (m *module) readGlobals(r *reader) {
	n := r.items("globals", 4)
	mutable := 0
	for range n {
		g := globalVar{typ: r.valueType()}
		at := r.pos
		switch b := r.byte(); b {
		case 0:
		case 1:
			g.mutable = true
			if mutable++; mutable > maxMutable {
				r.failAt(at, "more than %d globals are mutable: keep them in the memory", maxMutable)
			}
		default:
			r.failAt(at, "unknown mutability %#02x of a global", b)
		}
		g.init, _, _ = m.constant(r)
		if r.err != nil {
			return
		}
		m.globals = append(m.globals, g)
	}
}

func (m *module) readExports(r *reader) {
	n := r.items("exports", 3)
	seen := make(map[string]bool, n)
	for range n {
		at := r.pos
		e := export{name: r.name("name of an export")}
		if strings.HasPrefix(e.name, reservedPrefix) {
			r.failAt(at, "export %.100q begins with %q, which is reserved", e.name, reservedPrefix)
		}
		if seen[e.name] {
			r.failAt(at, "export %.100q appears twice", e.name)
		}
		seen[e.name] = true
		switch e.kind = r.byte(); e.kind {
		case 0:
			e.index = r.index("function", len(m.funcs))
			m.declare(e.index)
		case 1:
			e.index = r.index("table", len(m.tables))
		case 2:
			memories := 0
			if m.memory {
				memories = 1
			}
			e.index = r.index("memory", memories)
		case 3:
			e.index = r.index("global", len(m.globals))
		case 4:
			r.failAt(at, "exception handling is not supported (export of a tag)")
		default:
			r.failAt(at, "unknown kind of export %#02x", e.kind)
		}
		if r.err != nil {
			return
		}
		m.exports = append(m.exports, e)
	}
}

func (m *module) readStart(r *reader) {
	f := r.index("function", len(m.funcs))
	if r.err != nil {
		return
	}
	if t := m.types[m.funcs[f]]; len(t.params)+len(t.results) != 0 {
		r.fail("start function %d has the type %s", f, t.signature())
		return
	}
	m.start = int(f)
}
