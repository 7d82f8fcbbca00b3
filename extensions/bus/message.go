package bus

import (
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/delivery"
)

// Subject returns the subject of an event's message.
func Subject(e trellis.Event) string {
	return "events." + strconv.Itoa(delivery.Partition(e.Key)) + "." + e.Tenant + "." + e.Type
}

// encode returns the message of an event: CloudEvents 1.0, binary mode.
func encode(e trellis.Event) *nats.Msg {
	m := nats.NewMsg(Subject(e))
	m.Data = e.Data
	for name, value := range map[string]string{
		"ce-specversion": "1.0", "ce-id": e.ID, "ce-source": e.Source, "ce-type": e.Type, "ce-subject": e.Subject,
		"ce-time": e.Time.UTC().Format(time.RFC3339Nano), "ce-tenant": e.Tenant, "ce-actor": e.Actor, "ce-person": e.Person, "ce-course": e.Course,
		"ce-key": e.Key, "ce-trace": e.Trace, "ce-cause": e.Cause, "ce-hops": strconv.Itoa(e.Hops),
		"ce-position": strconv.FormatUint(e.Position, 10), "content-type": "application/json", nats.MsgIdHdr: e.ID,
	} {
		if value != "" {
			m.Header[name] = []string{escape(value)}
		}
	}
	return m
}

// escape writes a value as CloudEvents has it in headers: a space, a double quote,
// a percent sign and whatever is not printable ASCII are percent-encoded, byte by
// byte. So no value can end a header and begin another.
func escape(value string) string {
	const hexadecimal = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(value) {
		if c := value[i]; c <= ' ' || c >= 0x7f || c == '"' || c == '%' {
			_, _ = b.Write([]byte{'%', hexadecimal[c>>4], hexadecimal[c&15]})
		} else {
			_ = b.WriteByte(c)
		}
	}
	return b.String()
}

// unescape reads what [escape] writes; what is no escape stays as it is.
func unescape(value string) string {
	if s, err := url.PathUnescape(value); err == nil {
		return s
	}
	return value
}

// decode returns the event of a message. Faults are [trellis.Invalid].
func decode(header nats.Header, data []byte) (trellis.Event, error) {
	get := func(name string) string {
		if v := header[name]; len(v) > 0 {
			return unescape(v[0])
		}
		return ""
	}
	e := trellis.Event{
		ID: get("ce-id"), Source: get("ce-source"), Type: get("ce-type"), Subject: get("ce-subject"), Tenant: get("ce-tenant"), Actor: get("ce-actor"),
		Person: get("ce-person"), Course: get("ce-course"), Key: get("ce-key"), Trace: get("ce-trace"), Cause: get("ce-cause"), Data: data,
	}
	var err error
	if e.Position, err = strconv.ParseUint(get("ce-position"), 10, 64); err != nil || e.Position == 0 {
		return e, trellis.Errorf(trellis.Invalid, "message without a position")
	}
	if e.Time, err = time.Parse(time.RFC3339Nano, get("ce-time")); err != nil {
		return e, trellis.Errorf(trellis.Invalid, "message without a time")
	}
	if hops := get("ce-hops"); hops != "" {
		if e.Hops, err = strconv.Atoi(hops); err != nil {
			return e, trellis.Errorf(trellis.Invalid, "message with hops %.20q", hops)
		}
	}
	if e.ID == "" || e.Tenant == "" || !trellis.ValidType(e.Type) {
		return e, trellis.Errorf(trellis.Invalid, "message without ID, tenant or type")
	}
	e.Time = e.Time.UTC()
	return e, nil
}

func splitListen(listen string) (host string, port int, err error) {
	host, p, err := net.SplitHostPort(listen)
	if err != nil {
		return "", 0, trellis.Errorf(trellis.Invalid, "%q is not HOST:PORT", listen)
	}
	if port, err = strconv.Atoi(p); err != nil || port < -1 || port > 65535 {
		return "", 0, trellis.Errorf(trellis.Invalid, "%q is not a port", p)
	}
	if port == 0 {
		port = -1 // as the server writes "any"
	}
	return host, port, nil
}
