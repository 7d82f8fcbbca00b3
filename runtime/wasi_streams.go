package runtime

import (
	"encoding/binary"
	"fmt"
)

// The standard streams and the arguments. For a command they are its input, its
// answer and its hook; for all other guests input is at its end, there are no
// arguments, and both streams of output go to the log.

const (
	wasiStdin  = 0
	wasiStdout = 1
	wasiStderr = 2
)

const (
	filetypeUnknown         = 0 // a pipe: a program that sees a terminal writes line by line
	filetypeCharacterDevice = 2
)

// command returns the guest as a command, nil if it is none.
func (f *frame) command() *commandGuest {
	g, _ := f.inst.guest.(*commandGuest)
	return g
}

func (f *frame) filetype(fd uint32) byte {
	if fd != wasiStderr && f.command() != nil {
		return filetypeUnknown
	}
	return filetypeCharacterDevice
}

// arguments returns what a guest was started with, each with its final zero.
func (f *frame) arguments() []string {
	if g := f.command(); g != nil {
		return []string{commandName + "\x00", g.hook + "\x00"}
	}
	return nil
}

func wasiArgsSizes(f *frame, stack []uint64) uint64 {
	args, size := f.arguments(), 0
	for _, a := range args {
		size += len(a)
	}
	if !f.put(stack[0], uint64(len(args)), 4) || !f.put(stack[1], uint64(size), 4) {
		return errnoFault
	}
	return 0
}

func wasiArgs(f *frame, stack []uint64) uint64 {
	pointers, text := uint64(uint32(stack[0])), uint64(uint32(stack[1]))
	for _, a := range f.arguments() {
		if text > 1<<32-1 || !f.put(pointers, text, 4) || !f.inst.mem.WriteString(uint32(text), a) {
			return errnoFault
		}
		pointers += 4
		text += uint64(len(a))
	}
	return 0
}

// pieces calls use for each of the pieces of memory that the guest lists at ptr,
// until it returns false.
func (f *frame) pieces(ptr, count uint64, use func(piece []byte) bool) (errno uint64) {
	if uint32(count) > maxIovecs {
		return errnoInval
	}
	list, ok := f.inst.mem.Read(uint32(ptr), uint32(count)*8)
	if !ok {
		return errnoFault
	}
	f.charge(dear + cheap*uint64(uint32(count)))
	for ; len(list) > 0; list = list[8:] {
		piece, ok := f.inst.mem.Read(binary.LittleEndian.Uint32(list), binary.LittleEndian.Uint32(list[4:]))
		if !ok {
			return errnoFault
		}
		if !use(piece) {
			break
		}
	}
	return 0
}

// wasiRead reads from standard input, which is at its end unless the guest is a
// command that has not yet read all of it.
func wasiRead(f *frame, stack []uint64) uint64 {
	if uint32(stack[0]) != wasiStdin {
		return errnoBadf
	}
	total := 0
	if g := f.command(); g != nil {
		errno := f.pieces(stack[1], stack[2], func(piece []byte) bool {
			n := copy(piece, g.in)
			f.charge(uint64(n / perUnit))
			g.in = g.in[n:]
			total += n
			return len(g.in) > 0
		})
		if errno != 0 {
			return errno
		}
	}
	if !f.put(stack[3], uint64(total), 4) {
		return errnoFault
	}
	return 0
}

// wasiWrite takes what a guest writes to standard output or error: to the log,
// or, the output of a command, to its answer. More than the log may hold is
// counted as written and not looked at; more than the answer may hold ends the
// guest.
func wasiWrite(f *frame, stack []uint64) uint64 {
	fd := uint32(stack[0])
	if fd != wasiStdout && fd != wasiStderr {
		return errnoBadf
	}
	g := f.command()
	if fd == wasiStderr {
		g = nil
	}
	var total uint64
	errno := f.pieces(stack[1], stack[2], func(piece []byte) bool {
		if total += uint64(len(piece)); total > 1<<31 {
			return false
		}
		if g != nil {
			f.charge(uint64(len(piece) / perUnit))
			g.write(f, piece)
			return true
		}
		f.charge(uint64(min(len(piece), f.logLeft)))
		f.print(int(fd-wasiStdout), piece)
		return true
	})
	switch {
	case errno != 0:
		return errno
	case total > 1<<31:
		return errnoInval
	case !f.put(stack[3], total, 4):
		return errnoFault
	}
	return 0
}

// write appends to the answer, as long as that is not larger than allowed.
func (g *commandGuest) write(f *frame, text []byte) {
	if limit := f.inst.m.limits.Output; len(g.out)-g.from+len(text) > limit {
		f.stop(fmt.Errorf("%w: more than the %d bytes allowed", ErrOutput, limit))
	}
	g.out = append(g.out, text...)
}
