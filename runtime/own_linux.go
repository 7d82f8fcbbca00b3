package runtime

import (
	"encoding/binary"
	"os"
	"unsafe"
)

// own returns how many bytes of the first size are in pages that are this
// mapping's alone: what was written to. It reports false if the system does not say.
func (m *mapping) own(size int) (bytes int, ok bool) {
	file, err := os.Open("/proc/self/pagemap")
	if err != nil {
		return 0, false
	}
	defer file.Close()
	const (
		entry   = 8       // bytes of a page's
		present = 1 << 63 // and these bits of it
		swapped = 1 << 62
		shared  = 1 << 61
	)
	page := os.Getpagesize()
	first := int(uintptr(unsafe.Pointer(unsafe.SliceData(m.all)))) / page
	var room [512 * entry]byte
	for at := 0; at < size; {
		entries := room[:min(len(room), (size-at+page-1)/page*entry)]
		if _, err := file.ReadAt(entries, int64(first+at/page)*entry); err != nil {
			return 0, false
		}
		for ; len(entries) > 0; entries = entries[entry:] {
			if e := binary.NativeEndian.Uint64(entries); e&(present|swapped) != 0 && e&shared == 0 {
				bytes += page
			}
			at += page
		}
	}
	return min(bytes, size), true
}
