package runtime

import (
	"fmt"
	"os"
	goruntime "runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// canMap says that memory images can be mapped copy-on-write.
const canMap = true

// mapping is the memory of an instance as the system's: addresses are reserved
// for all that it may grow to, so that it never moves, and its beginning may be a
// private view of an image. It implements wazero's LinearMemory.
type mapping struct{ all []byte }

// newMapping reserves addresses. If there are none left, Reallocate returns nil.
func newMapping(most uint64) *mapping {
	size := (most + uint64(os.Getpagesize()) - 1) &^ uint64(os.Getpagesize()-1)
	if size == 0 {
		size = uint64(os.Getpagesize())
	}
	all, err := unix.Mmap(-1, 0, int(size), unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err != nil {
		return &mapping{}
	}
	return &mapping{all: all}
}

// Reallocate makes the first size bytes usable, which stay where they are.
func (m *mapping) Reallocate(size uint64) []byte {
	if size > uint64(len(m.all)) {
		return nil
	}
	if size > 0 && unix.Mprotect(m.all[:size], unix.PROT_READ|unix.PROT_WRITE) != nil {
		return nil
	}
	return m.all[:size:size]
}

// Free gives the addresses back.
func (m *mapping) Free() {
	if m.all != nil {
		_ = unix.Munmap(m.all)
		m.all = nil
	}
}

// view makes the beginning of the memory a private view of the image.
func (m *mapping) view(im *image) bool {
	if im.size > len(m.all) {
		return false
	}
	_, err := unix.MmapPtr(int(im.file.Fd()), 0, unsafe.Pointer(&m.all[0]), uintptr(im.size),
		unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_FIXED)
	return err == nil
}

// mend puts back a view of the image and leaves it its pages. It says how many bytes
// of pages of its own the view was found to have, and how many of them were not as
// the image has them. It reports false if there are more than keep, or cannot be told:
// then nothing is put back.
func (m *mapping) mend(im *image, s *scanner, keep int) (own, changed int, ok bool) {
	return im.mend(m.all[:im.size], s, keep)
}

// populate gives the view pages of its own, of the first n bytes. Where that fails
// the guest gets them one by one.
func (m *mapping) populate(n int) { _ = unix.Madvise(m.all[:n], unix.MADV_POPULATE_WRITE) }

// forget drops what was written over the image's first n bytes, which is all of it.
func (m *mapping) forget(n int) bool {
	return unix.Madvise(m.all[:n], unix.MADV_DONTNEED) == nil
}

// zeroLimit is up to where writing zeros is faster than dropping pages.
const zeroLimit = 256 << 10

// zero makes what is behind the image zero.
func (m *mapping) zero(from, to int) bool {
	if to-from <= zeroLimit {
		clear(m.all[from:to])
		return true
	}
	return unix.Madvise(m.all[from:to], unix.MADV_DONTNEED) == nil
}

// put writes the pieces of an image to a file in memory, which cannot change. What
// is zero takes no memory until somebody reads it. The image's own pieces are the
// file's, seen.
func (im *image) put(pieces []piece) error {
	file, err := imageFile(im.size, pieces)
	if err != nil {
		return err
	}
	seen, err := unix.Mmap(int(file.Fd()), 0, im.size, unix.PROT_READ, unix.MAP_PRIVATE)
	if err != nil {
		_ = file.Close()
		return fmt.Errorf("map memory image: %w", err)
	}
	im.file = file
	for i, p := range pieces {
		im.pieces[i] = piece{p.at, seen[p.at:p.end()]}
	}
	goruntime.AddCleanup(im, func(seen []byte) { _ = unix.Munmap(seen) }, seen)
	return nil
}

// close lets go of the file; instances that have it mapped keep their view.
func (im *image) close() {
	if im.file != nil {
		_ = im.file.Close()
	}
}

func imageFile(size int, pieces []piece) (*os.File, error) {
	fd, err := unix.MemfdCreate("trellis-image", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, fmt.Errorf("make memory image: %w", err)
	}
	file := os.NewFile(uintptr(fd), "trellis-image")
	err = file.Truncate(int64(size))
	for _, p := range pieces {
		if err == nil {
			_, err = file.WriteAt(p.data, int64(p.at))
		}
	}
	if err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("make memory image: %w", err)
	}
	const seals = unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE
	if _, err := unix.FcntlInt(file.Fd(), unix.F_ADD_SEALS, seals); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("seal memory image: %w", err)
	}
	return file, nil
}
