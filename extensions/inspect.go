package extensions

import (
	"bytes"
	"context"
	"errors"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions/bundle"
	"github.com/trellis-learning/trellis/internal/store"
	"github.com/trellis-learning/trellis/runtime"
)

// Inspection is what a bundle is and asks for, and what would become of it.
type Inspection struct {
	ID          string            `json:"id,omitempty" doc:"ID of the extension."`
	Title       string            `json:"title,omitempty" doc:"What it is called."`
	Description string            `json:"description,omitempty" doc:"What it does."`
	Version     string            `json:"version,omitempty" doc:"Its version."`
	Digest      string            `json:"digest,omitempty" doc:"SHA-256 of its files."`
	Size        int               `json:"size" doc:"Bytes of the bundle."`
	Signer      string            `json:"signer,omitempty" doc:"Fingerprint of the trusted key that it is signed with; absent if it is not."`
	Asks        []bundle.Sentence `json:"asks,omitempty" doc:"What it asks for, in plain words."`
	Beyond      []string          `json:"beyond,omitempty" doc:"Permissions that whoever asks may not grant: with them it would wait for approval."`
	Running     string            `json:"running,omitempty" doc:"Version that is installed there already."`
	Same        bool              `json:"same,omitempty" doc:"Whether this very bundle is there already."`
	Diff        *bundle.Diff      `json:"diff,omitempty" doc:"What it would change of the version that is there."`
	Faults      []bundle.Fault    `json:"faults" doc:"What is in the way of installing it, each where it stands; empty if nothing is."`
}

// Inspect looks at a bundle as [Registry.Install] would, and installs nothing.
func (r *Registry) Inspect(ctx context.Context, raw []byte, owner Scope) (Inspection, error) {
	out := Inspection{Size: len(raw), Faults: []bundle.Fault{}}
	if err := owner.check(); err != nil {
		return out, err
	}
	b, err := bundle.Read(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		return out, out.fault(err)
	}
	m := b.Manifest
	out.ID, out.Title, out.Description, out.Version, out.Digest, out.Asks = m.ID, m.Title, m.Description, m.Version, b.Digest, m.Sentences(r.cfg.Known)
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return out, err
	}
	if !runsTenant(ctx) {
		out.Beyond = r.beyond(tenant, m.Permissions)
	}
	if out.Signer, err = r.verify(ctx, b); err != nil {
		if err := out.fault(err); err != nil {
			return out, err
		}
	}
	limits, err := m.RuntimeLimits()
	if err != nil {
		return out, err
	}
	info, err := r.cfg.Runtime.Check(ctx, runtime.Source{
		ID: b.Digest, Class: tenant, Key: owner.Course, Read: func(context.Context) ([]byte, error) { return b.Module, nil },
	}, limits)
	if err == nil {
		err = m.CheckAgainst(info.Hooks, r.cfg.Known)
	} else {
		err = r.moduleFault(err)
	}
	if err := out.fault(err); err != nil {
		return out, err
	}
	if err := out.fault(r.checkWork(m)); err != nil {
		return out, err
	}
	return out, r.inspectBeside(ctx, &out, b, owner)
}

// inspectBeside holds a bundle against what its owner has of it already.
func (r *Registry) inspectBeside(ctx context.Context, out *Inspection, b *bundle.Archive, owner Scope) error {
	in, err := r.find(ctx, b.Manifest.ID, owner)
	if trellis.KindOf(err) == trellis.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	if in.owner != owner {
		out.Faults = append(out.Faults, bundle.Fault{Message: in.extension + " belongs to the whole tenant already: enable that in the course"})
		return nil
	}
	diff := bundle.Compare(in.manifest, b.Manifest, r.cfg.Known)
	out.Running, out.Diff = in.version, &diff
	kept, err := r.versions(ctx, in)
	if err != nil {
		return err
	}
	for _, v := range kept {
		if v.Version != b.Manifest.Version {
			continue
		}
		if v.Digest != b.Digest {
			out.Faults = append(out.Faults, bundle.Fault{Path: bundle.ManifestFile + ": version", Message: "version " + v.Version + " is here with other contents: give a changed bundle another version"})
		}
		out.Same = v.Digest == b.Digest && (v.State == "runs" || v.State == "pending")
	}
	if bundle.CompareVersions(b.Manifest.Version, in.version) < 0 && !out.Same {
		out.Faults = append(out.Faults, bundle.Fault{Path: bundle.ManifestFile + ": version", Message: "version " + b.Manifest.Version + " is older than " + in.version + ", which runs: a rollback goes back one step"})
	}
	return nil
}

// fault notes what is wrong with the bundle. What is not the bundle's fault it
// returns.
func (i *Inspection) fault(err error) error {
	var several bundle.Faults
	switch kind := trellis.KindOf(err); {
	case err == nil:
		return nil
	case errors.As(err, &several):
		for _, f := range several {
			if f.Path != "" {
				f.Path = bundle.ManifestFile + ": " + f.Path
			}
			i.Faults = append(i.Faults, f)
		}
	case kind == trellis.Invalid || kind == trellis.Denied || kind == trellis.Exhausted || kind == trellis.Conflict:
		i.Faults = append(i.Faults, bundle.Fault{Message: err.Error()})
	default:
		return err
	}
	return nil
}
