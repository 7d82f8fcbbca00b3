package app_test

import (
	"net"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/trellis-learning/trellis/extensions/bus"
	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/internal/testkit"
)

// TestOutsideService: a service outside of the platform follows a tenant's events by
// a durable consumer of its own on the NATS server within, if that was given an
// address, and by its token only.
func TestOutsideService(t *testing.T) {
	address := freeAddress(t)
	p := testkit.Start(t, app.Config{NATSListen: address, NATSToken: "let-me-in"})
	ctx := p.Tenant(t, "acme")
	p.Tenant(t, "other")
	p.Person(t, ctx, "ada")

	if c, err := nats.Connect("nats://" + address); err == nil {
		c.Close()
		t.Error("somebody without the token was let in")
	}
	c, err := nats.Connect("nats://"+address, nats.Token("let-me-in"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	js, err := jetstream.New(c)
	if err != nil {
		t.Fatal(err)
	}
	var consumer jetstream.Consumer
	testkit.Eventually(t, "the relay has made the stream", func() bool {
		consumer, err = js.CreateOrUpdateConsumer(ctx, bus.StreamName, jetstream.ConsumerConfig{Durable: "crm", FilterSubject: "events.*.acme.>"})
		return err == nil
	})
	for _, want := range p.Events(t, ctx, "") {
		m, err := consumer.Next(jetstream.FetchMaxWait(testkit.Patience))
		if err != nil {
			t.Fatal(err)
		}
		h := m.Headers()
		if h.Get("ce-id") != want.ID || h.Get("ce-type") != want.Type || h.Get("ce-tenant") != "acme" || h.Get("Nats-Msg-Id") != want.ID || string(m.Data()) != string(want.Data) {
			t.Errorf("%s %v %s, want %+v", m.Subject(), h, m.Data(), want)
		}
		if err := m.DoubleAck(ctx); err != nil {
			t.Fatal(err)
		}
	}
}

// freeAddress returns an address of this machine that nobody listens at.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}
