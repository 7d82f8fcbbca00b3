package bundle

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Diff is what changes from one version of an extension to another.
type Diff struct {
	From     string     `json:"from" doc:"The version before."`
	To       string     `json:"to" doc:"The version after."`
	New      []Sentence `json:"new" doc:"What it asks for that it did not before."`
	Gone     []Sentence `json:"gone" doc:"What it no longer asks for."`
	Same     []Sentence `json:"same" doc:"What it goes on asking for."`
	Settings []string   `json:"settings" doc:"What changes in its settings, in plain words."`
	Limits   []string   `json:"limits" doc:"What changes in its limits, in plain words."`
}

// Compare says what changes from one manifest to another.
func Compare(old, next Manifest, known Known) Diff {
	d := Diff{From: old.Version, To: next.Version, New: []Sentence{}, Gone: []Sentence{}, Same: []Sentence{}, Settings: []string{}, Limits: []string{}}
	before, after := old.Sentences(known), next.Sentences(known)
	for _, s := range after {
		if slices.Contains(before, s) {
			d.Same = append(d.Same, s)
		} else {
			d.New = append(d.New, s)
		}
	}
	for _, s := range before {
		if !slices.Contains(after, s) {
			d.Gone = append(d.Gone, s)
		}
	}
	d.Settings = compareSettings(old.Settings, next.Settings)
	for _, l := range []struct{ what, old, next string }{
		{"Memory", old.Limits.Memory, next.Limits.Memory}, {"Time of a call", old.Limits.Time, next.Limits.Time}, {"Work where nobody waits", old.Limits.Work, next.Limits.Work}, {"Isolation", old.Isolation, next.Isolation},
	} {
		if l.old != l.next {
			d.Limits = append(d.Limits, fmt.Sprintf("%s: %s, was %s", l.what, orUsual(l.next), orUsual(l.old)))
		}
	}
	return d
}

func orUsual(s string) string {
	if s == "" {
		return "as usual"
	}
	return s
}

// compareSettings says which settings come, go or become others.
func compareSettings(old, next json.RawMessage) []string {
	before, after := map[string]*node{}, map[string]*node{}
	flatten(old, before)
	flatten(next, after)
	names := slices.Compact(slices.Sorted(slices.Values(append(keys(before), keys(after)...))))
	out := []string{}
	for _, name := range names {
		b, a := before[name], after[name]
		switch {
		case b == nil:
			out = append(out, "New: "+a.label(name)+byDefault(a))
		case a == nil:
			out = append(out, "Gone: "+b.label(name))
		case !bytes.Equal(compact(b.Default), compact(a.Default)):
			out = append(out, fmt.Sprintf("%s: %s by default, was %s", a.label(name), orNothing(a.Default), orNothing(b.Default)))
		case !alike(b, a):
			out = append(out, a.label(name)+": takes other values than before")
		}
	}
	return out
}

// flatten finds the settings that are no group of others, by their paths.
func flatten(raw json.RawMessage, into map[string]*node) {
	var n node
	if len(raw) == 0 || json.Unmarshal(raw, &n) != nil {
		return
	}
	var walk func(path string, n *node, depth int)
	walk = func(path string, n *node, depth int) {
		if n.Type != "object" || len(n.Properties) == 0 || depth > maxSettingsDepth {
			if path != "" {
				into[path] = n
			}
			return
		}
		for name, p := range n.Properties {
			if p != nil {
				walk(strings.TrimPrefix(path+"."+name, "."), p, depth+1)
			}
		}
	}
	walk("", &n, 0)
}

// alike reports whether two settings take the same values.
func alike(a, b *node) bool {
	x, y := *a, *b
	x.Title, x.Description, y.Title, y.Description = "", "", "", ""
	one, _ := json.Marshal(x)
	other, _ := json.Marshal(y) // a node that was read has a JSON form
	return bytes.Equal(one, other)
}

func byDefault(n *node) string {
	if len(n.Default) == 0 {
		return ""
	}
	return ", by default " + orNothing(n.Default)
}

func orNothing(raw json.RawMessage) string {
	const most = 80
	s := string(compact(raw))
	if s == "" {
		return "nothing"
	}
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

func compact(raw json.RawMessage) []byte {
	var out bytes.Buffer
	if len(raw) == 0 || json.Compact(&out, raw) != nil {
		return nil
	}
	return out.Bytes()
}
