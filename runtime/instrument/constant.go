package instrument

// maxConstant is how many instructions a constant expression may have.
const maxConstant = 1_000

// constant reads an expression of which the value is known before any code runs
// (specification 3.3.10) and returns it encoded anew, as one instruction and its
// end: sums and products of numbers (the extended constant expressions of
// proposals, which linkers write) are computed here. fixed says that it is the
// i32.const value.
func (m *module) constant(r *reader) (expr []byte, value uint32, fixed bool) {
	at := r.pos
	var few [4]number // there is hardly ever more than one
	numbers := few[:0]
	for n := 0; ; n++ {
		at := r.pos
		op := r.byte()
		switch {
		case r.err != nil:
			return nil, 0, false
		case n == maxConstant:
			r.failAt(at, "constant expression of more than %d instructions", maxConstant)
		case op == opEnd:
			if len(numbers) == 1 && expr == nil {
				return numbers[0].encode()
			}
			if len(numbers) != 0 || expr == nil {
				break
			}
			return append(expr, opEnd), 0, false
		case op == opI32Const:
			numbers = append(numbers, number{op, r.signed(32)})
			continue
		case op == opI64Const:
			numbers = append(numbers, number{op, r.signed(64)})
			continue
		case op == opI32Add, op == opI32Sub, op == opI32Mul, op == opI64Add, op == opI64Sub, op == opI64Mul:
			last := len(numbers) - 1
			typ := byte(opI32Const)
			if op >= opI64Add {
				typ = opI64Const
			}
			if last < 1 || numbers[last].op != typ || numbers[last-1].op != typ {
				r.failAt(at, "a constant expression finds no two numbers for instruction %s", hex(op))
				continue
			}
			numbers[last-1].value = compute(op, numbers[last-1].value, numbers[last].value)
			numbers = numbers[:last]
			continue
		case expr == nil && len(numbers) == 0:
			expr = m.single(r, op)
			continue
		}
		break
	}
	r.failAt(at, "a constant expression has more or less than one value")
	return nil, 0, false
}

// single reads the rest of an instruction that can only be alone in a constant
// expression, and returns all of it.
func (m *module) single(r *reader, op byte) []byte {
	at := r.pos - 1
	expr := []byte{op}
	switch op {
	case opF32Const:
		return append(expr, r.bytes(4)...)
	case opF64Const:
		return append(expr, r.bytes(8)...)
	case opGlobalGet:
		// Of an imported global, of which there are none, or of one defined before:
		// the engine does not take that.
		return appendUint(expr, r.index("global", len(m.globals)))
	case opRefNull:
		return append(expr, r.refType())
	case opRefFunc:
		f := r.index("function", len(m.funcs))
		m.declare(f)
		return appendUint(expr, m.output(f))
	case opVector:
		if sub := r.u32(); sub != 12 {
			r.failAt(at, "instruction %s in a constant expression", hexSub(op, sub))
		}
		return append(append(expr, 12), r.bytes(16)...)
	}
	r.failAt(at, "instruction %s in a constant expression", hex(op))
	return nil
}

// number is an operand of a constant expression.
type number struct {
	op    byte // opI32Const or opI64Const
	value int64
}

func (n number) encode() (expr []byte, value uint32, fixed bool) {
	expr = appendSigned(append(make([]byte, 0, 12), n.op), n.value)
	return append(expr, opEnd), uint32(n.value), n.op == opI32Const
}

// compute is what an instruction makes of two numbers.
func compute(op byte, x, y int64) int64 {
	switch op {
	case opI32Add:
		return int64(int32(x) + int32(y))
	case opI32Sub:
		return int64(int32(x) - int32(y))
	case opI32Mul:
		return int64(int32(x) * int32(y))
	case opI64Add:
		return x + y
	case opI64Sub:
		return x - y
	}
	return x * y
}
