package app_test

import (
	"context"
	"errors"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/delivery"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/testkit"
)

func deliveryQuery() delivery.Query { return delivery.Query{} }

// natsServer starts a NATS server of the test's own and returns its address.
func natsServer(t *testing.T) string {
	t.Helper()
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	return s.ClientURL()
}

type noted struct{ asked string }

func (n *noted) Filter(_ context.Context, q trellis.Question) ([]byte, error) {
	n.asked = q.Type
	return nil, &trellis.Refusal{Extension: "test", Filter: q.Type, Code: "no", Message: "No."}
}

// learningAsks performs the operation of a filter with somebody who refuses.
func learningAsks(ctx context.Context, p *testkit.Platform, filter, course string) (bool, error) {
	id, err := p.Learning.Register(ctx, learning.Register{Username: "x" + trellis.NewTraceID(), Password: "correct horse"})
	if err != nil {
		return false, err
	}
	if _, err := p.Learning.Enroll(ctx, learning.Enroll{Person: id.ID, Course: course}); err != nil {
		return false, err
	}
	n := &noted{}
	core, err := learning.New(ctx, learning.Config{DB: p.DB, Filters: n})
	if err != nil {
		return false, err
	}
	switch filter {
	case learning.RegistrationRequested.Name():
		_, err = core.Register(ctx, learning.Register{Username: "y" + trellis.NewTraceID()})
	case learning.LoginRequested.Name():
		_, err = core.Login(ctx, learning.Login{Username: id.PII.Username, Password: "correct horse"})
	case learning.EnrollmentStarted.Name():
		_, err = core.Enroll(ctx, learning.Enroll{Person: id.ID, Course: course, Mode: "honor"})
	case learning.UnenrollmentStarted.Name():
		_, err = core.Unenroll(ctx, learning.Unenroll{Person: id.ID, Course: course})
	default:
		return false, errors.New("no operation is known that asks it")
	}
	if trellis.KindOf(err) != trellis.Refused {
		return false, err
	}
	return n.asked == filter, nil
}
