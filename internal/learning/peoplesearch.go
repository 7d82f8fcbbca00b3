package learning

import (
	"context"
	"strconv"
	"strings"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/hostapi"
)

// called narrows a list of people to who logs in with a name or has an address. Only
// those ask so who may see the names or addresses of all who are listed: whoever may
// not would learn by asking.
func (q *query) called(ctx context.Context, in ListUsers) error {
	for _, by := range []struct{ class, given, cond, value string }{
		{trellis.PIIUsername, in.Username, "login = ?", login(in.Username)},
		{trellis.PIIEmail, in.Email, "lower(email) = lower(?)", in.Email},
	} {
		if by.given == "" {
			continue
		}
		if !hostapi.ReachOf(ctx, "pii:"+by.class).Allows(inCourse(in.Course, "")) {
			return trellis.Errorf(trellis.Denied, "%s: whom you may not see by it you cannot find by it; name a course in which you may", by.class)
		}
		q.and(by.cond, by.value)
	}
	return nil
}

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
