package runtime

// LaneBound is how many calls of one key may wait.
const LaneBound = laneBound

// Queued returns how many calls of key wait for a slot of m.
func Queued(m *Module, key string) int {
	m.gate.mu.Lock()
	defer m.gate.mu.Unlock()
	if l := m.gate.lanes[key]; l != nil {
		return len(l.calls)
	}
	return 0
}

// DecodeEntry is what reads an entry of the cache.
func DecodeEntry(data []byte) error {
	_, _, err := decodeEntry(data)
	return err
}
