package web_test

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	goruntime "runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/web"
)

const parted = "multipart/form-data; boundary=x"

// aPart is a part of a form, with whatever stands in its head.
func aPart(head, value string) string { return "--x\r\n" + head + "\r\n\r\n" + value + "\r\n" }

func aField(name, value string) string {
	return aPart(`Content-Disposition: form-data; name="`+name+`"`, value)
}

func aFile(name, value string) string {
	return aPart(`Content-Disposition: form-data; name="f"; filename="`+name+"\"\r\nContent-Type: application/zip", value)
}

func TestForms(t *testing.T) {
	s := newSite(t, false)
	addr, _ := start(t, s.Server)
	const mine = "trellis=demo-learner"
	token := s.csrf(t, mine)
	csrf := aField("csrf", token)
	const end = "--x--\r\n"
	for _, tt := range []struct {
		name, path, typ, body string
		status                int
		want                  string
	}{
		{"values", "/mine", urlencoded, "csrf=" + token + "&a=1&a=2+3%2B", 200, "[1 2 3+]"},
		{"a charset", "/mine", urlencoded + "; charset=UTF-8", "csrf=" + token + "&a=%C3%A4", 200, "[ä]"},
		{"values in parts", "/mine", parted, csrf + aField("a", "1") + aField("a", "2 3+") + end, 200, "[1 2 3+]"},
		{"a file", "/upload", parted, csrf + aField("a", "1") + aFile("b.trellis", "bytes") + end, 200, "[1] f b.trellis 5"},
		{"what stands behind it", "/upload", parted, csrf + aFile("b", "bytes") + aField("a", "late") + end, 200, "[] f b 5"},
		{"a path", "/upload", parted, csrf + aFile(`C:\\Users\\..\\b.trellis`, "") + end, 200, " f b.trellis 0"},
		{"a path of another kind", "/upload", parted, csrf + aFile("../../etc/passwd", "") + end, 200, " f passwd 0"},
		{"a name of nothing", "/upload", parted, csrf + aFile("..", "") + end, 200, " f file 0"},
		{"a name that turns text", "/upload", parted, csrf + aFile("a\u202egnp.exe", "") + end, 200, " f agnp.exe 0"},
		{"a long name", "/upload", parted, csrf + aFile(strings.Repeat("ä", 300), "") + end, 200, " f " + strings.Repeat("ä", 127) + " 0"},
		{"no file chosen", "/upload", parted, csrf + aFile("", "") + end, 200, "[]"},
		{"no file chosen, where none is taken", "/mine", parted, csrf + aFile("", "") + end, 200, "[]"},
		{"a file where none is taken", "/mine", parted, csrf + aFile("b", "bytes") + end, 400, "takes no file"},
		{"no name", "/mine", parted, csrf + aPart("Content-Disposition: form-data", "1") + end, 400, "has no name"},
		{"no head", "/mine", parted, csrf + "--x\r\n\r\n1\r\n" + end, 400, "has no name"},
		{"an attachment", "/mine", parted, csrf + aPart(`Content-Disposition: attachment; name="a"`, "1") + end, 400, "has no name"},
		{"no boundary", "/mine", "multipart/form-data", csrf + end, 400, "by what they are parted"},
		{"a long boundary", "/mine", "multipart/form-data; boundary=" + strings.Repeat("x", 71), csrf + end, 400, "by what they are parted"},
		{"another boundary", "/mine", parted, strings.ReplaceAll(csrf+end, "--x", "--y"), 400, "not well formed"},
		{"no end", "/mine", parted, csrf, 400, "not well formed"},
		{"a file without an end", "/upload", parted, csrf + "--x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f\"\r\n\r\nbytes", 400, "not well formed"},
		{"a head without an end", "/mine", parted, csrf + "--x\r\nContent-Disposition: form-data", 400, "not well formed"},
		{"wrong escapes", "/mine", urlencoded, "csrf=" + token + "&a=%zz", 400, "not escaped rightly"},
		{"no text", "/mine", urlencoded, "csrf=" + token + "&a=%ff", 400, "not text"},
		{"zero bytes", "/mine", urlencoded, "csrf=" + token + "&a=%00", 400, "not text"},
		{"no text in parts", "/mine", parted, csrf + aField("a", "\xff") + end, 400, "not text"},
		{"a name that is no text", "/mine", urlencoded, "csrf=" + token + "&%ff=1", 400, "not text"},
		{"many values", "/mine", urlencoded, "csrf=" + token + strings.Repeat("&a", 2000), 413, "2,000 values"},
		{"many parts", "/mine", parted, csrf + strings.Repeat(aField("a", ""), 2000) + end, 413, ""},
		{"many parts without a file", "/mine", parted, csrf + strings.Repeat(aFile("", ""), 20000) + end, 413, ""},
		{"long values", "/mine", urlencoded, "csrf=" + token + "&a=" + strings.Repeat("a", 1<<20), 413, "1 MiB"},
		{"long values in parts", "/mine", parted, csrf + aField("a", strings.Repeat("a", 2<<20)) + end, 413, "1 MiB"},
		{"a long name of a field", "/mine", parted, csrf + aField(strings.Repeat("a", 2<<20), "") + end, 413, "1 MiB"},
		{"a long head of a part", "/mine", parted, csrf + aPart("Content-Disposition: form-data; name=\"a\"\r\nX: "+strings.Repeat("a", 2<<20), "") + end, 413, "1 MiB"},
		{"many heads of a part", "/mine", parted, csrf + aPart("Content-Disposition: form-data; name=\"a\""+strings.Repeat("\r\nX: a", 300_000), "") + end, 400, "not well formed"},
		{"what stands before the first part", "/mine", parted, strings.Repeat("a", 2<<20) + "\r\n" + csrf + end, 400, "not well formed"},
		{"what stands behind the last", "/mine", parted, csrf + end + "more", 400, "not well formed"},
		{"control characters in a name", "/upload", parted, csrf + aFile("a\x00\x1b", "") + end, 400, "not well formed"},
		{"beyond the limit of the route", "/small", parted, csrf + aFile("b", strings.Repeat("a", 1<<20)) + end, 413, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for name, body := range map[string]io.Reader{
				"whole": strings.NewReader(tt.body), "chunked": io.MultiReader(strings.NewReader(tt.body)), "in bits": iotest.HalfReader(strings.NewReader(tt.body)),
			} {
				was := s.done.Load()
				req, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+addr+tt.path, body)
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("Content-Type", tt.typ)
				req.Header.Set("Cookie", mine)
				res, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				raw, err := io.ReadAll(res.Body)
				_ = res.Body.Close()
				if err != nil || res.StatusCode != tt.status || !strings.Contains(string(raw), tt.want) {
					t.Errorf("%s: %d %s (%v), want %d %q", name, res.StatusCode, raw, err, tt.status, tt.want)
				}
				if tt.status != 200 && s.done.Load() != was && !strings.HasPrefix(tt.name, "a file without") && !strings.HasPrefix(tt.name, "beyond") {
					t.Errorf("%s: it was taken", name)
				}
			}
		})
	}
}

// TestConnectionsOutliveUploads sends two files over one connection.
func TestConnectionsOutliveUploads(t *testing.T) {
	s := newSite(t, false)
	addr, _ := start(t, s.Server)
	body := aField("csrf", s.csrf(t, "trellis=demo-learner")) + aFile("b", strings.Repeat("a", 100<<10)) + "--x--\r\n"
	c, r := dial(t, addr)
	for i := range 2 {
		send(t, c, fmt.Sprintf("POST /upload HTTP/1.1\r\nHost: x\r\nCookie: trellis=demo-learner\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", parted, len(body), body))
		if res, raw := response(t, r); res.StatusCode != 200 || res.Close {
			t.Fatalf("%d: %d %s, closed: %v", i, res.StatusCode, raw, res.Close)
		}
	}
}

func TestUploadsCutOff(t *testing.T) {
	s := newSite(t, false)
	addr, _ := start(t, s.Server)
	token := s.csrf(t, "trellis=demo-learner")
	for _, tt := range []struct{ name, length, piece string }{
		{"of a known length", "Content-Length: 1000000", ""}, {"in pieces", "Transfer-Encoding: chunked", "2710\r\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, r := dial(t, addr)
			head := aField("csrf", token) + strings.TrimSuffix(aFile("b", ""), "\r\n")
			send(t, c, "POST /upload HTTP/1.1\r\nHost: x\r\nCookie: trellis=demo-learner\r\nContent-Type: "+parted+"\r\n"+tt.length+"\r\n\r\n"+tt.piece+head+strings.Repeat("a", 10_000-len(head)))
			if half, ok := c.(interface{ CloseWrite() error }); !ok || half.CloseWrite() != nil {
				t.Fatal("not closed")
			}
			if res, raw := response(t, r); res.StatusCode != 400 || !strings.Contains(raw, "ends too early") {
				t.Errorf("%d %s", res.StatusCode, raw)
			}
		})
	}
}

// endless is a file of n bytes that holds none of them.
type endless struct{ n int64 }

func (e *endless) Read(p []byte) (int, error) {
	if e.n == 0 {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), e.n))
	clear(p[:n])
	e.n -= int64(n)
	return n, nil
}

// TestUploadsHoldNoMemory sends files of 200 MB, and looks what that allocates on
// both sides.
func TestUploadsHoldNoMemory(t *testing.T) {
	s := newSite(t, false)
	addr, _ := start(t, s.Server)
	const size = 200 << 20
	csrf := aField("csrf", s.csrf(t, "trellis=demo-learner"))
	head := csrf + strings.TrimSuffix(aFile("b", ""), "\r\n")
	for _, tt := range []struct {
		path   string
		status int
	}{{"/upload", 200}, {"/small", 413}, {"/mine", 413}} {
		t.Run(tt.path, func(t *testing.T) {
			var before, after goruntime.MemStats
			goruntime.ReadMemStats(&before)
			body := io.MultiReader(strings.NewReader(head), &endless{size}, strings.NewReader("\r\n--x--\r\n"))
			req, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+addr+tt.path, body)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", parted)
			req.Header.Set("Cookie", "trellis=demo-learner")
			if tt.path != "/upload" {
				req.ContentLength = int64(len(head)) + size + 9 // is refused at once
			}
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = res.Body.Close() }()
			if raw, err := io.ReadAll(res.Body); err != nil || res.StatusCode != tt.status || tt.status == 200 && !strings.HasSuffix(string(raw), fmt.Sprint(size)) {
				t.Errorf("%d %s (%v)", res.StatusCode, raw, err)
			}
			goruntime.ReadMemStats(&after)
			if got := after.TotalAlloc - before.TotalAlloc; got > 24<<20 {
				t.Errorf("%d MiB were allocated for %d MiB", got>>20, size>>20)
			}
		})
	}
}

func FuzzForm(f *testing.F) {
	s := newSite(f, false)
	token := s.csrf(f, "trellis=demo-learner")
	for _, body := range []string{
		"csrf=" + token + "&a=1", "a=%", "&&&", "a=\x00", aField("csrf", token) + aField("a", "1") + "--x--\r\n", aField("csrf", token) + aFile("../b", "bytes") + "--x--", "--x", "--x--", "--x\r\n\r\n",
		aPart("Content-Disposition: form-data; name=\"a\"; filename*=utf-8''%2e%2e%2fb", "1"),
	} {
		for _, typ := range []string{urlencoded, parted, "text/plain"} {
			f.Add(typ, body)
		}
	}
	f.Fuzz(func(t *testing.T, typ, body string) {
		if strings.ContainsAny(typ, "\r\n\x00") {
			t.Skip()
		}
		for _, path := range []string{"/mine", "/upload"} {
			res, raw := call(t, s.Server, "POST", path, body, "Content-Type", typ, "Cookie", "trellis=demo-learner")
			switch res.StatusCode {
			case 200:
				if !strings.Contains(body, "csrf") {
					t.Errorf("taken without a token: %q", body)
				}
			case 400, 403, 413, 415:
				if p := problemOf(t, raw); p.Detail == "" {
					t.Errorf("%d says nothing", res.StatusCode)
				}
			default:
				t.Errorf("%d %s", res.StatusCode, raw)
			}
		}
	})
}

// FuzzFormRoundTrip sends values as browsers write them.
func FuzzFormRoundTrip(f *testing.F) {
	s := newSite(f, false)
	token := s.csrf(f, "trellis=demo-learner")
	f.Add("1")
	f.Add("ä\r\n--x--\r\n\"")
	f.Fuzz(func(t *testing.T, value string) {
		if strings.ToValidUTF8(value, "") != value || strings.ContainsRune(value, 0) {
			t.Skip()
		}
		var body bytes.Buffer
		w := multipart.NewWriter(&body)
		for _, pair := range [][2]string{{"csrf", token}, {"a", value}} {
			if err := w.WriteField(pair[0], pair[1]); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprint([]string{value})
		for typ, body := range map[string]string{w.FormDataContentType(): body.String(), urlencoded: url.Values{"csrf": {token}, "a": {value}}.Encode()} {
			if res, raw := call(t, s.Server, "POST", "/mine", body, "Content-Type", typ, "Cookie", "trellis=demo-learner"); res.StatusCode != 200 || raw != want {
				t.Errorf("%s: %d %q, want %q", typ, res.StatusCode, raw, want)
			}
		}
	})
}

func FuzzCookies(f *testing.F) {
	s := newSite(f, false)
	for _, seed := range []string{"trellis=demo-learner", "trellis=demo-learner; trellis=x", "a; b=; =c", "trellis-before=0123456789abcdef", "trellis-flash=a.b", `trellis="demo-learner"`, "trellis=\xff", strings.Repeat("a=b; ", 500)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, cookies string) {
		if strings.ContainsAny(cookies, "\r\n\x00") {
			t.Skip()
		}
		res, raw := call(t, s.Server, "GET", "/mine", "", "Cookie", cookies)
		switch res.StatusCode {
		case 200:
			if !strings.Contains(cookies, "-") {
				t.Errorf("let in by %q", cookies)
			}
		case 400, 401, 404, 431:
			if p := problemOf(t, raw); trellis.Kind("") == p.Kind {
				t.Errorf("no problem: %s", raw)
			}
		default:
			t.Errorf("%d %s", res.StatusCode, raw)
		}
		if res, raw := call(t, s.Server, "GET", "/open", "", "Cookie", cookies); res.StatusCode != 200 && res.StatusCode != 404 {
			t.Errorf("open: %d %s", res.StatusCode, raw)
		}
	})
}

var _ io.Reader = (*web.File)(nil)
