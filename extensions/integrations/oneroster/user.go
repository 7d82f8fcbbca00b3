package oneroster

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/store"
)

// users makes people, or changes them.
func (x *importing) users(ctx context.Context, c *chunk, lines []*line) error {
	ids, names := make([]string, len(lines)), make([]string, len(lines))
	for i, d := range lines {
		ids[i], names[i] = d.meta.SourcedID, d.user.Login()
	}
	known, err := x.im.Learning.Lookup(ctx, System, "user", ids)
	if err != nil {
		return err
	}
	people := make([]string, len(lines))
	for i, id := range ids { // what we have exported ourselves goes by our own IDs
		people[i] = cmp.Or(known[id], id)
	}
	if err := x.flight.board(ctx, c.number, people); err != nil {
		return err
	}
	b, err := x.im.Learning.Batch(ctx, learning.Keys{People: people, Usernames: names})
	if err != nil {
		return err
	}
	for i, d := range lines {
		if _, ok := b.Person(people[i]); !ok && !d.meta.Removes() {
			names[i] = x.username(b, d, names[i])
		}
	}
	// The names are given out in the order of the rows; the filters then are asked
	// side by side.
	if err := side(len(lines), func(i int) error {
		if err := x.user(ctx, b, lines[i], people[i], names[i]); err != nil {
			return lines[i].failed(err)
		}
		return nil
	}); err != nil {
		return err
	}
	for _, d := range lines {
		switch {
		case d.refusal != nil:
			x.index.Set("users", d.meta.SourcedID, Refused)
			c.people = append(c.people, d.meta.SourcedID)
		case x.options.DryRun && d.pending != nil && d.pending.outcome() == Created && d.user.Enabled:
			x.index.Set("users", d.meta.SourcedID, Planned)
		}
	}
	return nil
}

// username returns name, or one like it if somebody has it, be that somebody of a
// chunk that was not applied yet.
func (x *importing) username(b *learning.Batch, d *line, name string) string {
	free := func(name string) bool {
		_, taken := b.Username(name)
		_, first := x.index.Add("login", strings.ToLower(name), d.row.Number)
		return first && !taken
	}
	if free(name) {
		return name
	}
	const room = 150 - 7
	if r := []rune(name); len(r) > room {
		name = string(r[:room])
	}
	name += "." + short(d.meta.SourcedID)
	d.warn("username", "somebody else has the username: the person got another one")
	_ = free(name)
	return name
}

// short tells people apart who would have the same name to log in with.
func short(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:3])
}

func (x *importing) user(ctx context.Context, b *learning.Batch, d *line, id, username string) error {
	have, ok := b.Person(id)
	// What the file does not say is left as it is.
	name, email := cmp.Or(d.user.Name(), have.PII.Name), cmp.Or(d.user.Email, have.PII.Email)
	works := d.user.Enabled && !d.meta.Removes()
	switch {
	case !ok && d.meta.Removes(), ok && have.PII.Name == name && have.PII.Email == email && have.Active == works:
		d.outcome = Unchanged
		return nil
	case !ok:
		return x.newUser(ctx, b, d, learning.Register{Username: username, Email: email, Name: name})
	}
	person, err := b.PrepareUpdatePerson(ctx, learning.UpdatePerson{ID: id, Name: &name, Email: &email, Active: &works})
	if err != nil {
		return err
	}
	planned := Changed
	if have.Active && !works {
		planned = Removed
	}
	d.await(&person.Outcome, planned, person)
	outcome := d.pending.outcome
	d.pending.outcome = func() Outcome {
		if o := outcome(); o != Removed { // the core says so of every account that works no longer
			return o
		}
		return planned
	}
	return nil
}

func (x *importing) newUser(ctx context.Context, b *learning.Batch, d *line, in learning.Register) error {
	if x.options.Passwords && d.user.Password != "" {
		in.Password = learning.Secret(d.user.Password)
	}
	person, err := b.PrepareRegister(ctx, in)
	if err != nil {
		return err
	}
	link, err := learning.PrepareLink(learning.Outside{System: System, Kind: "user", External: d.meta.SourcedID, ID: person.Person.ID})
	if err != nil {
		return err
	}
	changes := []store.Change{person, link}
	if !d.user.Enabled {
		works := false
		disabled, err := b.PrepareUpdatePerson(ctx, learning.UpdatePerson{ID: person.Person.ID, Active: &works})
		if err != nil {
			return err
		}
		changes = append(changes, disabled)
	}
	d.await(&person.Outcome, Created, changes...)
	return nil
}
