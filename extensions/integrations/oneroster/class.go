package oneroster

import (
	"context"

	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/store"
)

// classes makes courses of classes, or changes them.
func (x *importing) classes(ctx context.Context, c *chunk, lines []*line) error {
	ids, schools := make([]string, len(lines)), make([]string, len(lines))
	for i, d := range lines {
		ids[i], schools[i] = d.meta.SourcedID, d.class.School
	}
	known, err := x.im.Learning.Lookup(ctx, System, "class", ids)
	if err != nil {
		return err
	}
	orgs, err := x.im.Learning.Lookup(ctx, System, "org", schools)
	if err != nil {
		return err
	}
	hidden, err := x.im.Learning.Lookup(ctx, System, hiddenClass, ids)
	if err != nil {
		return err
	}
	keys := make([]string, len(lines))
	for i, d := range lines {
		if keys[i] = known[ids[i]]; keys[i] == "" {
			keys[i] = x.keyOf(*d.class, orgs[schools[i]])
		}
	}
	if err := x.flight.board(ctx, c.number, keys); err != nil {
		return err
	}
	b, err := x.im.Learning.Batch(ctx, learning.Keys{Courses: keys})
	if err != nil {
		return err
	}
	for i, d := range lines {
		if err := x.class(ctx, b, d, keys[i], orgs[schools[i]], hidden[ids[i]] == keys[i]); err != nil {
			if err := d.failed(err); err != nil {
				return err
			}
		}
	}
	return nil
}

// keyOf returns the key of the course that a new class becomes. The school may be
// known from an earlier archive; one that brings classes alone does not say what it
// is called.
func (x *importing) keyOf(c Class, org string) string {
	if org == "" {
		org = x.orgs[c.School]
	}
	year := ""
	for _, t := range c.Terms {
		if y := x.years[t]; y != "" {
			year = y
		}
	}
	return c.CourseKey(Org{Identifier: org}, Course{Code: x.courses[c.Course]}, year).String()
}

// hiddenClass is the kind under which it is noted that a roster hid a course. One that
// staff have hidden stays so: a roster shows again only what a roster has hidden.
const hiddenClass = "class.hidden"

func (x *importing) class(ctx context.Context, b *learning.Batch, d *line, key, org string, byRoster bool) error {
	have, ok := b.Course(key)
	title, hidden := d.class.Title, d.meta.Removes()
	note := learning.Outside{System: System, Kind: hiddenClass, External: d.meta.SourcedID, ID: key}
	if title == "" {
		title = key
	}
	switch {
	case !ok && hidden:
		d.outcome = Unchanged
		return nil
	case !ok:
		return x.newClass(ctx, b, d, key, title, org)
	}
	if !hidden && have.Hidden && !byRoster {
		hidden = true
		d.warn("status", "staff have hidden the course, and it stays hidden")
	}
	if titled(have.Title, key) == title && have.Hidden == hidden {
		d.outcome = Unchanged
		if byRoster && !hidden { // staff have shown it again
			forget := learning.PrepareUnlink(note)
			d.await(&forget.Outcome, Unchanged, forget)
		}
		return nil
	}
	course, err := b.PrepareUpdateCourse(ctx, learning.UpdateCourse{Key: key, Title: &title, Hidden: &hidden})
	if err != nil {
		return err
	}
	planned, changes := Changed, []store.Change{course}
	switch {
	case hidden && !have.Hidden: // a class that goes is a course that is hidden
		planned = Removed
		link, err := learning.PrepareLink(note)
		if err != nil {
			return err
		}
		changes = append(changes, link)
	case byRoster && !hidden:
		changes = append(changes, learning.PrepareUnlink(note))
	}
	d.await(&course.Outcome, planned, changes...)
	outcome := d.pending.outcome
	d.pending.outcome = func() Outcome {
		if o := outcome(); o != Changed {
			return o
		}
		return planned
	}
	return nil
}

func (x *importing) newClass(ctx context.Context, b *learning.Batch, d *line, key, title, org string) error {
	course, err := b.PrepareCreateCourse(ctx, learning.CreateCourse{Key: key, Title: title})
	if err != nil {
		return err
	}
	link, err := learning.PrepareLink(learning.Outside{System: System, Kind: "class", External: d.meta.SourcedID, ID: key})
	if err != nil {
		return err
	}
	changes := []store.Change{course, link}
	if org == "" {
		link, err := learning.PrepareLink(learning.Outside{System: System, Kind: "org", External: d.class.School, ID: course.Course.Organisation})
		if err != nil {
			return err
		}
		changes = append(changes, link)
	}
	if _, ok := x.courses[d.class.Course]; !ok && d.class.Course != "" {
		d.warn("courseSourcedId", "there is no such course in the file: it was made of the class")
	}
	if x.options.DryRun {
		x.index.Set("classes", d.meta.SourcedID, Planned)
	}
	d.await(&course.Outcome, Created, changes...)
	return nil
}
