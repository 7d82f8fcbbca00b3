package examples_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/trellis-learning/trellis/runtime"
	"github.com/trellis-learning/trellis/testdata/wasm"
)

// question is one with these settings, user, course and mode, each JSON.
func question(settings, user, course, mode string) string {
	return `{"id":"1","settings":` + settings + `,"data":{"user":` + user + `,"course_key":` + course + `,"mode":` + mode + `}}`
}

const (
	ada           = `{"id":"ada","number":7,"is_active":true}`
	misunderstood = `{"refuse":{"code":"invalid_question","message":"The policy does not understand the question."}}`
	wrong         = `{"refuse":{"code":"invalid_settings","message":"The settings of the policy are not right."}}`
	blocked       = `{"refuse":{"code":"person_blocked","message":"You may not enrol at present."}}`
	closed        = `{"refuse":{"code":"course_closed","message":"Enrolment in c is closed."}}`
)

// policyCases are questions and, where it is stated, the right answer. Where the
// input is no JSON the answer of the Go guest is an error of its own library, so
// these have "error".
func policyCases() [][2]string {
	type q = [2]string
	std := func(settings string) string { return question(settings, ada, `"c"`, `"audit"`) }
	with := func(user string) string {
		return question(`{"blocked_people":["x"],"blocked_numbers":[100]}`, user, `"c"`, `"audit"`)
	}
	cases := []q{
		{std(`{}`), `{}`}, {std(`null`), `{}`}, {std(`[]`), wrong}, {std(`"x"`), wrong}, {std(`1`), wrong}, {std(`true`), wrong},
		{std(`{"closed_courses":["c"]}`), closed}, {std(`{"closed_courses":["c*"]}`), closed}, {std(`{"closed_courses":["*"]}`), closed},
		{std(`{"closed_courses":["d","c"]}`), closed}, {std(`{"closed_courses":["C"]}`), `{}`}, {std(`{"closed_courses":[""]}`), `{}`},
		{std(`{"closed_courses":["\u0063"]}`), closed}, {std(`{"closed_courses":null}`), `{}`}, {std(`{"closed_courses":[]}`), `{}`},
		{std(`{"closed_courses":"c"}`), wrong}, {std(`{"closed_courses":[1]}`), wrong}, {std(`{"closed_courses":[null]}`), wrong},
		{std(`{"closed_courses":["x"],"closed_courses":["c"]}`), closed}, {std(`{"closed_courses":["c"],"closed_courses":["x"]}`), `{}`},
		{std(`{"Closed_courses":["c"]}`), `{}`}, {std(`{"closed_courses ":["c"]}`), `{}`}, {std(`{"x":{"closed_courses":["c"]}}`), `{}`},
		{std(`{"x":"\"closed_courses\":[\"c\"]"}`), `{}`}, {std(`{"message":"Ask \"us\"\n\\ / \u2028 <&>","closed_courses":["c"]}`),
			`{"refuse":{"code":"course_closed","message":"Ask \"us\"\n\\ / \u2028 <&>"}}`},
		{std(`{"message":"","closed_courses":["c"]}`), closed}, {std(`{"message":1}`), wrong}, {std(`{"message":"\u0000\u001f\u007f","closed_courses":["c"]}`),
			`{"refuse":{"code":"course_closed","message":"\u0000\u001f` + "\x7f" + `"}}`},
		{std(`{"message":"\ud83d\ude00\ud83d\u0041\udc00","closed_courses":["c"]}`), `{"refuse":{"code":"course_closed","message":"😀` + "\ufffdA\ufffd" + `"}}`},
		{std("{\"message\":\"\xff\xc3(\xe2\x82\",\"closed_courses\":[\"c\"]}"), "{\"refuse\":{\"code\":\"course_closed\",\"message\":\"\ufffd\ufffd(\ufffd\ufffd\"}}"},
		{std("{\"message\":\"\xed\xa0\x80\xf4\x90\x80\x80\xc0\x80\",\"closed_courses\":[\"c\"]}"), ""},
		{std(`{"upgrade_mode":{"audit":"verified"}}`), `{"patch":{"mode":"verified"}}`}, {std(`{"upgrade_mode":{"audit":"audit"}}`), `{}`},
		{std(`{"upgrade_mode":{"audit":null}}`), `{}`}, {std(`{"upgrade_mode":{"audit":1}}`), wrong}, {std(`{"upgrade_mode":[]}`), wrong},
		{std(`{"upgrade_mode":{"Audit":"x"}}`), `{}`}, {std(`{"upgrade_mode":{"audit":"x","audit":"y"}}`), `{"patch":{"mode":"y"}}`},
		{std(`{"upgrade_mode":{"audit":"a\"b\u0007"}}`), `{"patch":{"mode":"a\"b\u0007"}}`},
		{std(`{"allowed_modes":["verified"]}`), `{"refuse":{"code":"mode_not_allowed","message":"The mode audit is not offered."}}`},
		{std(`{"allowed_modes":["audit"]}`), `{}`}, {std(`{"allowed_modes":[]}`), `{}`}, {std(`{"allowed_modes":["verified"],"upgrade_mode":{"audit":"verified"}}`), `{"patch":{"mode":"verified"}}`},
		{std(`{"blocked_people":["ada"]}`), blocked}, {std(`{"blocked_people":["Ada"]}`), `{}`}, {std(`{"blocked_people":["\u0061da"]}`), blocked},
		{std(`{"blocked_numbers":[7]}`), blocked}, {std(`{"blocked_numbers":[8]}`), `{}`}, {std(`{"blocked_numbers":[7.0]}`), wrong}, {std(`{"blocked_numbers":[1e2]}`), wrong},
		{std(`{"blocked_numbers":[1E400]}`), wrong}, {std(`{"blocked_numbers":[-0]}`), `{}`}, {std(`{"blocked_numbers":["7"]}`), wrong},
		{std(`{"blocked_numbers":[9223372036854775807,-9223372036854775808]}`), `{}`}, {std(`{"blocked_numbers":[9223372036854775808]}`), wrong},
		{std(`{"blocked_numbers":[-9223372036854775809]}`), wrong}, {std(`{"blocked_numbers":[18446744073709551616]}`), wrong}, {std(`{"blocked_numbers":[07]}`), "error"},
		{std(`{"blocked_numbers":[+7]}`), "error"}, {std(`{"blocked_numbers":[.5]}`), "error"}, {std(`{"blocked_numbers":[1.]}`), "error"}, {std(`{"blocked_numbers":[1e]}`), "error"},
		{std(`{"blocked_numbers":[-]}`), "error"}, {std(`{"blocked_numbers":[0x7]}`), "error"}, {std(`{"blocked_numbers":[NaN]}`), "error"},
		{with(`{"id":"x","number":1}`), blocked}, {with(`{"number":100,"id":"y"}`), blocked}, {with(`{"id":"y"}`), `{}`}, {with(`{"id":"y","number":null}`), `{}`},
		{with(`{"id":"y","number":1.5}`), misunderstood}, {with(`{"id":"y","number":"100"}`), misunderstood}, {with(`{"id":null}`), misunderstood}, {with(`{"id":1}`), misunderstood},
		{with(`{}`), misunderstood}, {with(`null`), misunderstood}, {with(`[]`), misunderstood}, {with(`"x"`), misunderstood}, {with(`{"ID":"x"}`), misunderstood},
		{with(`{"id":"y","id":"x"}`), blocked}, {with(`{"id":"x","id":"y"}`), `{}`}, {with(`{"id":"y","pii":{"id":"x","name":"\"id\":\"x\""}}`), `{}`},
		{question(`{}`, ada, `null`, `"audit"`), misunderstood}, {question(`{}`, ada, `"c"`, `null`), misunderstood}, {question(`{}`, ada, `7`, `"audit"`), misunderstood},
		{question(`{}`, ada, `["c"]`, `"audit"`), misunderstood}, {`{}`, misunderstood}, {`{"data":null}`, misunderstood}, {`{"data":[]}`, misunderstood}, {`{"settings":{}}`, misunderstood},
		{`{"data":{"mode":"audit","course_key":"c","user":` + ada + `},"settings":{"closed_courses":["c"]},"id":"1"}`, closed},
		{" \t\r\n" + std(`{ "closed_courses" : [ "c" ] }`) + "\n ", closed}, {std(`{"closed_courses":["c"]}`) + "{}", "error"}, {std(`{}`) + "x", "error"}, {"\ufeff" + std(`{}`), "error"},
		{``, "error"}, {` `, "error"}, {`{`, "error"}, {`{"a":1,}`, "error"}, {`{"a" 1}`, "error"}, {`{a:1}`, "error"}, {`[1,2`, "error"}, {`{"a":tru}`, "error"}, {`{"a":"\x"}`, "error"},
		{`{"a":"\u12"}`, "error"}, {"{\"a\":\"\n\"}", "error"}, {`{"a":'b'}`, "error"},
		{std(`{"message":"` + strings.Repeat("m", 40_000) + `","closed_courses":["c"]}`), ""}, {question(`{}`, ada, `"`+strings.Repeat("k", 40_000)+`"`, `"audit"`), `{}`},
		{std(`{"x":` + strings.Repeat(`[`, 500) + strings.Repeat(`]`, 500) + `,"closed_courses":["c"]}`), closed},
		{std(`{"x":` + strings.Repeat(`{"a":`, 400) + `1` + strings.Repeat(`}`, 400) + `,"closed_courses":["c"]}`), closed},
		{std(`{"closed_courses":["` + strings.Repeat(`x","`, 1000) + `c"]}`), closed},
		{strings.Repeat(`[`, 10_001) + strings.Repeat(`]`, 10_001), "error"},
	}
	return cases
}

// guests returns a function that asks each guest.
func guests(t *testing.T, modules map[string][]byte) map[string]func(string) string {
	t.Helper()
	r, err := runtime.New(t.Context(), runtime.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close(t.Context()) })
	asks := map[string]func(string) string{}
	for name, binary := range modules {
		m, err := r.Compile(t.Context(), binary, runtime.Limits{Memory: 256 << 20, Output: 8 << 20, Time: 10 * time.Second, Fuel: 1 << 40})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		asks[name] = func(in string) string {
			out, _, err := m.Call(t.Context(), runtime.Call{Hook: "check", In: []byte(in), Key: "test"})
			if err != nil {
				return "error"
			}
			return string(out)
		}
	}
	return asks
}

// goPolicy builds the policy in Go.
func goPolicy(t *testing.T) []byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "main.wasm")
	cmd := exec.Command("go", "build", "-buildmode=c-shared", "-ldflags=-s -w", "-o", out, "./enrollment-policy")
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	if msg, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build the policy in Go: %v\n%s", err, msg)
	}
	raw, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// TestPolicy: the policy in Go and the one in C give the same answers.
func TestPolicy(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED the policy in Go: -short")
	}
	compare(t, map[string][]byte{"go": goPolicy(t), "c": wasm.EnrollmentPolicy})
}

// TestRebuilt: the committed module does what its source says.
func TestRebuilt(t *testing.T) {
	if _, err := exec.LookPath("clang"); err != nil {
		t.Skip("SKIPPED the rebuilt guests: clang is absent")
	}
	out := filepath.Join(t.TempDir(), "main.wasm")
	msg, err := exec.Command("clang", "--target=wasm32", "-Os", "-nostdlib", "-fno-builtin", "-Wl,--no-entry", "-Wl,--strip-all", "-Wl,-z,stack-size=16384",
		"-I", "../hostapi/guest/c", "-o", out, "enrollment-policy-c/main.c").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, msg)
	}
	raw, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	compare(t, map[string][]byte{"rebuilt": raw, "committed": wasm.EnrollmentPolicy})
}

func compare(t *testing.T, modules map[string][]byte) {
	t.Helper()
	asks := guests(t, modules)
	cases := policyCases()
	stated := 0
	for i, c := range cases {
		var first, firstName string
		for name, ask := range asks {
			got := ask(c[0])
			if got == "error" && name != "go" || c[1] == "error" && got == misunderstood {
				got = "error" // the C guest answers what is no JSON by its own refusal
			}
			if c[1] != "" && got != c[1] {
				t.Errorf("case %d, %s: %.300q\n got %.300q\nwant %.300q", i, name, c[0], got, c[1])
			}
			if firstName != "" && got != first {
				t.Errorf("case %d: %.300q\n%s: %.300q\n%s: %.300q", i, c[0], firstName, first, name, got)
			}
			first, firstName = got, name
		}
		if c[1] != "" {
			stated++
		}
	}
	t.Logf("%d cases, of which %d have a stated answer", len(cases), stated)
}
