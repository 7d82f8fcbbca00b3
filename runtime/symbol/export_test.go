package symbol

// Work returns the steps of work that are left.
func (t *Table) Work() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.work
}
