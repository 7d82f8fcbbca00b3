package learning_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/store"
)

// TestTitles: whatever is given a title or a name takes no character that hides or
// turns what stands beside it, and keeps what is left as one form.
func TestTitles(t *testing.T) {
	w := newWorld(t)
	admin := w.actors["admin"]
	doors := []struct {
		operation, in, key string
		operator           bool
	}{
		{"users.create", `{"username":"made","name":"@"}`, "", false},
		{"users.update", `{"id":"` + w.ids["ada"] + `","name":"@"}`, "", false},
		{"courses.create", `{"key":"course-v1:arts+New+1","title":"@"}`, "title", false},
		{"courses.update", `{"course":"` + goCourse + `","title":"@"}`, "title", false},
		{"organisations.put", `{"key":"arts","title":"@"}`, "title", false},
		{"tenants.brand", `{"title":"@"}`, "title", false},
		{"tenants.put", `{"name":"acme","title":"@"}`, "title", true},
		{"tokens.create", `{"name":"@"}`, "name", false},
		{"grades.set", `{"course":"` + goCourse + `","person":"` + w.ids["ada"] + `","earned":1,"possible":1,"item":"@"}`, "", false},
		{"completions.set", `{"course":"` + goCourse + `","person":"` + w.ids["ada"] + `","completion":1,"block":"@"}`, "", false},
	}
	for _, d := range doors {
		actor := admin
		if d.operator {
			actor = w.actors["operator"]
		}
		for _, bad := range []string{"a\u202eb", "a\u2067b", "a\u200bb", "ad\u200dmin", "a\ufeff", "a\nb", "\U000e0041a"} {
			if _, err := w.do(t, actor, d.operation, strings.Replace(d.in, "@", strings.ReplaceAll(bad, "\n", `\n`), 1)); kind(err) != trellis.Invalid {
				t.Errorf("%s takes %+q: %v", d.operation, bad, err)
			}
		}
		out, err := w.do(t, actor, d.operation, strings.Replace(d.in, "@", "  Cafe\u0301 می\u200cخواهم ", 1))
		if err != nil || d.key != "" && !strings.Contains(out, `"`+d.key+`":"Café می`+"\u200c"+`خواهم"`) {
			t.Errorf("%s: %s, %v", d.operation, out, err)
		}
	}
	if _, err := w.do(t, admin, "grades.set", strings.Replace(doors[8].in, "@", " ", 1)); err != nil {
		t.Error(err)
	}
	if g, err := w.do(t, admin, "grades.get", `{"course":"`+goCourse+`","person":"`+w.ids["ada"]+`"}`); err != nil || strings.Contains(g, `"earned":1,"possible":1`) {
		t.Errorf("an item that is called by a space is the whole course: %s, %v", g, err)
	}
}

// TestUsernames: two names to log in with never differ by what is not seen.
func TestUsernames(t *testing.T) {
	c := newCore(t)
	sys := system(t, "acme")
	for _, bad := range []string{"", " ", "a b", "a\u200db", "a\u200eb", "ada\u3164", "ada\u2800", "ada\u034f", "ada\ufe0f", "a\u00a0b", "می\u200cخ", strings.Repeat("a", 151)} {
		if _, err := c.Register(sys, learning.Register{Username: bad}); kind(err) != trellis.Invalid {
			t.Errorf("%+q: %v", bad, err)
		}
	}
	for _, good := range []string{"ada", " bob ", "Bjo\u0308rk", "дарья", "أحمد"} {
		if _, err := c.Register(sys, learning.Register{Username: good}); err != nil {
			t.Errorf("%+q: %v", good, err)
		}
	}
}

// TestOldNames: who has a name of a time when more was taken is still switched off,
// and her course still closed.
func TestOldNames(t *testing.T) {
	c := newCore(t)
	sys := system(t, "acme")
	ada := c.someone(t, sys, "ada")
	c.course(t, sys, goCourse)
	must(t, c.db.Write(sys, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
		_, people := tx.Exec(ctx, `UPDATE people SET name = ?, username = ?, email = ? WHERE tenant = 'acme'`, "A\u200bda", "a\u200bda", "none")
		_, courses := tx.Exec(ctx, `UPDATE courses SET title = ? WHERE tenant = 'acme'`, "G\u202eo")
		return errors.Join(people, courses)
	})))
	if p, err := c.UpdatePerson(sys, learning.UpdatePerson{ID: ada.ID, Active: ptr(false)}); err != nil || p.Active {
		t.Errorf("%+v, %v", p, err)
	}
	if v, err := c.UpdateCourse(sys, learning.UpdateCourse{Key: goCourse, InvitationOnly: ptr(true)}); err != nil || !v.InvitationOnly {
		t.Errorf("%+v, %v", v, err)
	}
	if _, err := c.api.Serve(as(t, admin()), hostapi.HTTPDoor, "users.get", []byte(`{"id":"`+ada.ID+`"}`)); err != nil {
		t.Error(err)
	}
}
