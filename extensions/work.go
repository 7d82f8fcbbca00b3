package extensions

import (
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions/bundle"
	"github.com/trellis-learning/trellis/runtime"
)

// usualWork is the bound of limits.work where the operator sets none.
const usualWork = time.Minute

// checkWork refuses a manifest that asks for more work than the operator allows.
func (r *Registry) checkWork(m bundle.Manifest) error {
	d, err := m.Limits.WorkTime()
	if most := r.cfg.Modules.work(); err == nil && d > most {
		how := ""
		if r.cfg.Modules.Raise != nil {
			how = "; " + r.cfg.Modules.Raise("work")
		}
		return trellis.Errorf(trellis.Invalid, "%s: limits.work: %v exceeds the limit of %v%s", bundle.ManifestFile, d, most, how)
	}
	return err
}

// workLimits returns the limits of schedules and jobs: those of other calls, unless
// the manifest asks for more work, for which another variant is compiled. An
// operator who has lowered the bound since it was installed is obeyed.
func (r *Registry) workLimits(m bundle.Manifest, l runtime.Limits) runtime.Limits {
	d, err := m.Limits.WorkTime()
	if err != nil || d == 0 || len(m.Schedules)+len(m.Jobs) == 0 {
		return l
	}
	l.Time = min(d, r.cfg.Modules.work())
	l.Fuel = r.fuel(l.Time)
	return l
}

// limits returns what the hook runs within.
func (s *spec) limits() runtime.Limits {
	if s.kind == ScheduleKind || s.kind == JobKind {
		return s.inst.work
	}
	return s.inst.limits
}
