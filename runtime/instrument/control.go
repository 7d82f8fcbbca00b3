package instrument

// control reads the instructions that begin, end or leave blocks.
func (f *function) control(op byte, at int) {
	switch op {
	case opBlock, opLoop, opIf:
		f.spend(1)
		f.begin(op, at)
	case opElse:
		f.otherwise(at)
	case opEnd:
		f.end()
	case opBr, opBrIf:
		f.spend(1)
		if op == opBrIf {
			f.stack(1, 0)
		}
		f.out = append(f.out, op)
		label := f.label()
		f.out = appendUint(f.out, label)
		if f.r.err != nil {
			return
		}
		f.branch(label)
		if op == opBr {
			f.leave()
		} else if !f.dead {
			// What follows runs only if the branch is not taken.
			f.enter(f.region)
		}
	case opBrTable:
		f.branchTable()
	case opReturn:
		f.spend(1)
		f.pass(len(f.typ.results))
		f.addPoint(point{kind: pointReturn, value: int64(len(f.frames) - 1)})
		f.reach(0)
		f.leave()
	case opUnreachable:
		f.spend(1)
		f.out = append(f.out, op)
		f.leave()
	}
}

// blockType reads the type of a block (specification 5.4.1) and writes it.
func (f *function) blockType() funcType {
	r := &f.r
	if b := r.peek(); b == typeEmpty {
		f.out = append(f.out, r.byte())
		return funcType{}
	} else if b > typeEmpty && b < 0x80 {
		f.out = append(f.out, r.valueType())
		return funcType{results: r.data[r.pos-1 : r.pos]}
	}
	at := r.pos
	index := r.signed(33)
	if r.err != nil {
		return funcType{}
	}
	if index < 0 || index >= int64(len(f.m.types)) {
		r.failAt(at, "there is no type %d", index)
		return funcType{}
	}
	f.out = appendSigned(f.out, index)
	return f.m.types[index]
}

func (f *function) begin(op byte, at int) {
	if n := len(f.frames); n > f.m.limits.Nesting {
		f.tooDeep(n, at)
	}
	f.out = append(f.out, op)
	t := f.blockType()
	if op == opIf {
		f.stack(1, 0)
	}
	if f.r.err != nil {
		return
	}
	f.pass(len(t.params) + len(t.results))
	f.stack(len(t.params), 0)
	f.frames = append(f.frames, frame{op: op, typ: t, height: f.height, region: f.region, reach: len(f.frames), sets: f.sets, dead: f.dead, before: f.unchecked})
	f.stack(0, len(t.params))
	if f.dead {
		return
	}
	switch op {
	case opLoop:
		f.loop()
	case opIf:
		f.enter(f.region)
	}
}

func (f *function) otherwise(at int) {
	top := &f.frames[len(f.frames)-1]
	if top.op != opIf {
		f.r.failAt(at, "else outside of an if")
		return
	}
	f.out = append(f.out, opElse)
	top.op = opElse
	f.meet(top)
	top.target = true // two ways lead to its end
	f.height, f.counted = top.height, min(f.counted, top.height)
	f.dead, f.unchecked = top.dead, top.before
	f.stack(0, len(top.typ.params))
	if !f.dead {
		f.enter(top.region)
	}
}

func (f *function) end() {
	f.out = append(f.out, opEnd)
	top := f.frames[len(f.frames)-1]
	last := len(f.frames) == 1
	f.meet(&top)
	if top.op == opIf { // without else
		top.ways.join(top.before)
	}
	wasDead := f.dead
	if !last {
		f.frames = f.frames[:len(f.frames)-1]
		above := &f.frames[len(f.frames)-1]
		above.reach = min(above.reach, top.reach)
	}
	f.height, f.counted = top.height, min(f.counted, top.height)
	f.dead, f.unchecked = top.dead, top.ways
	f.stack(0, len(top.typ.results))
	if last {
		f.frames = f.frames[:0]
		return
	}
	if top.target {
		f.merged += min(f.sets-top.sets, len(f.locals))
	}
	// A block that nothing leaves early only groups what is in it.
	through := top.op == opBlock && !top.target && !wasDead
	if !f.dead && !through {
		f.rejoin(top.region, top.reach >= len(f.frames))
	}
}

func (f *function) label() uint32 { return f.r.index("label", len(f.frames)) }

// reach notes that something in the present block leads to the frame at.
func (f *function) reach(at int) {
	if top := &f.frames[len(f.frames)-1]; !f.dead {
		top.reach = min(top.reach, at)
	}
}

// meet notes that a way leads to the end of a frame.
func (f *function) meet(to *frame) {
	if !f.dead {
		to.ways.join(f.unchecked)
	}
}

// branch notes a branch to label.
func (f *function) branch(label uint32) {
	at := len(f.frames) - 1 - int(label)
	target := &f.frames[at]
	target.target = true
	f.reach(at)
	if target.op == opLoop {
		f.pass(len(target.typ.params))
		return
	}
	f.meet(target)
	f.pass(len(target.typ.results))
}

func (f *function) branchTable() {
	r := &f.r
	f.spend(2)
	f.stack(1, 0)
	at := r.pos
	n := r.count("targets of a br_table", 1)
	if n > f.m.limits.BranchTable {
		r.exceeds(at, LimitBranchTable, n, f.m.limits.BranchTable, "br_table with %d targets exceeds the limit of %d")
		return
	}
	f.out = appendUint(append(f.out, opBrTable), n)
	for range n + 1 { // the last one is the default
		label := f.label()
		if r.err != nil {
			return
		}
		f.out = appendUint(f.out, label)
		f.branch(label)
	}
	f.leave()
}

// leave says that what follows, until the block ends, never runs.
func (f *function) leave() {
	f.dead = true
	f.counted = min(f.counted, f.frames[len(f.frames)-1].height)
	f.height = f.frames[len(f.frames)-1].height
}
