package instrument_test

// block is a block, loop or if that takes nothing and leaves one value or none.
func (m *maker) block(op byte, results string) {
	typ := []byte{0x40}
	if results != "" {
		typ = valueTypes(results)
	}
	label := results
	if op == 0x03 {
		label = ""
	}
	m.depth++
	m.labels = append(m.labels, label)
	m.emit(append([]byte{op}, typ...)...)
	if op == 0x03 {
		m.turn()
	}
	m.statements()
	m.values(results)
	if op == 0x04 && (results != "" || m.pick(2) == 1) {
		m.emit(0x05)
		m.statements()
		m.values(results)
	}
	m.emit(0x0b)
	m.labels = m.labels[:len(m.labels)-1]
	m.depth--
}

// taker is a block or loop that takes and leaves what some type says.
func (m *maker) taker() {
	t := m.pick(len(m.types))
	op := byte(0x02 + m.pick(2))
	m.values(m.types[t].params)
	label := m.types[t].results
	if op == 0x03 {
		label = m.types[t].params
	}
	m.depth++
	m.labels = append(m.labels, label)
	m.emit(append([]byte{op}, sleb(int64(t))...)...)
	if op == 0x03 {
		m.turn()
	}
	m.keep(m.types[t].params)
	m.statements()
	m.values(m.types[t].results)
	m.emit(0x0b)
	m.labels = m.labels[:len(m.labels)-1]
	m.depth--
	m.keep(m.types[t].results)
}

// keep puts what lies on the stack into locals.
func (m *maker) keep(types string) {
	for i := len(types) - 1; i >= 0; i-- {
		if m.pick(2) == 1 {
			m.emit(0x21, m.local(types[i]))
		} else {
			m.emit(0x1a)
		}
	}
}

// label returns one of the blocks around, as a branch counts them.
func (m *maker) label() (index byte, passes string) {
	n := m.pick(len(m.labels))
	return byte(n), m.labels[len(m.labels)-1-n]
}

// statement writes code that leaves the stack as it was.
func (m *maker) statement() {
	m.depth++
	defer func() { m.depth-- }()
	types := "iIfFv"
	t := types[m.pick(len(types))]
	choice := m.pick(20)
	if m.depth > makerDepth || len(m.in) == 0 {
		choice %= 4
	}
	switch choice {
	case 0:
		m.emit(0x01)
	case 1, 4:
		m.value(t)
		m.emit(0x21, m.local(t))
	case 2, 5:
		m.store(t)
	case 3, 6:
		if g, ok := m.global(t); ok {
			m.value(t)
			m.emit(0x24, g)
		}
	case 7:
		m.block(0x02, "")
	case 8:
		m.block(0x03, "")
	case 9:
		m.value('i')
		m.block(0x04, "")
	case 10:
		m.taker()
	case 11, 12: // br_if
		label, passes := m.label()
		m.values(passes)
		m.value('i')
		m.emit(0x0d, label)
		m.keep(passes)
	case 13:
		m.branchTable()
	case 14:
		m.leave()
	case 15, 16:
		f := m.pick(len(m.funcs))
		m.call(f)
		m.keep(m.types[m.funcs[f]].results)
	case 17:
		m.bulk()
	case 18:
		m.tables()
	default:
		m.value(t)
		m.emit(0x1a)
	}
}

// branchTable is a br_table in a block of its own, so that something follows it.
func (m *maker) branchTable() {
	m.emit(0x02, 0x40)
	m.labels = append(m.labels, "")
	label, passes := m.label()
	var same []byte
	for i := range m.labels {
		if m.labels[len(m.labels)-1-i] == passes {
			same = append(same, byte(i))
		}
	}
	m.values(passes)
	m.value('i')
	n := m.pick(5)
	m.emit(0x0e, byte(n))
	for range n {
		m.emit(same[m.pick(len(same))])
	}
	m.emit(label, 0x0b)
	m.labels = m.labels[:len(m.labels)-1]
}

// leave is a branch, a return or a trap; what follows in the block never runs.
func (m *maker) leave() {
	switch m.pick(6) {
	case 0, 1, 2:
		label, passes := m.label()
		m.values(passes)
		m.emit(0x0c, label)
	case 3, 4:
		m.values(m.result)
		m.emit(0x0f)
	default:
		m.emit(0x00)
	}
}

// bulk changes a piece of the memory, mostly a short one within it.
func (m *maker) bulk() {
	length := func() {
		m.value('i')
		if m.pick(6) != 1 {
			m.emit(0x41, 31, 0x71)
		}
	}
	switch m.pick(4) {
	case 0:
		m.address()
		m.value('i')
		length()
		m.emit(0xfc, 11, 0)
	case 1:
		m.address()
		m.address()
		length()
		m.emit(0xfc, 10, 0, 0)
	case 2:
		m.address()
		m.emit(0x41, byte(m.pick(20)))
		length()
		m.emit(0xfc, 8, 1, 0)
	default:
		m.emit(0xfc, 9, 1)
	}
}

// tables changes a table.
func (m *maker) tables() {
	small := func() {
		m.value('i')
		if m.pick(6) != 1 {
			m.emit(0x41, makerTable-1, 0x71)
		}
	}
	switch m.pick(6) {
	case 0:
		small()
		m.emit(0xd2, byte(m.pick(len(m.funcs))), 0x26, 0)
	case 1:
		small()
		m.emit(0xd0, funcref)
		small()
		m.emit(0xfc, 17, 0)
	case 2:
		small()
		small()
		small()
		m.emit(0xfc, 14, 0, 0)
	case 3:
		small()
		m.emit(0x41, byte(m.pick(4)))
		small()
		m.emit(0xfc, 12, 1, 0)
	case 4:
		m.emit(0xfc, 13, 1)
	default: // the table of things from outside
		small()
		m.emit(0xd0, 0x6f, 0x26, 1)
	}
}
