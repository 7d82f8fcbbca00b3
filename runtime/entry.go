package runtime

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/runtime/instrument"
)

// entryHeader stands before the rewritten module in an entry.
type entryHeader struct {
	Info   instrument.Info `json:"info"`
	Native string          `json:"native"` // path of the machine code in the cache; "" if the engine makes none
	Size   int64           `json:"size"`   // of the machine code
	Sum    uint32          `json:"sum"`    // CRC-32C of the machine code: against accidents, not against people
}

// read returns an entry. Its machine code is to be checked yet.
func (c *cache) read(key string) (module []byte, h entryHeader, err error) {
	data, err := readBounded(c.file(key, entrySuffix), maxEntry)
	if err != nil {
		return nil, h, err
	}
	return decodeEntry(data)
}

// checkNative returns what the file of machine code is, if it is as it was written.
func (h entryHeader) checkNative(path string) (fs.FileInfo, error) {
	if h.Native == "" {
		return nil, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, absentOr(err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, absentOr(err)
	}
	if st.Size() != h.Size {
		return nil, fmt.Errorf("%w: machine code of %d bytes has %d", errMiss, h.Size, st.Size())
	}
	sum, err := checksum(f)
	if err != nil {
		return nil, absentOr(err)
	}
	if sum != h.Sum {
		return nil, fmt.Errorf("%w: machine code is damaged", errMiss)
	}
	return st, nil
}

// checksum reads all of r.
func checksum(r io.Reader) (uint32, error) {
	sum := crc32.New(crc32.MakeTable(crc32.Castagnoli))
	_, err := io.CopyBuffer(sum, r, make([]byte, 256<<10))
	return sum.Sum32(), err
}

func absentOr(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return errMiss
	}
	return fmt.Errorf("read compile cache: %w", err)
}

func readBounded(path string, limit int64) ([]byte, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, absentOr(err)
	}
	if st.Size() > limit {
		return nil, fmt.Errorf("%w: %s has %d bytes", errMiss, filepath.Base(path), st.Size())
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, absentOr(err)
	}
	return data, nil
}

func encodeEntry(h entryHeader, module []byte) ([]byte, error) {
	head, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("encode compiled module: %w", err)
	}
	var b bytes.Buffer
	b.WriteString(entryMagic)
	b.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(head))))
	b.Write(head)
	b.Write(module)
	sum := sha256.Sum256(b.Bytes())
	b.Write(sum[:])
	return b.Bytes(), nil
}

func decodeEntry(data []byte) (module []byte, h entryHeader, err error) {
	const fixed = len(entryMagic) + 4
	if len(data) < fixed+sha256.Size {
		return nil, h, fmt.Errorf("%w: the entry is cut", errMiss)
	}
	body := data[:len(data)-sha256.Size]
	if sum := sha256.Sum256(body); !bytes.Equal(sum[:], data[len(body):]) || string(body[:len(entryMagic)]) != entryMagic {
		return nil, h, fmt.Errorf("%w: the entry is damaged", errMiss)
	}
	length := binary.LittleEndian.Uint32(body[len(entryMagic):])
	if uint64(length) > uint64(len(body)-fixed) {
		return nil, h, fmt.Errorf("%w: the entry is damaged", errMiss)
	}
	if err := trellis.DecodeStrict(body[fixed:fixed+int(length)], &h); err != nil {
		return nil, h, fmt.Errorf("%w: %v", errMiss, err)
	}
	if h.Native != "" && !filepath.IsLocal(h.Native) {
		return nil, h, fmt.Errorf("%w: machine code outside of the cache", errMiss)
	}
	return body[fixed+int(length):], h, nil
}
