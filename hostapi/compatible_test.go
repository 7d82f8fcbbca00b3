package hostapi_test

import (
	"context"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/hostapi"
)

// contract returns the contract of one operation, a.b, with this input and answer.
func contract[In, Out any](t *testing.T, change ...func(*hostapi.Spec)) []byte {
	t.Helper()
	s := hostapi.Spec{Name: "a.b", Doors: hostapi.Guest()}
	for _, c := range change {
		c(&s)
	}
	raw, err := hostapi.Schemas([]hostapi.Operation{hostapi.Define(s,
		func(In) hostapi.Scope { return hostapi.Scope{} }, func(context.Context, In) (out Out, err error) { return out, nil })})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// input and answer return contracts that differ in that only.
func input[T any](t *testing.T) []byte  { return contract[T, struct{}](t) }
func answer[T any](t *testing.T) []byte { return contract[struct{}, T](t) }

type (
	one struct {
		A string `json:"a"`
	}
	maybe struct {
		A string `json:"a,omitempty"`
	}
	described struct {
		A string `json:"a" doc:"Something."`
	}
	number struct {
		A int `json:"a"`
	}
	fraction struct {
		A float64 `json:"a"`
	}
	small struct {
		A uint8 `json:"a"`
	}
	anything struct {
		A any `json:"a"`
	}
	nullable struct {
		A *string `json:"a"`
	}
	encoded struct {
		A []byte `json:"a"`
	}
	some struct {
		A string `json:"a" enum:"x,y"`
	}
	fewer struct {
		A string `json:"a" enum:"x"`
	}
	two struct {
		A string `json:"a"`
		B string `json:"b"`
	}
	twoMaybe struct {
		A string `json:"a"`
		B string `json:"b,omitempty"`
	}
	list[T any]   struct{ Items []T }
	index[T any]  struct{ Items map[string]T }
	holder[T any] struct{ In T }
)

func TestCompatible(t *testing.T) {
	with := func(change func(*hostapi.Spec)) []byte { return contract[one, one](t, change) }
	plain := contract[one, one](t)
	for _, tt := range []struct {
		name     string
		old, new []byte
		want     string // "" if it is compatible
	}{
		{"the same", plain, plain, ""},
		{"a description", input[one](t), input[described](t), ""},
		{"an operation removed", plain, with(func(s *hostapi.Spec) { s.Name = "a.c" }), "a.b: the operation was removed"},
		{"an operation added", []byte(`{"version":1,"operations":{}}`), plain, ""},
		{"a permission", plain, with(func(s *hostapi.Spec) { s.Permission = "kv" }), `a.b: took the permission "", takes "kv"`},
		{"no permission", with(func(s *hostapi.Spec) { s.Permission = "kv" }), plain, ""},
		{"writes", plain, with(func(s *hostapi.Spec) { s.Writes = true }), "a.b: could be called within a filter"},
		{"a door more", plain, with(func(s *hostapi.Spec) { s.Doors = s.Doors.And(hostapi.HTTP("POST", "/a")) }), ""},
		{"another door", plain, with(func(s *hostapi.Spec) { s.Doors = hostapi.HTTP("POST", "/a") }), "a.b: the door guest was removed"},
		{"another path", with(func(s *hostapi.Spec) { s.Doors = hostapi.HTTP("POST", "/a") }), with(func(s *hostapi.Spec) { s.Doors = hostapi.HTTP("POST", "/b") }), "the door POST /a was removed"},
		{"a lower version", []byte(`{"version":2,"operations":{}}`), plain, "version: was 2, is 1"},
		{"a permission removed", []byte(`{"version":1,"permissions":["fly"],"operations":{}}`), plain, "fly: the permission was removed"},

		{"input: a field removed", input[two](t), input[one](t), "a.b input.b: was removed"},
		{"input: an optional field added", input[one](t), input[twoMaybe](t), ""},
		{"input: a required field added", input[one](t), input[two](t), "a.b input.b: was not required, is now"},
		{"input: no longer required", input[one](t), input[maybe](t), ""},
		{"input: required", input[maybe](t), input[one](t), "a.b input.a: was not required, is now"},
		{"input: another type", input[one](t), input[number](t), "a.b input.a: was of type string, is of integer"},
		{"input: wider numbers", input[number](t), input[fraction](t), ""},
		{"input: narrower numbers", input[fraction](t), input[number](t), "was of type number, is of integer"},
		{"input: a smaller range", input[number](t), input[small](t), "a.b input.a: takes a smaller range"},
		{"input: a larger range", input[small](t), input[number](t), ""},
		{"input: null too", input[one](t), input[nullable](t), ""},
		{"input: not null", input[nullable](t), input[one](t), "was of type null or string, is of string"},
		{"input: anything", input[one](t), input[anything](t), ""},
		{"input: not anything", input[anything](t), input[one](t), "was of type any, is of string"},
		{"input: encoded", input[nullable](t), input[encoded](t), "written in another way"},
		{"input: a value more", input[fewer](t), input[some](t), ""},
		{"input: a value less", input[some](t), input[fewer](t), "a.b input.a: no longer takes the value y"},
		{"input: only some values", input[one](t), input[some](t), "a.b input.a: took any value, takes only some"},
		{"input: within a list", input[list[two]](t), input[list[one]](t), "a.b input.Items[].b: was removed"},
		{"input: within a map", input[index[one]](t), input[index[two]](t), "a.b input.Items.*.b: was not required"},
		{"input: within an object", input[holder[one]](t), input[holder[number]](t), "a.b input.In.a: was of type"},
		{"input: a map becomes an object", input[holder[map[string]string]](t), input[holder[maybe]](t), "no longer takes keys of any name"},
		{"input: a shorter list", input[holder[[]int]](t), input[holder[[2]int]](t), "was of type null or array, is of array"},
		{"input: another length", input[holder[[3]int]](t), input[holder[[2]int]](t), "takes fewer lengths"},

		{"answer: a field removed", answer[two](t), answer[one](t), "a.b answer.b: was removed"},
		{"answer: a field added", answer[one](t), answer[two](t), ""},
		{"answer: may be absent", answer[one](t), answer[maybe](t), "a.b answer.a: was always there, may be absent now"},
		{"answer: always there", answer[maybe](t), answer[one](t), ""},
		{"answer: another type", answer[one](t), answer[number](t), "a.b answer.a: was of type string, is of integer"},
		{"answer: wider numbers", answer[number](t), answer[fraction](t), "was of type integer, is of number"},
		{"answer: narrower numbers", answer[fraction](t), answer[number](t), ""},
		{"answer: null too", answer[one](t), answer[nullable](t), "is of null or string"},
		{"answer: anything", answer[one](t), answer[anything](t), "is of any"},
		{"answer: not anything", answer[anything](t), answer[one](t), ""},
		{"answer: a value more", answer[fewer](t), answer[some](t), ""},
		{"answer: within a list", answer[list[one]](t), answer[list[number]](t), "a.b answer.Items[].a: was of type"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := hostapi.Compatible(tt.old, tt.new)
			switch {
			case tt.want == "" && err != nil:
				t.Error(err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want) || trellis.KindOf(err) != trellis.Conflict):
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}

func TestCompatibleNamesEveryBreak(t *testing.T) {
	err := hostapi.Compatible(contract[two, two](t), contract[number, maybe](t, func(s *hostapi.Spec) { s.Writes = true }))
	if err == nil {
		t.Fatal("compatible")
	}
	if got := strings.Count(err.Error(), "\n"); got != 5 {
		t.Errorf("%d breaks, want 5: %v", got, err)
	}
}

func TestCompatibleOfWhatIsNoContract(t *testing.T) {
	good := contract[one, one](t)
	for _, bad := range []string{``, `[]`, `{"operations":[]}`, `{"operations":{"a.b":{"input":7}}}`, `{"version":"x"}`} {
		if err := hostapi.Compatible([]byte(bad), good); trellis.KindOf(err) != trellis.Invalid {
			t.Errorf("%s: %v", bad, err)
		}
		if err := hostapi.Compatible(good, []byte(bad)); trellis.KindOf(err) != trellis.Invalid {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
