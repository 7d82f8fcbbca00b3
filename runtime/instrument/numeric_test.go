package instrument_test

// numeric is an instruction from numbers to a number. Letters are those of
// signatures: i and I for i32 and i64, f and F for f32 and f64, v for vectors.
type numeric struct {
	code   []byte // with what stands behind it, such as lanes
	params string
	result byte
	nan    byte // f or F: the result has such numbers in it, among them perhaps NaN
}

// numerics returns all of them (specification 5.4.6 and 5.4.7).
func numerics() []numeric {
	var all []numeric
	add := func(from, to byte, params string, result byte) {
		for op := int(from); op <= int(to); op++ {
			n := numeric{code: []byte{byte(op)}, params: params, result: result}
			if result == 'f' || result == 'F' {
				n.nan = result
			}
			all = append(all, n)
		}
	}
	for _, g := range []struct {
		from, to byte
		params   string
		result   byte
	}{
		{0x45, 0x45, "i", 'i'}, {0x46, 0x4f, "ii", 'i'}, {0x50, 0x50, "I", 'i'}, {0x51, 0x5a, "II", 'i'}, {0x5b, 0x60, "ff", 'i'}, {0x61, 0x66, "FF", 'i'},
		{0x67, 0x69, "i", 'i'}, {0x6a, 0x78, "ii", 'i'}, {0x79, 0x7b, "I", 'I'}, {0x7c, 0x8a, "II", 'I'},
		{0x8b, 0x91, "f", 'f'}, {0x92, 0x98, "ff", 'f'}, {0x99, 0x9f, "F", 'F'}, {0xa0, 0xa6, "FF", 'F'},
		{0xa7, 0xa7, "I", 'i'}, {0xa8, 0xa9, "f", 'i'}, {0xaa, 0xab, "F", 'i'}, {0xac, 0xad, "i", 'I'}, {0xae, 0xaf, "f", 'I'}, {0xb0, 0xb1, "F", 'I'},
		{0xb2, 0xb3, "i", 'f'}, {0xb4, 0xb5, "I", 'f'}, {0xb6, 0xb6, "F", 'f'}, {0xb7, 0xb8, "i", 'F'}, {0xb9, 0xba, "I", 'F'}, {0xbb, 0xbb, "f", 'F'},
		{0xbc, 0xbc, "f", 'i'}, {0xbd, 0xbd, "F", 'I'}, {0xbe, 0xbe, "i", 'f'}, {0xbf, 0xbf, "I", 'F'}, {0xc0, 0xc1, "i", 'i'}, {0xc2, 0xc4, "I", 'I'},
	} {
		add(g.from, g.to, g.params, g.result)
	}
	for sub, s := range []string{"fi", "fi", "Fi", "Fi", "fI", "fI", "FI", "FI"} { // conversions that saturate
		all = append(all, numeric{code: []byte{0xfc, byte(sub)}, params: s[:1], result: s[1]})
	}
	return append(all, vectorNumerics()...)
}

// vectorShapes has a letter for each instruction with prefix 0xfd from 0x0d: what
// it takes beside vectors, or i to F where it takes or gives a number of a lane;
// a space if it is none of those here.
const vectorShapes = "" +
	"hbiiiIfF" + // 0x0d shuffle, swizzle, splats
	"eepeepepepepep" + // 0x15 lanes
	"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb" + // 0x23 comparisons
	"ubbbbtn          uu" + // 0x4d logic; loads; demote, promote
	"uuunnbbuuuusssbb" + // 0x60 i8x16
	"bbbbuubbbbubuuuu" + // 0x70
	"uubnnbbuuuusssbb" + // 0x80 i16x8
	"bbbbubbbbb bbbbb" + // 0x90
	"uu nn  uuuusssb " + // 0xa0 i32x4
	" b   bbbbbb bbbb" + // 0xb0
	"uu nn  uuuusssb " + // 0xc0 i64x2
	" b   bbbbbbbbbbb" + // 0xd0
	"uu ubbbbbbbbuu u" + // 0xe0 f32x4, f64x2
	"bbbbbbbbuuuuuuuu" //   0xf0

func vectorNumerics() []numeric {
	lanes := map[int]byte{0x15: 'i', 0x16: 'i', 0x17: 'i', 0x18: 'i', 0x19: 'i', 0x1a: 'i', 0x1b: 'i', 0x1c: 'i', 0x1d: 'I', 0x1e: 'I', 0x1f: 'f', 0x20: 'f', 0x21: 'F', 0x22: 'F'}
	var all []numeric
	for i, shape := range vectorShapes {
		sub := 0x0d + i
		n := numeric{code: append([]byte{0xfd}, uleb(sub)...), result: 'v', nan: vectorFloats(sub)}
		switch shape {
		case ' ':
			continue
		case 'h':
			n.params = "vv"
			n.code = append(n.code, 0, 17, 2, 19, 4, 21, 6, 23, 8, 25, 10, 27, 12, 29, 14, 31)
		case 'i', 'I', 'f', 'F':
			n.params = string(shape)
		case 'e':
			n.params, n.result, n.code = "v", lanes[sub], append(n.code, 1)
			if n.result == 'f' || n.result == 'F' {
				n.nan = n.result
			}
		case 'p':
			n.params, n.code = "v"+string(lanes[sub]), append(n.code, 1)
		case 'u':
			n.params = "v"
		case 'b':
			n.params = "vv"
		case 't':
			n.params = "vvv"
		case 's':
			n.params = "vi"
		case 'n':
			n.params, n.result = "v", 'i'
		}
		all = append(all, n)
	}
	return all
}

// vectorFloats is the type of the floats that an instruction computes, if it does.
func vectorFloats(sub int) byte {
	switch {
	case sub == 0x5e, sub >= 0x67 && sub <= 0x6a, sub >= 0xe0 && sub <= 0xeb, sub == 0xfa, sub == 0xfb:
		return 'f'
	case sub == 0x5f, sub == 0x74, sub == 0x75, sub == 0x7a, sub == 0x94, sub >= 0xec && sub <= 0xf7, sub == 0xfe, sub == 0xff:
		return 'F'
	}
	return 0
}
