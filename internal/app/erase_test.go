package app_test

import (
	"testing"

	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/store"
	"github.com/trellis-learning/trellis/internal/testkit"
)

// TestForgotten: when a person is erased, what extensions keep and have said about
// that person goes too, and nothing about anybody else.
func TestForgotten(t *testing.T) {
	p := testkit.Start(t, app.Config{})
	ctx := p.Tenant(t, "acme")
	course := p.Course(t, ctx, "course-v1:A+B+1")
	p.Install(t, ctx, welcome(t, "trellis-demo.welcome-c"), "", nil)
	people := map[string]string{}
	for _, name := range []string{"ada", "bob"} {
		people[name], _ = p.Person(t, ctx, name)
		if _, err := p.Learning.Enroll(ctx, learning.Enroll{Person: people[name], Course: course}); err != nil {
			t.Fatal(err)
		}
	}
	notes := func(person string) (n int) {
		t.Helper()
		if err := p.DB.Read(ctx, func(tx *store.Tx) error {
			return tx.QueryRow(ctx, `SELECT COUNT(*) FROM extension_kv WHERE tenant = 'acme' AND person = ?`, person).Scan(&n)
		}); err != nil {
			t.Fatal(err)
		}
		return n
	}
	said := func(person string) (data string) {
		t.Helper()
		for _, e := range p.Events(t, ctx, "trellis-demo.welcome-c.greeted") {
			if e.Person == person {
				data = string(e.Data)
			}
		}
		return data
	}
	for name, person := range people {
		testkit.Eventually(t, "something to forget about "+name, func() bool { return notes(person) > 0 && said(person) == `{"named":true}` })
	}
	if err := p.Learning.Erase(ctx, people["ada"]); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, "nothing about the person", func() bool { return notes(people["ada"]) == 0 && said(people["ada"]) == "{}" })
	if notes(people["bob"]) == 0 || said(people["bob"]) != `{"named":true}` {
		t.Errorf("of the other person %d notes are left, and %s", notes(people["bob"]), said(people["bob"]))
	}
}
