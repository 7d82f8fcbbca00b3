package slots

// Resumed returns the ID of a message as it is read and written again.
func Resumed(id string) (string, error) {
	p, _, err := parseWhere(id)
	return p.String(), err
}
