package learning

import (
	"context"
	"strconv"
	"strings"

	"github.com/trellis-learning/trellis/hostapi"
)

// search narrows a list of people to those of whom a text is part. Of what is
// personal it looks only into what the caller may see of everybody: else whoever
// may list people would find out names by guessing.
func (q *query) search(ctx context.Context, text string) {
	one, args := []string{"id = ?"}, []any{text}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		one, args = append(one, "number = ?"), append(args, n)
	}
	for class, column := range map[string]string{"username": "login", "email": "lower(email)", "name": "lower(name)"} {
		if !hostapi.ReachOf(ctx, "pii:"+class).All() {
			continue
		}
		part := strings.ToLower(text)
		if class == "username" {
			part = login(text)
		}
		one, args = append(one, column+` LIKE ? ESCAPE '\'`), append(args, "%"+likeEscaper.Replace(part)+"%")
		if class == "name" && part != text {
			one, args = append(one, `name LIKE ? ESCAPE '\'`), append(args, "%"+likeEscaper.Replace(text)+"%") // lower() may know ASCII only
		}
	}
	q.and("("+strings.Join(one, " OR ")+")", args...)
}

var likeEscaper = strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`)
