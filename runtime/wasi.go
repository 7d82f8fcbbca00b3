package runtime

import (
	"crypto/rand"
	"encoding/binary"
	"time"

	"github.com/tetratelabs/wazero/sys"
)

// WASI preview 1 (snapshot_preview1 of the WebAssembly System Interface) for a
// guest with no files, no environment and no sockets: the three standard
// descriptors cannot be closed or changed, and what they are is said in
// wasi_streams.go. It is written here and not taken from wazero,
// whose functions may be made to work for as long as a guest likes, outside of
// its fuel: a single fd_write of overlapping pieces copies terabytes.

const wasiModule = "wasi_snapshot_preview1"

// Error numbers of preview 1 (type errno).
const (
	errnoBadf  = 8
	errnoFault = 21
	errnoInval = 28
	errnoNosys = 52
	errnoSpipe = 70
)

const rightRead, rightWrite = 1 << 1, 1 << 6

// wasiFunctions returns all functions of preview 1.
func wasiFunctions() []hostFunction {
	list := []struct {
		name, params string
		call         func(f *frame, stack []uint64) (errno uint64)
	}{
		{"args_get", "ii", wasiArgs},
		{"args_sizes_get", "ii", wasiArgsSizes},
		{"environ_get", "ii", wasiNothing},
		{"environ_sizes_get", "ii", wasiNoSizes},
		{"clock_res_get", "ii", wasiClockResolution},
		{"clock_time_get", "iIi", wasiClockTime},
		{"fd_advise", "iIIi", wasiStream},
		{"fd_allocate", "iII", wasiStream},
		{"fd_close", "i", wasiKnown},
		{"fd_datasync", "i", wasiKnown},
		{"fd_fdstat_get", "ii", wasiStat},
		{"fd_fdstat_set_flags", "ii", wasiKnown},
		{"fd_fdstat_set_rights", "iII", wasiKnown},
		{"fd_filestat_get", "ii", wasiFileStat},
		{"fd_filestat_set_size", "iI", wasiStream},
		{"fd_filestat_set_times", "iIIi", wasiStream},
		{"fd_pread", "iiiIi", wasiStream},
		{"fd_prestat_dir_name", "iii", wasiBad},
		{"fd_prestat_get", "ii", wasiBad},
		{"fd_pwrite", "iiiIi", wasiStream},
		{"fd_read", "iiii", wasiRead},
		{"fd_readdir", "iiiIi", wasiBad},
		{"fd_renumber", "ii", wasiBad},
		{"fd_seek", "iIii", wasiStream},
		{"fd_sync", "i", wasiKnown},
		{"fd_tell", "ii", wasiStream},
		{"fd_write", "iiii", wasiWrite},
		{"path_create_directory", "iii", wasiBad},
		{"path_filestat_get", "iiiii", wasiBad},
		{"path_filestat_set_times", "iiiiIIi", wasiBad},
		{"path_link", "iiiiiii", wasiBad},
		{"path_open", "iiiiiIIii", wasiBad},
		{"path_readlink", "iiiiii", wasiBad},
		{"path_remove_directory", "iii", wasiBad},
		{"path_rename", "iiiiii", wasiBad},
		{"path_symlink", "iiiii", wasiBad},
		{"path_unlink_file", "iii", wasiBad},
		{"poll_oneoff", "iiii", wasiPoll},
		{"proc_raise", "i", wasiMissing},
		{"random_get", "ii", wasiRandom},
		{"sched_yield", "", wasiNothing},
		{"sock_accept", "iii", wasiBad},
		{"sock_recv", "iiiiii", wasiBad},
		{"sock_send", "iiiii", wasiBad},
		{"sock_shutdown", "ii", wasiBad},
	}
	functions := []hostFunction{{wasiModule, "proc_exit", "i", "", cheap, wasiExit}}
	for _, w := range list {
		functions = append(functions, hostFunction{wasiModule, w.name, w.params, "i", cheap, func(f *frame, stack []uint64) {
			stack[0] = w.call(f, stack)
		}})
	}
	return functions
}

func wasiNothing(*frame, []uint64) uint64 { return 0 }
func wasiBad(*frame, []uint64) uint64     { return errnoBadf }
func wasiMissing(*frame, []uint64) uint64 { return errnoNosys }

// wasiKnown accepts, without effect, what is done to a standard descriptor.
func wasiKnown(_ *frame, stack []uint64) uint64 {
	if uint32(stack[0]) > wasiStderr {
		return errnoBadf
	}
	return 0
}

// wasiStream refuses what needs a file with positions.
func wasiStream(_ *frame, stack []uint64) uint64 {
	if uint32(stack[0]) > wasiStderr {
		return errnoBadf
	}
	return errnoSpipe
}

func wasiExit(_ *frame, stack []uint64) { panic(sys.NewExitError(uint32(stack[0]))) }

// put writes a little-endian number of size bytes into the guest's memory.
func (f *frame) put(ptr, value uint64, size int) bool {
	if size == 4 {
		return f.inst.mem.WriteUint32Le(uint32(ptr), uint32(value))
	}
	return f.inst.mem.WriteUint64Le(uint32(ptr), value)
}

func wasiNoSizes(f *frame, stack []uint64) uint64 {
	if !f.put(stack[0], 0, 4) || !f.put(stack[1], 0, 4) {
		return errnoFault
	}
	return 0
}

const wasiClocks = 4 // realtime, monotonic, and the processor times, which are monotonic here

func wasiClockResolution(f *frame, stack []uint64) uint64 {
	if uint32(stack[0]) >= wasiClocks {
		return errnoInval
	}
	if !f.put(stack[1], uint64(time.Microsecond), 8) {
		return errnoFault
	}
	return 0
}

func wasiClockTime(f *frame, stack []uint64) uint64 {
	var now int64
	switch id := uint32(stack[0]); {
	case id == 0:
		now = time.Now().UnixNano()
	case id < wasiClocks:
		now = int64(time.Since(f.inst.m.rt.started)) + 1 // some guests take 0 for a broken clock
	default:
		return errnoInval
	}
	if !f.put(stack[2], uint64(now), 8) {
		return errnoFault
	}
	return 0
}

func wasiRandom(f *frame, stack []uint64) uint64 {
	b, ok := f.inst.mem.Read(uint32(stack[0]), uint32(stack[1]))
	if !ok {
		return errnoFault
	}
	f.charge(perByte*uint64(len(b)) + dear)
	_, _ = rand.Read(b) // never fails: it ends the process instead
	return 0
}

// wasiStat writes a fdstat: 24 bytes, the file type first, the rights at 8.
func wasiStat(f *frame, stack []uint64) uint64 {
	fd := uint32(stack[0])
	if fd > wasiStderr {
		return errnoBadf
	}
	b, ok := f.inst.mem.Read(uint32(stack[1]), 24)
	if !ok {
		return errnoFault
	}
	clear(b)
	b[0] = f.filetype(fd)
	rights := uint64(rightWrite)
	if fd == wasiStdin {
		rights = rightRead
	}
	binary.LittleEndian.PutUint64(b[8:], rights)
	return 0
}

// wasiFileStat writes a filestat: 64 bytes, the file type at 16.
func wasiFileStat(f *frame, stack []uint64) uint64 {
	if uint32(stack[0]) > wasiStderr {
		return errnoBadf
	}
	b, ok := f.inst.mem.Read(uint32(stack[1]), 64)
	if !ok {
		return errnoFault
	}
	clear(b)
	b[16] = f.filetype(uint32(stack[0]))
	return 0
}

// wasiPoll says of everything that it has happened already, so that nothing
// waits: subscriptions have 48 bytes, events 32.
func wasiPoll(f *frame, stack []uint64) uint64 {
	const subscription, event = 48, 32
	count := uint32(stack[2])
	if count == 0 || count > maxIovecs {
		return errnoInval
	}
	f.charge(uint64(count) * cheap)
	in, ok := f.inst.mem.Read(uint32(stack[0]), count*subscription)
	if !ok {
		return errnoFault
	}
	out, ok := f.inst.mem.Read(uint32(stack[1]), count*event)
	if !ok {
		return errnoFault
	}
	for i := range int(count) {
		var sub [subscription]byte
		copy(sub[:], in[i*subscription:]) // the two may overlap
		e := out[i*event : (i+1)*event]
		clear(e)
		copy(e, sub[:8]) // the guest's own mark
		e[10] = sub[8]   // clock, fd_read or fd_write
		if sub[8] != 0 && binary.LittleEndian.Uint32(sub[16:]) > wasiStderr {
			e[8] = errnoBadf
		}
	}
	if !f.put(stack[3], uint64(count), 4) {
		return errnoFault
	}
	return 0
}
