package web

import (
	"io"
	"mime"
	"mime/multipart"
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

// File is an upload on its way.
type File struct {
	Field string // of the form
	Name  string // as its owner calls it: printable, without a path
	io.Reader
}

// Limits of a form, besides that of its route.
const (
	maxFields = 1000
	maxValues = 1 << 20
)

// form reads what a form has sent, up to its file.
func (s *Server) form(c *fiber.Ctx) (*Form, error) {
	typ, params, err := mime.ParseMediaType(string(c.Request().Header.ContentType()))
	if err != nil {
		typ = ""
	}
	switch typ {
	case "application/x-www-form-urlencoded":
		raw, err := io.ReadAll(io.LimitReader(Body(c), maxValues+1))
		if err != nil {
			return nil, err
		}
		if len(raw) > maxValues {
			return nil, tooLarge(maxValues)
		}
		values, err := url.ParseQuery(string(raw))
		if err != nil {
			return nil, trellis.Errorf(trellis.Invalid, "the form is not escaped rightly")
		}
		return &Form{Values: values}, checkValues(values)
	case "multipart/form-data":
		return multipartForm(multipart.NewReader(Body(c), params["boundary"]))
	}
	return nil, trellis.Errorf(trellis.Invalid, "this takes a form: application/x-www-form-urlencoded or multipart/form-data")
}

func multipartForm(r *multipart.Reader) (*Form, error) {
	f := &Form{Values: url.Values{}}
	size := 0
	for {
		part, err := r.NextPart()
		if err == io.EOF {
			return f, checkValues(f.Values)
		}
		if err != nil {
			return nil, broken(err)
		}
		if part.FileName() != "" {
			f.File = &File{Field: part.FormName(), Name: fileName(part.FileName()), Reader: part}
			return f, checkValues(f.Values)
		}
		if part.Header.Get("Content-Type") != "" && part.FormName() != "" && part.Header.Get("Content-Disposition") != "" && strings.Contains(part.Header.Get("Content-Disposition"), "filename=") {
			continue // the field of a file where none was chosen
		}
		value, err := io.ReadAll(io.LimitReader(part, int64(maxValues-size)+1))
		if err != nil {
			return nil, broken(err)
		}
		if size += len(value); size > maxValues || len(f.Values) > maxFields {
			return nil, tooLarge(maxValues)
		}
		f.Values.Add(part.FormName(), string(value))
	}
}

// broken keeps the errors of [Body], and names the others.
func broken(err error) error {
	if k := trellis.KindOf(err); k != trellis.Internal {
		return err
	}
	return trellis.Errorf(trellis.Invalid, "the form ends too early or is not well formed")
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
	return name
}

func checkValues(values url.Values) error {
	if len(values) > maxFields {
		return trellis.Errorf(trellis.Invalid, "a form has at most %d fields", maxFields)
	}
	for name, list := range values {
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
