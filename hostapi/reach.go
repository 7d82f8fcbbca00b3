package hostapi

import (
	"context"
	"slices"
	"strings"

	"github.com/trellis-learning/trellis"
)

// Clause is a part of a tenant: everything, or what concerns an organisation, a
// course, a person, or more than one of them at once.
type Clause struct{ Organisation, Course, Person string }

// Reach is where somebody may do something: wherever one of the clauses says.
type Reach []Clause

// Empty reports whether the reach is nowhere.
func (r Reach) Empty() bool { return len(r) == 0 }

// All reports whether the reach is the whole tenant.
func (r Reach) All() bool { return slices.Contains(r, Clause{}) }

// Allows reports whether the reach takes in all that s concerns.
func (r Reach) Allows(s Scope) bool {
	return slices.ContainsFunc(r, func(c Clause) bool { return c.allows(s) })
}

// allows holds an organisation and a course that are both named against the
// clause: the one must not lend its reach to the other.
func (c Clause) allows(s Scope) bool {
	if c.Person != "" && c.Person != s.Person || c.Course != "" && c.Course != s.Course {
		return false
	}
	of := trellis.OrganisationOf(s.Course)
	switch {
	case c.Course != "":
		return s.Organisation == "" || s.Organisation == of
	case c.Organisation == "":
		return true
	case s.Course != "" && of != c.Organisation:
		return false
	}
	return s.Organisation == c.Organisation || s.Organisation == "" && s.Course != ""
}

// meet returns where both reach.
func (r Reach) meet(o Reach) Reach {
	var both Reach
	for _, a := range r {
		for _, b := range o {
			if c, ok := a.meet(b); ok && !slices.Contains(both, c) {
				both = append(both, c)
			}
		}
	}
	return both
}

func (c Clause) meet(o Clause) (Clause, bool) {
	out := c
	for _, f := range []struct{ to, from *string }{{&out.Organisation, &o.Organisation}, {&out.Course, &o.Course}, {&out.Person, &o.Person}} {
		switch {
		case *f.to == "":
			*f.to = *f.from
		case *f.from != "" && *f.from != *f.to:
			return Clause{}, false
		}
	}
	if out.Course != "" && out.Organisation != "" {
		if trellis.OrganisationOf(out.Course) != out.Organisation {
			return Clause{}, false
		}
		out.Organisation = "" // the course says it
	}
	return out, true
}

// ReachOf returns where the caller of ctx may use a permission: where the roles
// of the actor allow it, as far as the scopes of the token go, as far as the
// extension that runs was granted it. An extension that acts by itself (a
// subscriber, a job) has exactly its grants. The system reaches everywhere.
func ReachOf(ctx context.Context, permission string) Reach {
	actor := trellis.ActorFrom(ctx)
	caller, guest := CallerFrom(ctx)
	var reach Reach
	switch actor.Kind {
	case trellis.SystemActor:
		reach = Reach{{}}
	case trellis.ExtensionActor:
		if !guest {
			return nil
		}
		reach = Reach{{}}
	case trellis.PersonActor, trellis.ServiceActor:
		reach = reachOfRoles(actor, permission)
		if guest && !roleless(permission) {
			break
		}
		if guest {
			reach = Reach{{}} // what an extension has for itself is nobody's role
		}
	default:
		return nil
	}
	if actor.Scopes != nil && !inScopes(actor.Scopes, permission) && !(guest && roleless(permission)) {
		return nil
	}
	if guest {
		reach = reach.meet(reachOfGrants(caller.Grants, permission))
	}
	return reach
}

// roleless reports whether a permission is for what extensions have for
// themselves, which no role speaks of.
func roleless(permission string) bool {
	return permission == "kv" || permission == "jobs" || permission == "events:emit" || strings.HasPrefix(permission, "http:")
}

func reachOfRoles(actor trellis.Actor, permission string) Reach {
	rights := roleRights
	var reach Reach
	for _, role := range actor.Roles {
		own, ok := rights[role.Name][permission]
		if !ok {
			continue
		}
		c := Clause{Organisation: role.Organisation, Course: role.Course}
		if own {
			c.Person = actor.ID
		}
		reach = append(reach, c)
	}
	return reach
}

// roleRights is [RoleRights] to look things up in: role, permission, own.
var roleRights = func() map[string]map[string]bool {
	out := map[string]map[string]bool{}
	for role, rights := range RoleRights() {
		out[role] = map[string]bool{}
		for _, r := range rights {
			out[role][r.Permission] = r.Own
		}
	}
	return out
}()

// inScopes reports whether a token that is narrowed to scopes still has the
// permission. "noun:*" stands for all of a noun.
func inScopes(scopes []string, permission string) bool {
	noun, _, _ := strings.Cut(permission, ":")
	return slices.Contains(scopes, permission) || slices.Contains(scopes, noun+":*") || slices.Contains(scopes, "*")
}

func reachOfGrants(grants []Grant, permission string) Reach {
	var reach Reach
	for _, g := range grants {
		if g.Permission == permission || hostGrant(g.Permission, permission) {
			reach = append(reach, Clause{Organisation: g.Organisation, Course: g.Course})
		}
	}
	return reach
}

// hostGrant reports whether a grant for "http:*.example.org" takes in a host below it.
func hostGrant(grant, permission string) bool {
	suffix, ok := strings.CutPrefix(grant, "http:*")
	host, isHTTP := strings.CutPrefix(permission, "http:")
	return ok && isHTTP && strings.HasPrefix(suffix, ".") && len(host) > len(suffix) && strings.HasSuffix(host, suffix)
}
