package web

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"github.com/trellis-learning/trellis"
)

// Form is what a page's form has sent.
type Form struct {
	Values url.Values
	File   *File // the file, if one was sent; it is read as it comes
}

// File is an upload on its way. What comes behind it in the form is not read: a
// form has its fields before its file. Its errors are those of [Body]; whatever it
// holds beyond what the file's reader has taken holds no memory.
type File struct {
	Field string // of the form
	Name  string // as its owner calls it: printable, without a path, never empty
	io.Reader
}

// Limits of a form, besides that of its route.
const (
	maxFields = 2000     // values, whatever their names
	maxValues = 1 << 20  // bytes of names and values
	maxParts  = 64 << 10 // bytes of what stands between them, up to the file
)

// form reads what a form has sent, up to its file. A route that is a stream takes
// one, and one that says so; any other does not.
func (s *Server) form(c *fiber.Ctx, r *Route) (*Form, error) {
	typ, params, err := mime.ParseMediaType(string(c.Request().Header.ContentType()))
	if err != nil {
		typ = ""
	}
	switch typ {
	case "application/x-www-form-urlencoded":
		values, err := urlencoded(Body(c))
		if err != nil {
			return nil, err
		}
		return &Form{Values: values}, nil
	case "multipart/form-data":
		return parts(Body(c), params["boundary"], r.Stream || r.File)
	}
	return nil, errType("this takes a form: application/x-www-form-urlencoded or multipart/form-data")
}

func errType(what string) error {
	return &fault{status: http.StatusUnsupportedMediaType, title: "The body is of another type", err: trellis.Errorf(trellis.Invalid, "%s", what)}
}

func errFields(what string) error {
	return &fault{status: http.StatusRequestEntityTooLarge, title: "The form is too large", err: trellis.Errorf(trellis.Exhausted, "%s", what)}
}

func errManyFields() error { return errFields("the form has more than 2,000 values") }
func errLongFields() error { return errFields("the fields of the form have more than 1 MiB") }

func urlencoded(body io.Reader) (url.Values, error) {
	raw, err := io.ReadAll(io.LimitReader(body, maxValues+1))
	if err != nil {
		return nil, err
	}
	if len(raw) > maxValues {
		return nil, errLongFields()
	}
	if strings.Count(string(raw), "&") >= maxFields {
		return nil, errManyFields()
	}
	values, err := url.ParseQuery(string(raw))
	if err != nil {
		return nil, trellis.Errorf(trellis.Invalid, "the form is not escaped rightly")
	}
	return values, checkValues(values)
}

// counted ends in an error when more was read than is left. It bounds what stands
// before a file, the headers of parts too.
type counted struct {
	r    io.Reader
	left int64  // negative: no limit
	err  error  // that the reader ended with
	tail []byte // what was read last
}

// maxTail is more than what ends a form: the boundary with its hyphens.
const maxTail = 80

// Read implements [io.Reader].
func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if err != nil && err != io.EOF {
		c.err = err
	}
	if c.left >= 0 {
		c.tail = append(c.tail, p[max(0, n-maxTail):n]...)
		c.tail = c.tail[max(0, len(c.tail)-maxTail):]
		if c.left -= int64(n); c.left < 0 {
			c.left, c.err = 0, errLongFields()
			err = c.err
		}
	}
	return n, err
}

// fault is what an error of the multipart reader means: that of the body, if the
// body had one.
func (c *counted) fault() error {
	if c.err != nil {
		return c.err
	}
	return trellis.Errorf(trellis.Invalid, "the form ends too early or is not well formed")
}

// parts reads a form of several parts.
func parts(body io.Reader, boundary string, takesFile bool) (*Form, error) {
	if boundary == "" || len(boundary) > 70 {
		return nil, trellis.Errorf(trellis.Invalid, "a form of several parts says by what they are parted, in 1 to 70 characters")
	}
	in := &counted{r: body, left: maxValues + maxParts}
	r := multipart.NewReader(in, boundary)
	f := &Form{Values: url.Values{}}
	for count := 0; ; count++ {
		part, err := r.NextRawPart() // what is encoded otherwise than browsers do is taken as it stands
		if err == io.EOF && bytes.HasSuffix(bytes.TrimSpace(in.tail), []byte("--"+boundary+"--")) {
			return f, checkValues(f.Values)
		}
		if err != nil { // the end, too, where nothing says that it is one
			return nil, in.fault()
		}
		name := part.FormName()
		switch {
		case name == "":
			return nil, trellis.Errorf(trellis.Invalid, "a part of the form has no name")
		case count >= maxFields:
			return nil, errManyFields()
		case part.FileName() != "" && !takesFile:
			return nil, trellis.Errorf(trellis.Invalid, "this form takes no file, and %.80q is one", fileName(part.FileName()))
		case part.FileName() != "":
			in.left = -1 // the limit of the route still holds
			f.File = &File{Field: name, Name: fileName(part.FileName()), Reader: &upload{part: part, in: in}}
			return f, checkValues(f.Values)
		case namesFile(part):
			continue // the field of a file where none was chosen
		}
		value, err := io.ReadAll(part)
		if err != nil {
			return nil, in.fault()
		}
		f.Values.Add(name, string(value))
	}
}

// namesFile reports whether a part is the field of a file, though it names none.
func namesFile(part *multipart.Part) bool {
	_, params, err := mime.ParseMediaType(part.Header.Get("Content-Disposition"))
	_, ok := params["filename"]
	return err == nil && ok
}

// upload is the bytes of a file as they come.
type upload struct {
	part *multipart.Part
	in   *counted
	end  error
}

// maxRest is how much behind a file is taken in, so that its connection can be
// used again.
const maxRest = 8 << 10

// Read implements [io.Reader].
func (u *upload) Read(p []byte) (int, error) {
	if u.end != nil {
		return 0, u.end
	}
	n, err := u.part.Read(p)
	switch {
	case err == io.EOF:
		u.end = io.EOF
		_, _ = io.CopyN(io.Discard, u.in.r, maxRest) // the file is whole: what ails the rest is no fault of its
	case err != nil:
		u.end = u.in.fault()
	}
	return n, u.end
}

// fileName returns the last part of a name, for people to see.
func fileName(name string) string {
	name = path.Base(strings.ReplaceAll(name, `\`, "/"))
	name = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(name, ""))
	if len(name) > 255 {
		name = strings.ToValidUTF8(name[:255], "")
	}
	if name = strings.TrimSpace(name); strings.Trim(name, "./") == "" {
		return "file"
	}
	return name
}

func checkValues(values url.Values) error {
	count := 0
	for name, list := range values {
		if count += len(list); count > maxFields {
			return errManyFields()
		}
		for _, text := range append(list[:len(list):len(list)], name) {
			if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
				return trellis.Errorf(trellis.Invalid, "the form is not text")
			}
		}
	}
	return nil
}

// FormOf returns what was sent to a [Route.Page]. That it is from a page of ours
// has been checked.
func FormOf(c *fiber.Ctx) *Form { return stateOf(c).form }

// FormQuery returns a copy of what a form with the method GET has put behind the
// question mark, where a plus is a space. The error's kind is [trellis.Invalid].
func FormQuery(c *fiber.Ctx) (url.Values, error) {
	v, err := url.ParseQuery(string(c.Request().URI().QueryString()))
	if err != nil {
		return nil, trellis.Errorf(trellis.Invalid, "the query is not escaped rightly")
	}
	return v, checkValues(v)
}
