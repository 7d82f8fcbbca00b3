package slots

import "context"

// TakeTurns is takeTurns.
func TakeTurns(ctx context.Context, things []string, owner func(string) string, do func(string)) {
	takeTurns(ctx, things, owner, do)
}

// Resumed returns the ID of a message as it is read and written again.
func Resumed(id string) (string, error) {
	p, _, err := parseWhere(id)
	return p.String(), err
}
