package instrument

// assemble returns the finished body, preceded by its size. If looks, it looks at
// the fuel when it is entered.
func (f *function) assemble(looks bool) []byte {
	f.settle()
	weight := f.weight()
	scratch := len(f.locals) // an i64 for fuel, then an i32 for depth and lengths
	a := assembler{
		fuel: uint32(len(f.m.globals)), depth: uint32(len(f.m.globals) + 1),
		i64: uint32(scratch), i32: uint32(scratch + 1),
		yields: f.m.limits.Yield, yield: f.m.yield(),
	}
	a.locals(f.locals[len(f.typ.params):])
	from := 0
	for _, p := range f.points {
		a.b = append(a.b, f.out[from:p.at]...)
		from = p.at
		switch p.kind {
		case pointEntry:
			if p.value > 0 {
				a.pay(p.value, looks)
			}
			if weight > 0 {
				a.deepen(weight, int64(f.m.limits.Depth))
				a.b = append(a.b, opBlock)
				a.b = f.m.appendResultType(a.b, f.typ.results)
			}
		case pointLoop, pointLook:
			a.pay(max(p.value, 1), true)
		case pointRegion:
			if p.value > 0 {
				a.pay(p.value, false)
			}
		case pointReturn:
			if weight > 0 {
				a.b = appendUint(append(a.b, opBr), uint32(p.value))
			} else {
				a.b = append(a.b, opReturn)
			}
		case pointLength:
			a.payLength(int(p.value), p.most)
		}
		f.markPut(p.at, len(a.b))
	}
	a.b = append(a.b, f.out[from:]...)
	if weight > 0 {
		a.b = appendUint(append(a.b, opGlobalGet), a.depth)
		a.b = appendSigned(append(a.b, opI32Const), weight)
		a.b = append(a.b, opI32Sub)
		a.b = appendUint(append(a.b, opGlobalSet), a.depth)
		a.b = append(a.b, opEnd)
	}
	f.size = len(a.b)
	return append(appendUint(make([]byte, 0, len(a.b)+5), len(a.b)), a.b...)
}

// appendResultType appends the type of a block without parameters.
func (m *module) appendResultType(b, results []byte) []byte {
	switch len(results) {
	case 0:
		return append(b, typeEmpty)
	case 1:
		return append(b, results[0])
	}
	return appendSigned(b, int64(m.addType(funcType{results: results})))
}

// assembler writes the code that is put in.
type assembler struct {
	b           []byte
	fuel, depth uint32 // globals
	i64, i32    uint32 // scratch locals
	yields      bool   // where fuel has run out, calls the function
	yield       uint32
}

// locals declares the original locals and the scratch ones.
func (a *assembler) locals(types []byte) {
	types = append(types[:len(types):len(types)], typeI64, typeI32)
	var groups []byte
	n := 0
	for i := 0; i < len(types); {
		j := i
		for j < len(types) && types[j] == types[i] {
			j++
		}
		groups = append(appendUint(groups, j-i), types[i])
		n++
		i = j
	}
	a.b = append(appendUint(a.b, n), groups...)
}

// pay subtracts fuel; if check, it traps or yields when less than nothing is left.
func (a *assembler) pay(fuel int64, check bool) {
	a.b = appendUint(append(a.b, opGlobalGet), a.fuel)
	a.b = appendSigned(append(a.b, opI64Const), fuel)
	a.b = append(a.b, opI64Sub)
	a.settle(check)
}

// settle sets the fuel to the i64 on the stack.
func (a *assembler) settle(check bool) {
	if !check {
		a.b = appendUint(append(a.b, opGlobalSet), a.fuel)
		return
	}
	a.b = appendUint(append(a.b, opLocalTee), a.i64)
	a.b = appendUint(append(a.b, opGlobalSet), a.fuel)
	a.b = appendUint(append(a.b, opLocalGet), a.i64)
	if !a.yields {
		a.b = append(a.b, opI64Const, 0, opI64LtS, opIf, typeEmpty, opUnreachable, opEnd)
		return
	}
	a.b = append(a.b, opI64Const, 0, opI64LtS, opIf, typeEmpty)
	a.b = append(appendUint(append(a.b, opCall), a.yield), opEnd)
}

// payLength pays for the i32 on the stack, which stays there.
func (a *assembler) payLength(shift int, most int64) {
	a.b = appendUint(append(a.b, opLocalTee), a.i32)
	a.b = appendUint(append(a.b, opGlobalGet), a.fuel)
	a.b = appendUint(append(a.b, opLocalGet), a.i32)
	if most >= 0 {
		a.b = append(a.b, opI32Const, 0)
		a.b = appendUint(append(a.b, opLocalGet), a.i32)
		a.b = appendSigned(append(a.b, opI32Const), most)
		a.b = append(a.b, opI32LeU, opSelect)
	}
	a.b = append(a.b, opI64ExtendU)
	switch {
	case shift > 0:
		a.b = append(appendSigned(append(a.b, opI64Const), int64(shift)), opI64Shl)
	case shift < 0:
		a.b = append(appendSigned(append(a.b, opI64Const), int64(-shift)), opI64ShrU)
	}
	a.b = append(a.b, opI64Sub)
	a.settle(true)
}

// deepen adds weight to the depth and traps above limit.
func (a *assembler) deepen(weight, limit int64) {
	a.b = appendUint(append(a.b, opGlobalGet), a.depth)
	a.b = appendSigned(append(a.b, opI32Const), weight)
	a.b = append(a.b, opI32Add)
	a.b = appendUint(append(a.b, opLocalTee), a.i32)
	a.b = appendUint(append(a.b, opGlobalSet), a.depth)
	a.b = appendUint(append(a.b, opLocalGet), a.i32)
	a.b = appendSigned(append(a.b, opI32Const), limit)
	a.b = append(a.b, opI32GtU, opIf, typeEmpty, opUnreachable, opEnd)
}
