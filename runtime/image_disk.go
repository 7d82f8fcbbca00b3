package runtime

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/trellis-learning/trellis/runtime/instrument"
)

// Images are kept in the cache beside the entries that they belong to, so that
// nothing of a module has to run when it is loaded. On disk an image is
//
//	imageMagic
//	whose it is, the key of the entry and the calling convention: length u32, bytes
//	the size of the memory: u32
//	the globals: number u32, values u64
//	what of the memory is not zero: number u32, then from u32 and to u32 each
//	the bytes of those pieces
//	SHA-256 of all that
//
// in little-endian order. A size of 0 stands for a module that was started, but
// of which there is no image, because it cannot be put back.
const (
	imageMagic  = "trellis-image 1\n"
	imageSuffix = ".image"
	maxImage    = maxMemory + 1<<20
)

// encode returns the image as it is on disk.
func (im *image) encode(whose string) []byte {
	le := binary.LittleEndian
	b := le.AppendUint32([]byte(imageMagic), uint32(len(whose)))
	b = le.AppendUint32(append(b, whose...), uint32(im.size))
	b = le.AppendUint32(b, uint32(len(im.globals)))
	for _, g := range im.globals {
		b = le.AppendUint64(b, g)
	}
	content := 0
	for _, p := range im.pieces {
		content += len(p.data)
	}
	b = append(make([]byte, 0, len(b)+8*len(im.pieces)+content+64), b...)
	b = le.AppendUint32(b, uint32(len(im.pieces)))
	for _, p := range im.pieces {
		b = le.AppendUint32(le.AppendUint32(b, uint32(p.at)), uint32(p.end()))
	}
	for _, p := range im.pieces {
		b = append(b, p.data...)
	}
	sum := sha256.Sum256(b)
	return append(b, sum[:]...)
}

// imageReader takes an image on disk apart. What is not there is zero, and
// leaves short set.
type imageReader struct {
	rest  []byte
	short bool
}

func (r *imageReader) bytes(n int) []byte {
	if n > len(r.rest) {
		r.short = true
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *imageReader) u32() int {
	b := r.bytes(4)
	if b == nil {
		return 0
	}
	return int(min(binary.LittleEndian.Uint32(b), math.MaxInt32))
}

// decodeImage returns an image of a module, as encode has written it. Whatever
// does not fit the module counts as absent. The image is nil where there can be
// none; one larger than limit is mapped.
func decodeImage(data []byte, whose string, info instrument.Info, limit int) (*image, error) {
	absent := func(why string) (*image, error) { return nil, fmt.Errorf("%w: the image %s", errMiss, why) }
	if len(data) < len(imageMagic)+sha256.Size {
		return absent("is cut")
	}
	body := data[:len(data)-sha256.Size]
	if sum := sha256.Sum256(body); !bytes.Equal(sum[:], data[len(body):]) || !bytes.HasPrefix(body, []byte(imageMagic)) {
		return absent("is damaged")
	}
	r := &imageReader{rest: body[len(imageMagic):]}
	if string(r.bytes(r.u32())) != whose {
		return absent("is of another module")
	}
	size := r.u32()
	if size == 0 && !info.Resettable && !r.short {
		return nil, nil
	}
	if !info.Resettable || size%pageSize != 0 || size/pageSize < int(info.MinMemory) || size/pageSize > int(info.MaxMemory) {
		return absent("does not fit the module")
	}
	if n := r.u32(); n != len(info.Globals) || n > len(r.rest)/8 {
		return absent("has other globals")
	}
	var globals []uint64
	for range info.Globals {
		globals = append(globals, binary.LittleEndian.Uint64(r.bytes(8)))
	}
	pieces, ok := r.pieces(size)
	if !ok || r.short {
		return absent("has pieces that do not fit")
	}
	return newImage(size, pieces, globals, limit)
}

// pieces reads what of a memory of that size is not zero. The data is the reader's.
func (r *imageReader) pieces(size int) (pieces []piece, ok bool) {
	n := r.u32()
	if n > len(r.rest)/8 {
		return nil, false
	}
	list := r.bytes(8 * n)
	at := 0
	for ; len(list) > 0; list = list[8:] {
		from, to := int(binary.LittleEndian.Uint32(list)), int(binary.LittleEndian.Uint32(list[4:]))
		if from < at || from%grain != 0 || to <= from || to > size {
			return nil, false
		}
		pieces = append(pieces, piece{from, r.bytes(to - from)})
		at = to
	}
	return pieces, len(r.rest) == 0
}

// restore gives a module the image that lies in the cache, and reports whether
// the module may be used without being started.
func (m *Module) restore(key string) bool {
	if key == "" {
		return false
	}
	data, err := readBounded(m.rt.cache.file(key, imageSuffix), maxImage)
	if err != nil {
		return false
	}
	im, err := decodeImage(data, m.imageOf(key), m.info, m.rt.copyLimit())
	if err != nil {
		m.rt.log.Debug("image not used", "key", key, "err", err)
		return false
	}
	if im == nil {
		return true
	}
	m.image.Store(im)
	return true
}

// imageOf says whose image it is. How a guest is started is the business of its
// convention, so another one makes another image.
func (m *Module) imageOf(key string) string { return key + " " + m.conv.name() }

// save keeps the image of a module that was just started in the cache. Without it
// the module is started again when it is loaded, so an error is only worth a line.
func (m *Module) save(key string) {
	if key == "" {
		return
	}
	im := m.image.Load()
	if im == nil {
		im = &image{}
	}
	if err := m.rt.cache.put(key+imageSuffix, im.encode(m.imageOf(key))); err != nil {
		m.rt.log.Warn("image not kept", "key", key, "err", err)
	}
}
