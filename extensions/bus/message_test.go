package bus

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/trellis-learning/trellis"
)

func TestMessage(t *testing.T) {
	e := trellis.Event{ID: "1", Source: "trellis", Type: "org.example.x.v1", Subject: "s", Tenant: "demo", Actor: "person:7", Person: "7", Course: "c", Key: "7",
		Trace: "t", Cause: "0", Hops: 3, Position: 9, Time: time.Date(2026, 11, 23, 1, 2, 3, 4000, time.UTC), Data: json.RawMessage(`{"a":1}`)}
	m := encode(e)
	got, err := decode(m.Header, m.Data)
	if err != nil || !reflect.DeepEqual(got, e) {
		t.Errorf("got %+v, %v", got, err)
	}
	if m.Subject != Subject(e) || m.Header.Get(nats.MsgIdHdr) != "1" || m.Header["ce-specversion"][0] != "1.0" {
		t.Errorf("message %+v", m)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add("1", "org.example.x.v1", "demo", "5", "2026-11-23T00:00:00Z", "2", []byte(`{}`))
	f.Fuzz(func(t *testing.T, id, typ, tenant, position, at, hops string, data []byte) {
		h := nats.Header{"ce-id": {id}, "ce-type": {typ}, "ce-tenant": {tenant}, "ce-position": {position}, "ce-time": {at}, "ce-hops": {hops}}
		e, err := decode(h, data)
		if err != nil && trellis.KindOf(err) != trellis.Invalid {
			t.Errorf("kind of %v", err)
		}
		if err == nil && (e.Position == 0 || e.ID == "" || e.Tenant == "") {
			t.Errorf("event %+v", e)
		}
	})
}
