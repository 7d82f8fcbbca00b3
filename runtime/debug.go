package runtime

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strings"

	"github.com/trellis-learning/trellis/runtime/instrument"
	"github.com/trellis-learning/trellis/runtime/symbol"
)

// What explains the traps of a module is kept in the cache beside its entry, and
// read only when there is a trap to explain. On disk it is
//
//	debugMagic
//	where the code of the original begins: u32
//	the positions: length u32, bytes
//	the sections: length of the name u32, name, length u32, bytes, each
//	SHA-256 of all that
//
// in little-endian order.
const (
	debugMagic  = "trellis-debug 1\n"
	debugSuffix = ".debug"
	maxDebug    = 64 << 20
)

// explainedSections are those that places are found by.
func explainedSection(name string) bool {
	switch name {
	case "name", symbol.SourceMap, symbol.SourceMapURL,
		".debug_info", ".debug_abbrev", ".debug_line", ".debug_str", ".debug_line_str", ".debug_ranges",
		".debug_rnglists", ".debug_addr", ".debug_str_offsets":
		return true
	}
	return false
}

// encodeDebug returns what explains the traps of a module, nil if it brings
// nothing of that kind.
func encodeDebug(module []byte, l instrument.Limits) ([]byte, error) {
	sections := slices.DeleteFunc(instrument.Custom(module), func(s instrument.Section) bool { return !explainedSection(s.Name) })
	if len(sections) == 0 {
		return nil, nil
	}
	var positions instrument.Positions
	if instrument.Traceable(module) {
		var err error
		if positions, err = instrument.PositionsOf(module, l); err != nil {
			return nil, err
		}
	}
	le := binary.LittleEndian
	b := le.AppendUint32([]byte(debugMagic), uint32(instrument.CodeStart(module)))
	b = append(le.AppendUint32(b, uint32(len(positions))), positions...)
	for _, s := range sections {
		b = append(le.AppendUint32(b, uint32(len(s.Name))), s.Name...)
		b = append(le.AppendUint32(b, uint32(len(s.Data))), s.Data...)
	}
	sum := sha256.Sum256(b)
	return append(b, sum[:]...), nil
}

// debugInfo explains the traps of one module.
type debugInfo struct {
	positions instrument.Positions
	table     *symbol.Table
	bytes     int // that both are read from, and keep
}

// size is about how many bytes of memory that takes now. The more is asked, the more
// it is.
func (d *debugInfo) size() int64 { return int64(d.bytes + d.table.Size()) }

// decodeDebug returns what encodeDebug has encoded; for anything else, one that
// knows nothing.
func decodeDebug(data []byte) *debugInfo {
	nothing := &debugInfo{table: symbol.New(nil, 0)}
	if len(data) < len(debugMagic)+sha256.Size {
		return nothing
	}
	body := data[:len(data)-sha256.Size]
	if sum := sha256.Sum256(body); !bytes.Equal(sum[:], data[len(body):]) || !bytes.HasPrefix(body, []byte(debugMagic)) {
		return nothing
	}
	r := &imageReader{rest: body[len(debugMagic):]}
	start := r.u32()
	d := &debugInfo{positions: r.bytes(r.u32()), bytes: len(data)}
	var sections []symbol.Section
	for !r.short && len(r.rest) > 0 {
		name := string(r.bytes(r.u32()))
		sections = append(sections, symbol.Section{Name: name, Data: r.bytes(r.u32())})
	}
	if r.short {
		return nothing
	}
	d.table = symbol.New(sections, start)
	return d
}

// debugSource is where a module's debug information is.
type debugSource struct {
	key    string // of the entry in the cache; "": there is none
	memory []byte // without a cache
}

// frames returns the places that the spots of a trace stand for.
func (m *Module) frames(info *debugInfo, trace []spot) []symbol.Frame {
	var frames []symbol.Frame
	more := len(trace) == engineFrames
	for _, p := range trace {
		if len(frames) > 2*maxFrames { // functions may have been inlined into each
			more = true
			break
		}
		function := p.function
		if m.slice < maxFuel && function > len(m.info.Imports) {
			function-- // the import for yielding stands behind the module's own
		}
		offset := uint64(0)
		if p.offset > 0 {
			offset, _ = info.positions.Original(p.offset)
		}
		for _, f := range info.table.Frames(function, offset) {
			if n := len(frames); f.String() != "" && (n == 0 || frames[n-1] != f) {
				frames = append(frames, f)
			}
		}
	}
	frames = withoutMachinery(frames)
	if len(frames) > maxFrames {
		frames, more = frames[:maxFrames], true
	}
	if more {
		frames = append(frames, symbol.Frame{Function: leftOut})
	}
	return frames
}

// withoutMachinery leaves out by what functions a language ends a program, and
// what these call: it is the same for every trap.
func withoutMachinery(frames []symbol.Frame) []symbol.Frame {
	for i := len(frames) - 2; i >= 0; i-- { // one is left in any case
		if machinery(frames[i].Function) {
			return frames[i+1:]
		}
	}
	return frames
}

func machinery(function string) bool {
	for _, prefix := range []string{"core::panicking::", "std::panicking::", "rust_panic", "rust_begin_unwind", "~lib/builtins/abort"} {
		if strings.HasPrefix(function, prefix) {
			return true
		}
	}
	return strings.HasPrefix(function, "core::") && strings.HasSuffix(function, "_failed")
}
