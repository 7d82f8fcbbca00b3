package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/trellis-learning/trellis"
)

type eventsCmd struct {
	remote
	Follow bool     `short:"f" help:"Show what happens from now on, until Ctrl-C. With -json: one document a line."`
	Type   []string `help:"Only this type. With -follow also several, and prefixes with .*."`
	Course string   `help:"Only those of a course."`
	Person string   `help:"Only those of a person (not with -follow)."`
	After  string   `help:"Begin after this position."`
	Limit  int      `default:"50" help:"How many at most, up to 200 (not with -follow)."`
}

func (c *eventsCmd) Run(e *env) error {
	if c.Follow {
		if c.Person != "" {
			return trellis.Errorf(trellis.Invalid, "-person does not go with -follow")
		}
		return c.follow(e)
	}
	if len(c.Type) > 1 {
		return trellis.Errorf(trellis.Invalid, "several types go with -follow only")
	}
	person := c.Person
	if person != "" {
		var err error
		if person, err = personID(e, c.remote, person, c.Course); err != nil {
			return err
		}
	}
	q := params("after", c.After, "course", c.Course, "person", person, "type", strings.Join(c.Type, ""), "limit", fmt.Sprint(c.Limit))
	var page struct {
		Items []trellis.Event `json:"items"`
		Next  string          `json:"next,omitempty"`
	}
	if err := c.do(e.ctx, "GET", "/api/v1/events", q, nil, &page); err != nil {
		return err
	}
	e.show(page, func(w io.Writer) {
		if len(page.Items) == 0 {
			fmt.Fprintln(w, "Nothing of it has happened. Next: trellis events -follow, trellis catalogue")
		}
		for _, ev := range page.Items {
			fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\n", ev.Position, when(ev.Time), ev.Type, ev.Subject, ev.Actor)
		}
		more(w, "trellis events", page.Next)
	})
	return nil
}

// follow prints the live stream. One that was cut off goes on where it was; one
// that cannot even begin is an error.
func (c *eventsCmd) follow(e *env) error {
	q := url.Values{"type": c.Type}
	if c.Course != "" {
		q.Set("course", c.Course)
	}
	after, began := c.After, false
	for {
		if after != "" {
			q.Set("after", after)
		}
		res, err := c.request(e.ctx, "GET", "/stream/sse", q, nil, "")
		switch kind := trellis.KindOf(err); {
		case e.ctx.Err() != nil:
			return nil // Ctrl-C is how this ends
		case err == nil:
			if !began {
				e.note("Following what happens; Ctrl-C ends it.")
			}
			began = true
			if after, err = c.print(e, res, after); err != nil {
				return err
			}
		case !began || kind != trellis.Unavailable && kind != trellis.Exhausted && kind != trellis.Internal:
			return err
		}
		if e.ctx.Err() != nil {
			return nil
		}
		e.note("The stream was cut off; it goes on when the server answers.")
		select {
		case <-e.ctx.Done():
			return nil
		case <-time.After(2 * time.Second):
		}
	}
}

// print prints events until the stream ends, and returns where it was. Its error
// is that there is nothing to go on with.
func (c *eventsCmd) print(e *env, res *http.Response, after string) (string, error) {
	defer func() { _ = res.Body.Close() }()
	in := bufio.NewReader(res.Body)
	name, data := "", ""
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return after, nil
		}
		field, value, _ := strings.Cut(strings.TrimRight(line, "\r\n"), ": ")
		switch field {
		case "id":
			after = value
		case "event":
			name = value
		case "data":
			data = value
		case "":
			if err := c.event(e, name, data); err != nil {
				return after, err
			}
			name, data = "", ""
		}
	}
}

// event prints one event, or what the stream says of itself.
func (c *eventsCmd) event(e *env, name, data string) error {
	switch {
	case data == "":
		return nil
	case name == "denied":
		return advise(trellis.Errorf(trellis.Denied, "the stream has ended: the token no longer allows it"), loginFirst)
	case name == "resync":
		e.note("Some events were missed: the log no longer has them. It goes on with what happens now.")
		return nil
	}
	var ev trellis.Event
	if e.json || json.Unmarshal([]byte(data), &ev) != nil {
		_, err := fmt.Fprintln(e.out, data)
		e.printed = true
		return err
	}
	var text bytes.Buffer
	if err := json.Compact(&text, ev.Data); err != nil {
		text.Reset() // an event without data
	}
	_, err := fmt.Fprintf(e.out, "%d  %s  %s\n    %s\n", ev.Position, when(ev.Time), ev.Type, text.String())
	return errors.Join(err)
}
