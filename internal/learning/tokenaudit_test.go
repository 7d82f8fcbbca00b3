package learning_test

import (
	"testing"

	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/store"
)

// TestTokenAudit: the audit log says which token was made, and which was ended.
func TestTokenAudit(t *testing.T) {
	c := newCore(t)
	a := as(t, admin())
	api, err := hostapi.New(hostapi.Config{Operations: c.Operations(), Auditor: c.db, Quotas: hostapi.Quotas{Reads: -1, Writes: -1}})
	must(t, err)
	_, err = api.Serve(a, hostapi.HTTPDoor, "tokens.create", []byte(`{"name":"bot","roles":[{"name":"tenant-admin"}]}`))
	must(t, err)
	lines, err := c.db.AuditLog(a, store.AuditQuery{Operation: "tokens.create"})
	must(t, err)
	if len(lines) != 1 || lines[0].Target == "" {
		t.Fatalf("tokens.create: %+v", lines)
	}
	token, err := c.Token(a, lines[0].Target)
	must(t, err)
	_, err = api.Serve(a, hostapi.HTTPDoor, "tokens.revoke", []byte(`{"id":"`+token.ID+`"}`))
	must(t, err)
	lines, err = c.db.AuditLog(a, store.AuditQuery{Operation: "tokens.revoke"})
	must(t, err)
	if len(lines) != 1 || lines[0].Target != token.ID {
		t.Errorf("tokens.revoke: %+v", lines)
	}
}
