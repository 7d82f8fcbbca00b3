package extensions

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/store"
)

// revision names settings as they were set.
func revision(settings json.RawMessage) string {
	sum := sha256.Sum256(settings)
	return hex.EncodeToString(sum[:8])
}

// checkSettings checks settings together with those of the tenant below them.
func (in *installation) checkSettings(settings json.RawMessage, at Scope) error {
	raw := settings
	if at.Course != "" && in.whole != nil {
		merged, err := Patch(in.whole.settings, settings, nil)
		if err != nil {
			return trellis.Errorf(trellis.Invalid, "the settings are not a JSON object")
		}
		raw = merged
	}
	_, err := in.schema.Complete(raw)
	return err
}

// Set changes the settings of an extension where it is switched on.
func (r *Registry) Set(ctx context.Context, id, course string, settings json.RawMessage) (Extension, error) {
	return r.settle(ctx, Settle{ID: id, Course: course, Settings: settings})
}

// settle changes settings; if it is said which ones were seen, no others.
func (r *Registry) settle(ctx context.Context, in Settle) (Extension, error) {
	id, at, settings := in.ID, Scope{Course: in.Course}, in.Settings
	target, err := r.find(ctx, id, at)
	if err != nil {
		return Extension{}, err
	}
	present := target.row(at)
	if present == nil {
		return Extension{}, trellis.Errorf(trellis.Conflict, "%s is not enabled in %s: enable it with these settings", id, at)
	}
	if in.Course != "" && target.whole != nil && target.whole.locked {
		return Extension{}, trellis.Errorf(trellis.Denied, "%s is locked by those who run the tenant", id)
	}
	if in.Seen != "" && in.Seen != revision(present.settings) {
		return Extension{}, errSettingsChanged(id)
	}
	if err := target.checkSettings(settings, at); err != nil {
		return Extension{}, err
	}
	e := *present
	e.settings = settings
	err = r.put(ctx, target, e, func(ctx context.Context, tx *store.Tx) error {
		if in.Seen == "" {
			return nil
		}
		var now string
		err := tx.QueryRow(ctx, `SELECT settings FROM enablements WHERE tenant = ? AND installation = ? AND scope = ?`, target.tenant, target.id, in.Course).Scan(&now)
		if err == nil && revision(json.RawMessage(now)) != in.Seen {
			return errSettingsChanged(id)
		}
		return err
	})
	if err != nil {
		return Extension{}, err
	}
	return r.Find(ctx, id, at)
}

func errSettingsChanged(id string) error {
	return trellis.Errorf(trellis.Conflict, "somebody has changed the settings of %s meanwhile: look again", id)
}
