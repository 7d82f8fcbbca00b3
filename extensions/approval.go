package extensions

import (
	"context"
	"crypto/ed25519"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/store"
)

// approvals are what those who run tenants allowed in courses.
type approvals map[approvalKey]approval

// approval is a list of permissions, as JSON, and the tenant's signature.
type approval struct{ grants, signature string }

// approvalKey names what an approval is for: one bundle of one installation in
// one course. Another version of the bundle needs another.
type approvalKey struct{ tenant, installation, course, digest string }

func (r *Registry) readApprovals(ctx context.Context, tx *store.Tx) (approvals, error) {
	rows, err := tx.Query(ctx, `SELECT tenant, installation, scope, digest, grants, signature FROM extension_approvals`)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	all := approvals{}
	for rows.Next() {
		var k approvalKey
		var a approval
		if err := rows.Scan(&k.tenant, &k.installation, &k.course, &k.digest, &a.grants, &a.signature); err != nil {
			return nil, err
		}
		all[k] = a
	}
	return all, rows.Err()
}

// text is what the tenant's key signs.
func (k approvalKey) text(grants string) []byte {
	return []byte(strings.Join([]string{"trellis-approval-1", k.tenant, k.installation, k.course, k.digest, grants}, "\n"))
}

// tenantKey is the key with which a tenant's approvals are signed.
func (r *Registry) tenantKey(tenant string) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(r.cfg.Key.Derive("approval/" + tenant))
}

// covered reports whether somebody was entitled to grant what an enablement
// grants: those who run the tenant everything, course staff what lies within
// self-service, and the rest only by an approval of the bundle that runs.
func (r *Registry) covered(in *installation, e *enablement, approved approvals) bool {
	if e.scope.Course == "" {
		return true
	}
	var granted []string
	for _, g := range e.grants {
		granted = append(granted, g.Permission)
	}
	more := r.beyond(in.tenant, granted)
	if len(more) == 0 {
		return true
	}
	allowed := r.allowed(approvalKey{in.tenant, in.id, e.scope.Course, in.digest}, approved)
	return !slices.ContainsFunc(more, func(p string) bool { return !slices.Contains(allowed, p) })
}

// allowed returns what was approved. An approval whose signature does not fit
// allows nothing: whoever can write into the database but has not the master key
// cannot give an extension more than course staff may.
func (r *Registry) allowed(k approvalKey, approved approvals) []string {
	a, ok := approved[k]
	if !ok {
		return nil
	}
	var list []string
	public, _ := r.tenantKey(k.tenant).Public().(ed25519.PublicKey)
	sig, err := base64.StdEncoding.DecodeString(a.signature)
	if err != nil || !ed25519.Verify(public, k.text(a.grants), sig) || json.Unmarshal([]byte(a.grants), &list) != nil {
		r.log.Error("the signature of an approval does not fit", "tenant", k.tenant, "installation", k.installation, "course", k.course)
		return nil
	}
	return list
}

// beyond returns what of a list goes beyond what course staff of a tenant may
// grant.
func (r *Registry) beyond(tenant string, list []string) []string {
	var more []string
	for _, p := range list {
		if !slices.Contains(r.selfService(tenant), p) {
			more = append(more, p)
		}
	}
	return more
}

// approve counter-signs, with the tenant's key, what an extension is granted in a
// course, for the bundle of a version.
func (r *Registry) approve(ctx context.Context, tx *store.Tx, tenant, installation, version, course string, allowed []string) error {
	k := approvalKey{tenant: tenant, installation: installation, course: course}
	if err := tx.QueryRow(ctx, `SELECT digest FROM extension_versions WHERE tenant = ? AND installation = ? AND version = ?`, tenant, installation, version).Scan(&k.digest); err != nil {
		return err
	}
	grants := encodeList(allowed)
	signature := base64.StdEncoding.EncodeToString(ed25519.Sign(r.tenantKey(tenant), k.text(grants)))
	_, err := tx.Exec(ctx, `INSERT INTO extension_approvals (tenant, installation, scope, digest, grants, signature, approved, approved_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (tenant, installation, scope, digest) DO UPDATE SET grants = excluded.grants, signature = excluded.signature, approved = excluded.approved, approved_by = excluded.approved_by`,
		tenant, installation, course, k.digest, grants, signature, store.Micros(time.Now()), trellis.ActorFrom(ctx).String())
	return err
}

// runsTenant reports whether whoever acts runs the tenant, not only a course.
func runsTenant(ctx context.Context) bool { return hostapi.ReachOf(ctx, "extensions:write").All() }

// Approving names what course staff asked for. The fields after Course, if they
// are given, say what the decision was made upon: if it is another by now, it counts
// for nothing. A version alone does not name a bundle: removed and brought again,
// it may be another under the same number.
type Approving struct {
	ID      string   `json:"id" doc:"ID of the extension."`
	Course  string   `json:"course,omitempty" doc:"Key of the course."`
	Version string   `json:"version,omitempty" doc:"Version that was looked at; if another one waits by now, nothing is approved."`
	Grants  []string `json:"grants,omitempty" doc:"Permissions that were looked at; if others are asked for by now, nothing is approved."`

	Digest       string `json:"digest,omitempty" doc:"SHA-256 of the files of the version that was looked at; if another bundle waits by now, nothing is approved."`
	Installation string `json:"installation,omitempty" doc:"ID of the installation that was looked at; if it was removed and brought again, nothing is approved."`
}

// Approve lets an extension work in a course whose staff asked for it. The
// decision is signed with the tenant's key, over the bundle and what is granted:
// another bundle waits for another approval.
func (r *Registry) Approve(ctx context.Context, id, course string) (Extension, error) {
	return r.approveShown(ctx, Approving{ID: id, Course: course})
}

func (r *Registry) approveShown(ctx context.Context, in Approving) (Extension, error) {
	target, err := r.waitingIn(ctx, in.ID, in.Course)
	if err != nil {
		return Extension{}, err
	}
	e := *target.courses[in.Course]
	switch {
	case in.Version != "" && in.Version != target.version:
		return Extension{}, trellis.Errorf(trellis.Conflict, "version %s of %s waits by now, not %.40s: look again", target.version, in.ID, in.Version)
	case in.Digest != "" && in.Digest != target.digest, in.Installation != "" && in.Installation != target.id:
		return Extension{}, errChanged(in.ID)
	case in.Grants != nil && !slices.Equal(slices.Sorted(slices.Values(in.Grants)), slices.Sorted(slices.Values(e.allowed))):
		return Extension{}, trellis.Errorf(trellis.Conflict, "%s is to be granted %s by now: look again", in.ID, strings.Join(e.allowed, ", "))
	}
	seen := encodeList(e.allowed)
	e.state, e.refusal = on, ""
	err = r.put(ctx, target, e, func(ctx context.Context, tx *store.Tx) error {
		if err := target.unchanged(ctx, tx); err != nil {
			return err
		}
		var now string
		err := tx.QueryRow(ctx, `SELECT grants FROM enablements WHERE tenant = ? AND installation = ? AND scope = ?`, target.tenant, target.id, in.Course).Scan(&now)
		if err == nil && now != seen {
			return trellis.Errorf(trellis.Conflict, "what %s is to be granted has just changed: look again", in.ID)
		}
		return err
	})
	if err != nil {
		return Extension{}, err
	}
	return r.Find(ctx, in.ID, Scope{Course: in.Course})
}

// unchanged checks that an installation still runs the very bundle that was looked
// at when the transaction begins: what is decided about one counts for no other.
func (in *installation) unchanged(ctx context.Context, tx *store.Tx) error {
	var now string
	err := tx.QueryRow(ctx, `SELECT v.digest FROM installations i JOIN extension_versions v ON v.tenant = i.tenant AND v.installation = i.id AND v.version = i.version
		WHERE i.tenant = ? AND i.id = ? AND i.state <> 'removed'`, in.tenant, in.id).Scan(&now)
	if errors.Is(err, sql.ErrNoRows) || err == nil && now != in.digest {
		return errChanged(in.extension)
	}
	return err
}

func errChanged(id string) error {
	return trellis.Errorf(trellis.Conflict, "%s has changed since you looked: look again", id)
}

// Reject says no to what the staff of a course asked for. They see the reason until
// they ask again.
func (r *Registry) Reject(ctx context.Context, in Rejecting) (Extension, error) {
	if err := sentence("reason", in.Reason); err != nil {
		return Extension{}, err
	}
	id, course := in.ID, in.Course
	target, err := r.waitingIn(ctx, id, course)
	if err != nil {
		return Extension{}, err
	}
	e := *target.courses[course]
	e.state, e.refusal = off, in.Reason
	if err := r.put(ctx, target, e, nil); err != nil {
		return Extension{}, err
	}
	return r.Find(ctx, id, Scope{Course: course})
}

func (r *Registry) waitingIn(ctx context.Context, id, course string) (*installation, error) {
	if !runsTenant(ctx) {
		return nil, trellis.Errorf(trellis.Denied, "those who run the tenant approve extensions")
	}
	target, err := r.find(ctx, id, Scope{Course: course})
	if err != nil {
		return nil, err
	}
	if e := target.courses[course]; e == nil || e.state != waiting {
		return nil, trellis.Errorf(trellis.Conflict, "%s does not wait for approval in the course %s", id, course)
	}
	return target, nil
}
