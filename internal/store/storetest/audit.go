package storetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/store"
)

func auditInWrite(t *testing.T, db *store.DB) {
	ctx := store.WithAudit(As(t.Context(), "demo"), store.Entry{Operation: "things.create"})
	if err := db.Write(ctx, insert("a"), fail(errors.New("no"))); err == nil {
		t.Fatal("no error")
	}
	if log, err := db.AuditLog(ctx, store.AuditQuery{}); err != nil || len(log) != 0 {
		t.Errorf("audit of a write that failed: %v, %v", log, err)
	}
	must(t, db.Write(ctx, insert("a")))
	must(t, db.Write(ctx, insert("b"))) // the entry is there already
	log, err := db.AuditLog(ctx, store.AuditQuery{})
	if err != nil || len(log) != 1 || log[0].Operation != "things.create" || log[0].Actor != "person:7" || log[0].Outcome != "ok" {
		t.Errorf("audit %+v, %v", log, err)
	}
	if log, err := db.AuditLog(As(t.Context(), "other"), store.AuditQuery{}); err != nil || len(log) != 0 {
		t.Errorf("audit of another tenant: %v, %v", log, err)
	}
}

// auditOnce: several writes at once, under one entry.
func auditOnce(t *testing.T, db *store.DB) {
	ctx := store.WithAudit(As(t.Context(), "demo"), store.Entry{Operation: "things.create"})
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			if err := db.Write(ctx, insert(fmt.Sprint(i))); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if log, err := db.AuditLog(ctx, store.AuditQuery{}); err != nil || len(log) != 1 {
		t.Errorf("%d entries, %v, want 1", len(log), err)
	}
}

func auditQuery(t *testing.T, db *store.DB) {
	ctx := As(t.Context(), "demo")
	for i := range 60 {
		e := store.Entry{Operation: "a", Outcome: "ok", Target: fmt.Sprint(i)}
		if i%10 == 0 {
			e.Outcome, e.Installation, e.Detail = "denied", "inst", json.RawMessage(`{"why":"no"}`)
		}
		must(t, db.Audit(ctx, e))
	}
	must(t, db.Audit(As(ctx, "other"), store.Entry{Operation: "a"}))
	var targets []string
	for before := ""; ; {
		page, err := db.AuditLog(ctx, store.AuditQuery{Before: before, Limit: 25})
		must(t, err)
		if len(page) == 0 {
			break
		}
		for _, e := range page {
			targets = append(targets, e.Target)
		}
		before = page[len(page)-1].ID
	}
	if len(targets) != 60 || targets[0] != "59" || targets[59] != "0" {
		t.Errorf("pages of %d entries: %v", len(targets), targets)
	}
	for _, tt := range []struct {
		query store.AuditQuery
		want  int
	}{
		{store.AuditQuery{}, 50},
		{store.AuditQuery{Limit: -1}, 50},
		{store.AuditQuery{Limit: 5000}, 60},
		{store.AuditQuery{Outcome: "denied"}, 6},
		{store.AuditQuery{Installation: "inst", Limit: 2}, 2},
		{store.AuditQuery{Actor: "person:8"}, 0},
		{store.AuditQuery{Operation: "b"}, 0},
	} {
		log, err := db.AuditLog(ctx, tt.query)
		if err != nil || len(log) != tt.want {
			t.Errorf("%+v: %d entries, %v, want %d", tt.query, len(log), err, tt.want)
		}
		if tt.query.Outcome != "" && string(log[0].Detail) != `{"why":"no"}` {
			t.Errorf("detail %s", log[0].Detail)
		}
	}
	if _, err := db.AuditLog(t.Context(), store.AuditQuery{}); trellis.KindOf(err) != trellis.Denied {
		t.Errorf("read by nobody: %v", err)
	}
	for _, bad := range []store.Entry{{Operation: "a", Outcome: "maybe"}, {Operation: "a", Detail: json.RawMessage("{")}} {
		if err := db.Audit(ctx, bad); trellis.KindOf(err) != trellis.Internal {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}
