package slots_test

import (
	"net/url"
	"path"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions/slots"
	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/internal/testkit"
)

// TestReadReply: what an action may answer, to the letter.
func TestReadReply(t *testing.T) {
	for in, ok := range map[string]bool{
		``: true, `{}`: true, `{"message":"Hi"}`: true, `{"message":"Hi","state":"bad"}`: true, `{"tree":null}`: true, `{"tree":{"kind":"text","text":"x"}}`: true,
		`{"redirect":"/"}`: true, `{"redirect":"/courses/course-v1:A+B+1?x=//y&z=../a#b"}`: true, `{"redirect":"/courses/a%20b/"}`: true,
		`null`: false, `[]`: false, `"x"`: false, `{"Message":"Hi"}`: false, `{"message":"a","message":"b"}`: false, `{"message":"a\nb"}`: false, `{"state":"ok"}`: false,
		`{"message":"Hi","state":"good"}`: false, `{"message":"` + strings.Repeat("x", 501) + `"}`: false, `{"tree":{"kind":"html"}}`: false, `{} {}`: false, "{\"message\":\"\xff\"}": false,
		`{"redirect":"/x","message":"Hi"}`: false, `{"redirect":"/x","tree":{"kind":"text","text":"x"}}`: false, `{"html":"x"}`: false,
		`{"redirect":"x"}`: false, `{"redirect":"//evil.example"}`: false, `{"redirect":"https://evil.example"}`: false, `{"redirect":"javascript:alert(1)"}`: false,
		`{"redirect":"/\\evil.example"}`: false, `{"redirect":"/\t/evil.example"}`: false, `{"redirect":"/x\u0000"}`: false, `{"redirect":"/a b"}`: false, `{"redirect":"/a\u00a0b"}`: false,
		`{"redirect":"/../other"}`: false, `{"redirect":"/a/../../other"}`: false, `{"redirect":"/%2e%2e/other"}`: false, `{"redirect":"/%2E./other"}`: false, `{"redirect":"/%252e%252e/other"}`: false,
		`{"redirect":"/a/.."}`: false, `{"redirect":"/%2f/evil.example"}`: false, `{"redirect":"/%5cevil.example"}`: false, `{"redirect":"/a%0d%0aSet-Cookie: x"}`: false, `{"redirect":"/%zz"}`: false,
		`{"redirect":"/t/other"}`: false, `{"redirect":"/%74/other"}`: false, `{"redirect":"/` + strings.Repeat("x", 2000) + `"}`: false,
	} {
		if _, _, err := slots.ReadReply([]byte(in)); (err == nil) != ok {
			t.Errorf("%.100s: %v", in, err)
		}
	}
}

// TestReplyIsSeen: what an action says hides and turns nothing.
func TestReplyIsSeen(t *testing.T) {
	for in, want := range map[string]slots.Reply{
		`{"message":"Saved"}`:                                 {Message: "Saved", State: "ok"},
		`{"message":"Saved \u202Eexe.fdp","state":"warn"}`:    {Message: "Saved exe.fdp", State: "warn"},
		`{"message":"\u2066one\u2069 \u05d0","state":"info"}`: {Message: "\u2066one\u2069 \u05d0", State: "info"},
		`{"message":"\u202e\u00ad","state":"bad"}`:            {},
	} {
		got, _, err := slots.ReadReply([]byte(in))
		if err != nil || got.Message != want.Message || got.State != want.State {
			t.Errorf("%s: %+q, %v, want %+q", in, got, err, want)
		}
	}
}

// FuzzReply: whatever is taken leads nowhere but to pages of the tenant.
func FuzzReply(f *testing.F) {
	for _, s := range []string{`{"redirect":"/courses/x?y=1#z"}`, `{"redirect":"/%2e%2e/x"}`, `{"message":"Hi","state":"ok","tree":{"kind":"text","text":"x"}}`, `{"redirect":"/a/../b"}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		r, _, err := slots.ReadReply([]byte(in))
		if err != nil {
			if trellis.KindOf(err) != trellis.Invalid {
				t.Errorf("kind %q: %v", trellis.KindOf(err), err)
			}
			return
		}
		if r.Redirect == "" {
			return
		}
		base, err := url.Parse("https://school.example/t/demo/")
		must(t, err)
		to, err := base.Parse("/t/demo" + r.Redirect)
		if err != nil || to.Host != "school.example" || to.Scheme != "https" || !strings.HasPrefix(path.Clean(to.Path)+"/", "/t/demo/") {
			t.Errorf("%q leads to %v (%v)", r.Redirect, to, err)
		}
	})
}

// FuzzOffer: a description that is not, letter by letter, one that was made here is
// refused.
func FuzzOffer(f *testing.F) {
	r := newRig(f, app.Config{})
	r.polls(f, replies(`{"message":"Counted."}`), nil)
	good := form(f, r.fill(r.learner, here), 0, "n", "5")
	sealed := good.Get("_hook")
	text, mac, _ := strings.Cut(sealed, ".")
	for _, s := range []string{sealed, text, "." + mac, text + "." + mac + "=", text + ".." + mac, "e30." + mac, "\x00", "bnVsbA." + mac, text + "\n." + mac} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, hook string) {
		out, err := r.act(r.learner, url.Values{"_hook": {hook}, "f.n": {"5"}})
		if hook == sealed {
			if err != nil || out.Message != "Counted." {
				t.Errorf("the one that was made: %+v, %v", out, err)
			}
		} else if trellis.KindOf(err) != trellis.Denied {
			t.Errorf("%q: %+v, %v", hook, out, err)
		}
	})
}

// FuzzPost: whatever is entered reaches the extension as declared, or comes back.
func FuzzPost(f *testing.F) {
	r := newRig(f, app.Config{})
	r.polls(f, func(c *testkit.Code) { c.Answer(`{"message":"Counted."}`) }, nil)
	sealed := form(f, r.fill(r.learner, here), 0, "n", "5").Get("_hook")
	for _, s := range [][2]string{{"5", "so"}, {"", ""}, {"1e9", "<script>"}, {"5.0", "\u202e"}, {"٥", "\x00"}, {"\xff", "a\r\nb"}, {" 7 ", strings.Repeat("x", 20_000)}} {
		f.Add("f.n", s[0], "f.why", s[1])
	}
	f.Add("f.n", "5", "f.other", "x")
	f.Add("f.n", "5", "_hook", "x")
	f.Fuzz(func(t *testing.T, k1, v1, k2, v2 string) {
		v := url.Values{"_hook": {sealed}}
		v.Add(k1, v1)
		v.Add(k2, v2)
		out, err := r.act(r.learner, v)
		switch k := trellis.KindOf(err); {
		case k == trellis.Invalid, k == trellis.Denied && len(v["_hook"]) > 1:
		case err != nil:
			t.Errorf("%v: %v", v, err)
		case out.Faults && out.Message == "Counted.", !out.Faults && out.Message != "Counted.", strings.Contains(string(out.HTML), "<script"):
			t.Errorf("%v: %+v", v, out)
		}
	})
}

// FuzzResume: the ID with which a page comes back is one of ours, or refused.
func FuzzResume(f *testing.F) {
	for _, s := range []string{"0-0", "17-33sgayjmmwryb", "17", "18446744073709551615-1", "-1", "1-", "1-zz zz", "", "\x00", "1-1-1", "9223372036854775807-3w5e11264sgsf"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, id string) {
		one, err := slots.Resumed(id)
		if err != nil {
			if trellis.KindOf(err) != trellis.Invalid {
				t.Errorf("kind %q: %v", trellis.KindOf(err), err)
			}
			return
		}
		if two, err := slots.Resumed(one); err != nil || two != one {
			t.Errorf("%q is read as %q, and that as %q (%v)", id, one, two, err)
		}
	})
}
