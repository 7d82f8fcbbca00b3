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
func (im *image) encode(whose string) ([]byte, error) {
	le := binary.LittleEndian
	b := le.AppendUint32([]byte(imageMagic), uint32(len(whose)))
	b = le.AppendUint32(append(b, whose...), uint32(im.size))
	b = le.AppendUint32(b, uint32(len(im.globals)))
	for _, g := range im.globals {
		b = le.AppendUint64(b, g)
	}
	pieces, bytes := 0, 0
	for _, s := range im.spans {
		if !s.zero {
			pieces++
			bytes += s.to - s.from
		}
	}
	b = append(make([]byte, 0, len(b)+8*pieces+bytes+64), b...)
	b = le.AppendUint32(b, uint32(pieces))
	for _, s := range im.spans {
		if !s.zero {
			b = le.AppendUint32(le.AppendUint32(b, uint32(s.from)), uint32(s.to))
		}
	}
	for _, s := range im.spans {
		if s.zero {
			continue
		}
		if im.file == nil {
			b = append(b, im.memory[s.from:s.to]...)
			continue
		}
		b = append(b, make([]byte, s.to-s.from)...)
		if _, err := im.file.ReadAt(b[len(b)-(s.to-s.from):], int64(s.from)); err != nil {
			return nil, fmt.Errorf("read memory image: %w", err)
		}
	}
	sum := sha256.Sum256(b)
	return append(b, sum[:]...), nil
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
// none.
func decodeImage(data []byte, whose string, info instrument.Info) (*image, error) {
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
	im := &image{size: r.u32()}
	if im.size == 0 && !info.Resettable && !r.short {
		return nil, nil
	}
	if !info.Resettable || im.size%pageSize != 0 || im.size/pageSize < int(info.MinMemory) || im.size/pageSize > int(info.MaxMemory) {
		return absent("does not fit the module")
	}
	if n := r.u32(); n != len(info.Globals) || n > len(r.rest)/8 {
		return absent("has other globals")
	}
	for range info.Globals {
		im.globals = append(im.globals, binary.LittleEndian.Uint64(r.bytes(8)))
	}
	content, ok := im.readSpans(r)
	if !ok || r.short {
		return absent("has pieces that do not fit")
	}
	return im, im.keep(func(s span) []byte { return content[s.from] })
}

// readSpans reads which pieces of the memory there are, and returns them by where
// they begin.
func (im *image) readSpans(r *imageReader) (content map[int][]byte, ok bool) {
	n := r.u32()
	if n > len(r.rest)/8 {
		return nil, false
	}
	at := 0
	for range n {
		from, to := r.u32(), r.u32()
		if from < at || to <= from || to > im.size {
			return nil, false
		}
		if from > at {
			im.spans = append(im.spans, span{at, from, true})
		}
		im.spans = append(im.spans, span{from, to, false})
		at = to
	}
	if at < im.size {
		im.spans = append(im.spans, span{at, im.size, true})
	}
	content = make(map[int][]byte, n)
	for _, s := range im.spans {
		if !s.zero {
			content[s.from] = r.bytes(s.to - s.from)
		}
	}
	return content, len(r.rest) == 0
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
	im, err := decodeImage(data, m.imageOf(key), m.info)
	if err != nil {
		m.rt.log.Debug("image not used", "key", key, "err", err)
		return false
	}
	if im == nil {
		return true
	}
	if im.file != nil {
		m.mapped.Store(true)
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
	data, err := im.encode(m.imageOf(key))
	if err == nil {
		err = m.rt.cache.put(key+imageSuffix, data)
	}
	if err != nil {
		m.rt.log.Warn("image not kept", "key", key, "err", err)
	}
}
