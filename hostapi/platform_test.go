package hostapi_test

import (
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/internal/testkit"
)

// TestEveryOperationHolds goes through all operations of the platform: what holds
// for one must hold for each, however it was declared.
func TestEveryOperationHolds(t *testing.T) {
	p := testkit.Start(t, app.Config{})
	p.Tenant(t, "demo")
	var all, others []string
	for _, perm := range hostapi.Permissions() {
		name := perm.Name
		if strings.HasSuffix(name, ":") {
			name += "api.example.org"
		}
		all = append(all, name)
		if !perm.Grantable {
			others = append(others, perm.Name)
		}
	}
	own := []string{"config.get", "secrets.get", "kv.get", "kv.set", "kv.delete", "kv.list", "http.fetch", "jobs.enqueue", "events.emit", "log.write"}
	found, writes := map[string]bool{}, 0
	for _, o := range p.API.Operations() {
		s := o.Spec()
		found[s.Name] = true
		t.Run(s.Name, func(t *testing.T) {
			in := []byte(`{}`)
			if s.Permission == "http:" {
				in = []byte(`{"url":"https://api.example.org"}`)
			}
			denied := func(what string, err error, says string) {
				t.Helper()
				if trellis.KindOf(err) != trellis.Denied || !strings.Contains(err.Error(), says) {
					t.Errorf("%s: %v, want denied: %s", what, err, says)
				}
			}
			for _, d := range []hostapi.Door{hostapi.GuestDoor, hostapi.FrameDoor, hostapi.HTTPDoor} {
				_, err := p.API.Serve(t.Context(), d, s.Name, in)
				open := map[hostapi.Door]bool{hostapi.GuestDoor: s.Doors.Guest, hostapi.FrameDoor: s.Doors.Frame, hostapi.HTTPDoor: s.Doors.Path != ""}[d]
				if got := trellis.KindOf(err); open && got != trellis.Denied || !open && got != trellis.NotFound {
					t.Errorf("nobody, at the door %s: %v", d, err)
				}
			}
			if !s.Doors.Guest {
				return
			}
			for _, doer := range []trellis.Actor{admin, robot} {
				if s.Writes {
					c := hostapi.Caller{Installation: "inst", Extension: "acme.test", Hook: "check", Filter: true}
					for _, perm := range all {
						c.Grants = append(c.Grants, hostapi.Grant{Permission: perm})
					}
					_, err := p.API.Call(hostapi.WithCaller(as(t, doer), c), s.Name, in)
					denied("a filter", err, "a filter may not change anything")
				}
				if s.Permission != "" {
					_, err := p.API.Call(extension(as(t, doer), others...), s.Name, in)
					denied("an extension without the grant", err, "needs the permission "+s.Permission)
				}
			}
			if s.Permission != "" && !hostapi.Grantable(strings.Replace(s.Permission, "http:", "http:api.example.org", 1)) {
				t.Errorf("extensions may call it, and cannot be granted %s", s.Permission)
			}
		})
		if s.Writes && s.Doors.Guest {
			writes++
		}
	}
	for _, name := range own {
		if !found[name] {
			t.Errorf("there is no operation %s", name)
			continue
		}
		for _, o := range p.API.Operations() {
			if s := o.Spec(); s.Name == name && (!s.Doors.Guest || s.Doors.Frame || s.Doors.Path != "") {
				t.Errorf("%s is the extension's own, and has the doors %+v", name, s.Doors)
			}
		}
	}
	if writes < 6 {
		t.Errorf("only %d operations of extensions write", writes)
	}
}
