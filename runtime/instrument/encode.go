package instrument

import (
	"slices"
)

// encode returns the module with code in place of its bodies.
func (m *module) encode(code [][]byte) []byte {
	size := 0
	for _, body := range code {
		size += len(body)
	}
	out := append(make([]byte, 0, len(m.binary)+size), "\x00asm\x01\x00\x00\x00"...)
	section := func(id byte, n int, items []byte) {
		if n > 0 {
			count := appendUint(nil, n)
			out = appendUint(append(out, id), len(count)+len(items))
			out = append(append(out, count...), items...)
		}
	}

	var b []byte
	imports := slices.Clone(m.imports)
	if m.limits.Yield {
		imports = append(imports, importFunc{YieldModule, YieldName, uint32(m.addType(funcType{}))})
	}
	for _, t := range slices.Concat(m.types, m.moreTypes) {
		b = append(appendUint(append(b, 0x60), len(t.params)), t.params...)
		b = append(appendUint(b, len(t.results)), t.results...)
	}
	section(secType, len(m.types)+len(m.moreTypes), b)

	b = b[:0]
	for _, i := range imports {
		b = appendUint(append(appendName(appendName(b, i.module), i.name), 0), i.typ)
	}
	section(secImport, len(imports), b)

	b = b[:0]
	for _, typ := range m.funcs[len(m.imports):] {
		b = appendUint(b, typ)
	}
	section(secFunction, len(m.funcs)-len(m.imports), b)

	b = b[:0]
	for _, t := range m.tables {
		b = appendUint(appendUint(append(b, t.elem, 1), t.min), t.max)
	}
	section(secTable, len(m.tables), b)

	if m.memory {
		section(secMemory, 1, appendUint(appendUint([]byte{1}, m.min), m.max))
	}

	b = b[:0]
	for _, g := range m.globals {
		b = append(append(b, g.typ, bit(g.mutable)), g.init...)
	}
	b = append(b, typeI64, 1, opI64Const, 0, opEnd) // fuel
	b = append(b, typeI32, 1, opI32Const, 0, opEnd) // depth
	section(secGlobal, len(m.globals)+2, b)

	exports := m.allExports()
	b = b[:0]
	for _, e := range exports {
		if e.kind == 0 {
			e.index = m.output(e.index)
		}
		b = appendUint(append(appendName(b, e.name), e.kind), e.index)
	}
	section(secExport, len(exports), b)

	section(secElement, len(m.elements), slices.Concat(m.elements...))
	data := m.mergedData()
	if m.dataByIndex {
		out = append(out, secDataCount)
		count := appendUint(nil, len(data))
		out = append(appendUint(out, len(count)), count...)
	}
	section(secCode, len(code), slices.Concat(code...))

	b = nil
	for _, d := range data {
		b = append(append(b, bit(d.passive)), d.offset...)
		b = append(appendUint(b, len(d.bytes)), d.bytes...)
	}
	section(secData, len(data), b)
	if Traceable(m.binary) {
		out = appendSections(out, debugSections())
	}
	return out
}

func bit(v bool) byte {
	if v {
		return 1
	}
	return 0
}

// allExports returns the exports of the module and ours.
func (m *module) allExports() []export {
	exports := slices.Clone(m.exports)
	n := 0
	for i, g := range m.globals {
		if g.mutable {
			exports = append(exports, export{GlobalExport(n), 3, uint32(i)})
			n++
		}
	}
	if m.start >= 0 {
		exports = append(exports, export{StartExport, 0, uint32(m.start)})
	}
	return append(exports,
		export{FuelGlobal, 3, uint32(len(m.globals))},
		export{DepthGlobal, 3, uint32(len(m.globals) + 1)})
}

// info returns what is known after the bodies were read.
func (m *module) info() Info {
	info := Info{MinMemory: m.min, MaxMemory: m.max, Start: m.start >= 0, Setup: m.setup(), Exports: make(map[string]Signature)}
	// One for each type: a small module can name a long one a hundred thousand times.
	signatures := make(map[uint32]Signature)
	signature := func(typ uint32) Signature {
		s, ok := signatures[typ]
		if !ok {
			s = m.types[typ].signature()
			signatures[typ] = s
		}
		return s
	}
	for _, i := range m.imports {
		info.Imports = append(info.Imports, Import{i.module, i.name, signature(i.typ)})
	}
	for _, e := range m.exports {
		switch {
		case e.kind == 0:
			info.Exports[e.name] = signature(m.funcs[e.index])
			if int(e.index) < len(m.imports) {
				info.Passed = append(info.Passed, e.name)
			}
		case e.kind == 2 && e.name == "memory":
			info.Memory = true
		}
	}
	if m.start >= 0 && m.start < len(m.imports) {
		info.Passed = append(info.Passed, StartExport)
	}
	reason := m.unresettable
	for _, g := range m.globals {
		if !g.mutable {
			continue
		}
		letter := letterOf(g.typ)
		info.Globals = append(info.Globals, letter)
		if reason == "" && (letter == 'v' || letter == 'r') {
			reason = "it has a mutable global of a vector or reference type"
		}
	}
	if reason == "" && m.memory && !info.Memory {
		reason = `its memory is not exported as "memory"`
	}
	info.Resettable, info.NotResettable = reason == "", reason
	return info
}
