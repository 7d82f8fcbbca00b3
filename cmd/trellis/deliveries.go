package main

import (
	"fmt"
	"io"

	"github.com/trellis-learning/trellis/internal/delivery"
)

type deliveriesCmd struct {
	List     deliveriesListCmd     `cmd:"" default:"1" help:"Show deliveries that failed."`
	Show     deliveriesShowCmd     `cmd:"" help:"Show a delivery, with what is sent."`
	Retry    deliveriesRetryCmd    `cmd:"" help:"Send a delivery again, as it was or with other data."`
	RetryAll deliveriesRetryAllCmd `cmd:"" help:"Send all of one cause again that were given up, 50 a second."`
	Cancel   deliveriesCancelCmd   `cmd:"" help:"Take back what is sent again together, as far as it was not tried."`
	Discard  deliveriesDiscardCmd  `cmd:"" help:"Drop a delivery that was given up."`
	Restore  deliveriesRestoreCmd  `cmd:"" help:"Bring back what was dropped within the last week."`
}

type deliveriesListCmd struct {
	remote
	State string `help:"Only those in this state: failing, parked, dead."`
	After string `help:"Begin after this one: the value of next in the page before."`
}

func (c *deliveriesListCmd) Run(e *env) error {
	var list delivery.List
	if err := c.do(e.ctx, "GET", "/api/v1/deliveries", params("state", c.State, "after", c.After), nil, &list); err != nil {
		return err
	}
	e.show(list, func(w io.Writer) {
		if len(list.Items) == 0 {
			fmt.Fprintln(w, "Every event was delivered.")
			return
		}
		for _, r := range list.Items {
			fmt.Fprintf(w, "%s\t%s\t%s\t%d tries\t%s\n", r.ID, r.State, r.Type, r.Attempts, r.Error)
		}
		fmt.Fprintf(w, "\nNext: trellis deliveries show|retry|discard %s\n", list.Items[0].ID)
		more(w, "trellis deliveries list", list.Next)
	})
	return nil
}

type deliveryRef struct {
	remote
	ID string `arg:"" help:"ID of the delivery."`
}

func (d deliveryRef) path() string { return "/api/v1/deliveries/" + seg(d.ID) }

type deliveriesShowCmd struct{ deliveryRef }

func (c *deliveriesShowCmd) Run(e *env) error {
	var letter delivery.Letter
	if err := c.do(e.ctx, "GET", c.path(), nil, nil, &letter); err != nil {
		return err
	}
	e.show(letter, func(w io.Writer) {
		fmt.Fprintf(w, "%s\t%s, %d tries\n", letter.Type, letter.State, letter.Attempts)
		fmt.Fprintf(w, "event\t%s at %d\nfor\t%s\nerror\t%s\ndata\t%s\n", letter.Event, letter.Position, letter.Subscriber, letter.Error, letter.Data)
		fmt.Fprintf(w, "\nNext: trellis deliveries retry %s, with -data JSON to send something else; trellis deliveries discard %s\n", c.ID, c.ID)
	})
	return nil
}

type deliveriesRetryCmd struct {
	deliveryRef
	Data string `help:"Other data: JSON, or @FILE."`
}

func (c *deliveriesRetryCmd) Run(e *env) error {
	in := map[string]any{}
	if c.Data != "" {
		raw, err := jsonArgument("-data", c.Data)
		if err != nil {
			return err
		}
		in["data"] = raw
	}
	if err := c.do(e.ctx, "POST", c.path()+"/retry", nil, in, nil); err != nil {
		return err
	}
	e.done(map[string]string{"id": c.ID, "state": "sent again"}, "It is sent again. Next: trellis deliveries list")
	return nil
}

type deliveriesRetryAllCmd struct {
	remote
	ID string `arg:"" help:"ID of one of them: all that were given up for the same subscriber, type and error go with it."`
}

func (c *deliveriesRetryAllCmd) Run(e *env) error {
	var one delivery.Letter
	if err := c.do(e.ctx, "GET", deliveryRef{ID: c.ID}.path(), nil, nil, &one); err != nil {
		return err
	}
	var out delivery.Bulk
	if err := c.do(e.ctx, "POST", "/api/v1/deliveries/retry", nil, delivery.Of{Subscriber: one.Subscriber, Type: one.Type, Error: one.Error}, &out); err != nil {
		return err
	}
	e.done(out, "Sent again: %d, left: %d. To take back what was not tried: trellis deliveries cancel %s", out.Changed, out.Left, out.Batch)
	return nil
}

type deliveriesCancelCmd struct {
	remote
	Batch string `arg:"" help:"What retry-all answered."`
}

func (c *deliveriesCancelCmd) Run(e *env) error {
	var out delivery.Bulk
	if err := c.do(e.ctx, "POST", "/api/v1/deliveries/cancel", nil, delivery.Resent{Batch: c.Batch}, &out); err != nil {
		return err
	}
	e.done(out, "Taken back: %d. Next: trellis deliveries list -state dead", out.Changed)
	return nil
}

type deliveriesDiscardCmd struct {
	deliveryRef
	Yes bool `short:"y" help:"Do not ask."`
}

func (c *deliveriesDiscardCmd) Run(e *env) error {
	if err := e.sure(c.Yes, "Give up "+c.ID+" for good?"); err != nil {
		return err
	}
	if err := c.do(e.ctx, "DELETE", c.path(), nil, nil, nil); err != nil {
		return err
	}
	e.done(map[string]string{"id": c.ID, "state": "discarded"}, "It is dropped. It can be brought back for a week: trellis deliveries restore "+c.ID)
	return nil
}

type deliveriesRestoreCmd struct {
	remote
	Batch string `arg:"" help:"ID of the delivery that was dropped, or of those that were dropped together."`
}

func (c *deliveriesRestoreCmd) Run(e *env) error {
	var out delivery.Bulk
	if err := c.do(e.ctx, "POST", "/api/v1/deliveries/restore", nil, delivery.Dropped{Batch: c.Batch}, &out); err != nil {
		return err
	}
	e.done(out, "Brought back: %d. Next: trellis deliveries list", out.Changed)
	return nil
}
