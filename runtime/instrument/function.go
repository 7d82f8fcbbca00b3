package instrument

import (
	"slices"

	"github.com/trellis-learning/trellis"
)

// rewriteCode returns the bodies of all functions, instrumented and each
// preceded by its size.
func (m *module) rewriteCode() ([][]byte, error) {
	out := make([][]byte, 0, len(m.bodies))
	m.findLeaves()
	all := 0
	f := function{m: m}
	for i, body := range m.bodies {
		index := len(m.imports) + i
		f.reset(index, body)
		f.readLocals()
		if all += len(f.locals); all > maxAllLocals {
			f.r.fail("locals and parameters of all functions exceed the limit of %d", maxAllLocals)
		}
		f.instructions()
		if f.deepest > 0 && f.r.err == nil {
			f.r.exceeds(f.deepAt, LimitNesting, f.deepest, f.m.limits.Nesting, "blocks are nested %d deep, deeper than the limit of %d")
		}
		if f.r.err == nil && f.r.left() != 0 {
			f.r.fail("code after the end of the function")
		}
		if err := f.r.err; err != nil {
			if name := m.names[uint32(index)]; name != "" {
				return nil, trellis.Errorf(trellis.Invalid, "function %d (%s): %w", index, name, err)
			}
			return nil, trellis.Errorf(trellis.Invalid, "function %d: %w", index, err)
		}
		body := f.assemble(f.m.leaves[index] == looks)
		if m.marking {
			m.marks = append(m.marks, f.placed(len(body)-f.size))
		}
		out = append(out, body)
	}
	return out, nil
}

// frame is a block that has not ended: its label, and what holds after it.
type frame struct {
	op     byte
	typ    funcType
	height int  // of the operand stack below its parameters
	region int  // in which it began: that one comes before whatever follows it
	reach  int  // outermost frame to which a branch in it leads, by its place in frames
	sets   int  // assignments to locals before it
	dead   bool // it lies in code that never runs
	target bool // something branches to its label

	// What may have run without a look at the fuel where it began, if it is an if;
	// and on the ways that lead to its end, if there are any.
	before, ways unchecked
}

// function rewrites one body. The instructions are encoded anew into out; where
// something is to be put between them is kept in points, because how much a
// region costs and whether the depth is counted is known only at the end.
type function struct {
	m      *module
	r      reader
	typ    funcType
	locals []byte // types of parameters and locals
	frames []frame
	out    []byte
	points []point
	marks  []mark // where the instructions were, if that is asked
	puts   []put
	size   int // of the finished body

	region    int // point of the present region
	unchecked unchecked
	dead      bool
	height    int // of the operand stack
	maxHeight int
	passed    int // values that blocks, branches and calls passed
	sets      int // assignments to locals
	held      int // operands that stay on the stack during calls
	counted   int // how many of those on the stack are in held
	merged    int // locals that may get a value where ways meet
	deepest   int // nesting of blocks, where it exceeds the limit
	deepAt    int // where it does first
	calls     bool
	vectors   bool
}

func (f *function) reset(index int, body span) {
	typ := f.m.types[f.m.funcs[index]]
	*f = function{
		m: f.m, typ: typ,
		r:      reader{data: f.m.binary, pos: body.pos, end: body.end},
		locals: append(f.locals[:0], typ.params...),
		frames: append(f.frames[:0], frame{op: opBlock, typ: funcType{results: typ.results}}),
		out:    f.out[:0],
		points: append(f.points[:0], point{kind: pointEntry}),
		marks:  f.marks[:0],
		puts:   f.puts[:0],
	}
}

func (f *function) readLocals() {
	r := &f.r
	groups := r.count("groups of locals", 2)
	for range groups {
		at := r.pos
		n := r.u32()
		t := r.valueType()
		if uint64(n)+uint64(len(f.locals)) > uint64(f.m.limits.Locals) {
			r.exceeds(at, LimitLocals, int(n)+len(f.locals), f.m.limits.Locals, "%d locals and parameters exceed the limit of %d")
		}
		if r.err != nil {
			return
		}
		f.vectors = f.vectors || t == typeV128
		f.locals = append(f.locals, slices.Repeat([]byte{t}, int(n))...)
	}
	if size := r.left(); size > f.m.limits.Body {
		r.exceeds(r.pos, LimitBody, size, f.m.limits.Body, "body of %d bytes exceeds the limit of %d")
	}
	if len(f.locals) > f.m.limits.Locals {
		r.exceeds(r.pos, LimitLocals, len(f.locals), f.m.limits.Locals, "%d locals and parameters exceed the limit of %d")
	}
}

// instructions reads all of them, and writes them.
func (f *function) instructions() {
	for f.r.err == nil && len(f.frames) > 0 {
		f.instruction()
	}
}

func (f *function) instruction() {
	r := &f.r
	at := r.pos
	f.look(r.peek())
	f.markInstruction(at)
	op := r.byte()
	if r.err != nil {
		return
	}
	switch s := shape(coreShapes[op]); s {
	case special:
		f.special(op, at)
	case unary, dual, load, store:
		f.spend(costOf(op))
		f.out = append(f.out, op)
		if s == load || s == store {
			f.memoryArgument()
		}
		f.stack(s.stack())
	default:
		r.failAt(at, "%s", s.refusal(hex(op)))
	}
}

func (f *function) special(op byte, at int) {
	switch op {
	case opBlock, opLoop, opIf, opElse, opEnd, opBr, opBrIf, opBrTable, opReturn, opUnreachable:
		f.control(op, at)
	case opCall, opCallIndirect:
		f.call(op)
	case opBulk:
		f.bulk(at)
	case opVector:
		f.vector(at)
	default:
		f.spend(1)
		f.out = append(f.out, op)
		f.simple(op, at)
	}
}

// simple is the rest of the one-byte instructions: variables, constants,
// references. The opcode is written already.
func (f *function) simple(op byte, at int) {
	r := &f.r
	switch op {
	case opNop:
	case opDrop:
		f.stack(1, 0)
	case opSelect:
		f.stack(3, 1)
	case opSelectType:
		if n := r.u32(); n != 1 {
			r.failAt(at, "select with %d types", n)
		}
		f.out = append(f.out, 1, r.valueType())
		f.stack(3, 1)
	case opLocalGet, opLocalSet, opLocalTee:
		f.local(op)
	case opGlobalGet:
		f.out = appendUint(f.out, r.index("global", len(f.m.globals)))
		f.stack(0, 1)
	case opGlobalSet:
		f.out = appendUint(f.out, r.index("global", len(f.m.globals)))
		f.stack(1, 0)
	case opTableGet:
		f.out = appendUint(f.out, r.index("table", len(f.m.tables)))
		f.spend(costTable)
		f.stack(1, 1)
	case opTableSet:
		f.out = appendUint(f.out, r.index("table", len(f.m.tables)))
		f.spend(costTable)
		f.stack(2, 0)
		f.m.unreset("table.set")
	case opMemorySize:
		f.memoryIndex()
		f.stack(0, 1)
	case opMemoryGrow:
		// The opcode is written after its charge.
		f.out = f.out[:len(f.out)-1]
		f.spend(costGrow)
		f.length(shiftPages, int64(f.m.max))
		f.out = append(f.out, op)
		f.memoryIndex()
		f.stack(1, 1)
	case opI32Const:
		f.out = appendSigned(f.out, r.signed(32))
		f.stack(0, 1)
	case opI64Const:
		f.out = appendSigned(f.out, r.signed(64))
		f.stack(0, 1)
	case opF32Const:
		f.out = append(f.out, r.bytes(4)...)
		f.stack(0, 1)
	case opF64Const:
		f.out = append(f.out, r.bytes(8)...)
		f.stack(0, 1)
	case opRefNull:
		f.out = append(f.out, r.refType())
		f.stack(0, 1)
	case opRefFunc:
		index := r.index("function", len(f.m.funcs))
		if r.err == nil && (f.m.declared == nil || !f.m.declared[index]) {
			r.failAt(at, "ref.func of function %d, which is not declared outside of the code", index)
		}
		f.out = appendUint(f.out, f.m.output(index))
		f.stack(0, 1)
	default:
		r.failAt(at, "%s", unknown.refusal(hex(op)))
	}
}

func (f *function) local(op byte) {
	f.out = appendUint(f.out, f.r.index("local", len(f.locals)))
	switch op {
	case opLocalGet:
		f.stack(0, 1)
	case opLocalSet:
		f.stack(1, 0)
		f.sets++
	default:
		f.stack(1, 1)
		f.sets++
	}
}

func (f *function) call(op byte) {
	r := &f.r
	var t funcType
	callee := -1
	if op == opCall {
		index := r.index("function", len(f.m.funcs))
		if r.err != nil {
			return
		}
		callee = int(index)
		t = f.m.types[f.m.funcs[index]]
		f.lookBefore(callee)
		f.spend(costCall)
		f.out = appendUint(append(f.out, op), f.m.output(index))
	} else {
		index := r.index("type", len(f.m.types))
		table := r.index("table", len(f.m.tables))
		if r.err != nil {
			return
		}
		t = f.m.types[index]
		f.lookBefore(callee)
		f.spend(costCallIndirect)
		f.out = appendUint(appendUint(append(f.out, op), index), table)
		f.stack(1, 0)
	}
	f.calls = true
	f.pass(len(t.params) + len(t.results))
	f.stack(len(t.params), 0)
	f.hold()
	f.called(callee)
	f.stack(0, len(t.results))
}

// hold counts the operands on the stack as such that wait there during a call.
func (f *function) hold() {
	f.held += f.height - f.counted
	f.counted = f.height
}

// stack takes operands from the stack and puts results on it.
func (f *function) stack(operands, results int) {
	f.height -= operands
	if base := f.frames[len(f.frames)-1].height; f.height < base {
		if !f.dead {
			f.r.fail("an instruction finds too few operands on the stack")
			return
		}
		f.height = base
	}
	f.counted = min(f.counted, f.height)
	f.height += results
	if !f.dead {
		f.maxHeight = max(f.maxHeight, f.height)
	}
}

// pass counts values that an instruction moves at once. A short instruction can
// move a thousand, which takes as long to compile as a thousand instructions.
func (f *function) pass(n int) {
	if f.passed += n; f.passed > f.m.limits.Body {
		f.r.exceeds(f.r.pos, LimitBody, f.passed, f.m.limits.Body, "blocks, branches and calls pass %d values or more, which exceeds the limit of %d")
	}
}
