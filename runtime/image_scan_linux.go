package runtime

import (
	"fmt"
	"os"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// scanner finds the pages of a private view that were written to, by the ioctl
// PAGEMAP_SCAN of Linux 6.7. It is safe for concurrent use.
type scanner struct {
	file  *os.File  // nil: this system cannot
	rooms sync.Pool // of *scanRoom
}

// scanRoom is what the kernel reads and writes. It lies on the heap: a stack may
// move, and what the argument points to is only a number for Go.
type scanRoom struct {
	argument scanArgument
	regions  [64]pageRegion
}

// scanArgument is the kernel's struct pm_scan_arg.
type scanArgument struct {
	size, flags, start, end, walkEnd, vec, vecLen, maxPages   uint64
	categoryInverted, categoryMask, categoryAnyof, returnMask uint64
}

// pageRegion is the kernel's struct page_region.
type pageRegion struct{ start, end, categories uint64 }

const (
	pagemapScan   = 3<<30 | uint(unsafe.Sizeof(scanArgument{}))<<16 | 'f'<<8 | 16 // _IOWR('f', 16, struct pm_scan_arg)
	pageIsFile    = 1 << 2                                                        // of the page cache: it was read, not written
	pageIsPresent = 1 << 3
	pageIsSwapped = 1 << 4
)

// newScanner returns a scanner that was seen to work.
func newScanner() *scanner {
	file, err := os.Open("/proc/self/pagemap")
	if err != nil {
		return &scanner{}
	}
	s := &scanner{file: file, rooms: sync.Pool{New: func() any { return new(scanRoom) }}}
	if err := s.try(); err != nil {
		_ = file.Close()
		return &scanner{}
	}
	return s
}

// works reports whether the system tells.
func (s *scanner) works() bool { return s.file != nil }

func (s *scanner) close() {
	if s.works() {
		_ = s.file.Close()
	}
}

// try looks at pages of which one was written, one only read, and one not touched.
func (s *scanner) try() error {
	page := os.Getpagesize()
	file, err := imageFile(3*page, nil)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	m, err := unix.Mmap(int(file.Fd()), 0, 3*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Munmap(m) }()
	m[page] = m[0] + 1
	found, next, err := new(scanRoom).scan(s.file.Fd(), m, 0, 3)
	if err != nil {
		return err
	}
	if want := (pageRegion{uint64(page), uint64(2 * page), 0}); len(found) != 1 || next != len(m) || found[0] != want {
		return fmt.Errorf("written pages are reported as %v", found)
	}
	return nil
}

// scan returns where m, from an offset on, was written to, and up to where it has
// looked: not to the end, if there is no room for more regions or there are more
// than so many pages. Offsets count from m's beginning.
func (r *scanRoom) scan(pagemap uintptr, m []byte, from, pages int) (found []pageRegion, next int, err error) {
	base := uint64(uintptr(unsafe.Pointer(&m[0])))
	r.argument = scanArgument{
		size: uint64(unsafe.Sizeof(r.argument)), start: base + uint64(from), end: base + uint64(len(m)),
		vec: uint64(uintptr(unsafe.Pointer(&r.regions))), vecLen: uint64(len(r.regions)), maxPages: uint64(pages),
		categoryInverted: pageIsFile, categoryMask: pageIsFile, categoryAnyof: pageIsPresent | pageIsSwapped,
	}
	n, _, errno := unix.Syscall(unix.SYS_IOCTL, pagemap, uintptr(pagemapScan), uintptr(unsafe.Pointer(&r.argument)))
	if errno != 0 {
		return nil, from, errno
	}
	found = r.regions[:n]
	for i := range found {
		found[i].start -= base
		found[i].end -= base
	}
	return found, int(r.argument.walkEnd - base), nil
}

// mend puts back those pages of a private view of the image that were written to,
// and says how many bytes they are and how many of those were not as in the image:
// they stay, so that the next call finds them. It reports false if they are more than
// keep, or cannot be told.
func (im *image) mend(m []byte, s *scanner, keep int) (own, changed int, ok bool) {
	if !s.works() {
		return 0, 0, false
	}
	room := s.rooms.Get().(*scanRoom)
	defer s.rooms.Put(room)
	for at := 0; at < len(m); {
		most := (keep-own)/os.Getpagesize() + 1
		found, next, err := room.scan(s.file.Fd(), m, at, most)
		if err != nil || next <= at {
			return 0, 0, false
		}
		for _, r := range found {
			own += int(r.end - r.start)
		}
		if own > keep {
			return own, changed, false
		}
		for _, r := range found {
			changed += im.restore(m, int(r.start), int(r.end))
		}
		at = next
	}
	return own, changed, true
}
