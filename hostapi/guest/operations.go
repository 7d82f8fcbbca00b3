package guest

import "encoding/json"

// PersonalData is what a person is called and reached by, as far as the extension
// was granted it.
type PersonalData struct {
	Username string `json:"username"`
	Email    string `json:"email"`
	Name     string `json:"name"`
}

// User is a person.
type User struct {
	ID     string       `json:"id"`
	Number int64        `json:"number"`
	Active bool         `json:"is_active"`
	PII    PersonalData `json:"pii"`
}

// GetUser returns a person (users:read; pii:… for personal data). An extension
// that is enabled in a course names the course.
func GetUser(id, course string) (User, error) {
	in := map[string]string{"id": id}
	if course != "" {
		in["course"] = course
	}
	var u User
	err := Call("users.get", in, &u)
	return u, err
}

// Note is something that an extension keeps for itself.
type Note struct {
	Key     string          `json:"key"`
	Value   json.RawMessage `json:"value"`
	Version int64           `json:"version"` // 0: there is none
}

// GetNote returns a note (kv).
func GetNote(key string) (Note, error) {
	n := Note{Key: key}
	err := Call("kv.get", map[string]string{"key": key}, &n)
	return n, err
}

// SetNote writes a note (kv). A version of 0 or more must be the note's present
// one, or the error's kind is conflict; -1 writes in any case.
func SetNote(key string, value any, version int64) (int64, error) {
	return SetNoteAbout("", key, value, version)
}

// SetNoteAbout is [SetNote] for a note about a person: it goes when she does.
func SetNoteAbout(person, key string, value any, version int64) (int64, error) {
	in := map[string]any{"key": key, "value": value}
	if version >= 0 {
		in["if_version"] = version
	}
	if person != "" {
		in["person"] = person
	}
	var out Note
	err := Call("kv.set", in, &out)
	return out.Version, err
}

// Notes returns a page of the notes whose keys begin with prefix (kv), by key.
// Next begins the page that follows; it is empty after the last.
func Notes(prefix, after string, limit int) (items []Note, next string, err error) {
	in := map[string]any{"limit": limit}
	if prefix != "" {
		in["prefix"] = prefix
	}
	if after != "" {
		in["after"] = after
	}
	var out struct {
		Items []Note `json:"items"`
		Next  string `json:"next"`
	}
	err = Call("kv.list", in, &out)
	return out.Items, out.Next, err
}

// DeleteNote removes a note (kv).
func DeleteNote(key string) error { return Call("kv.delete", map[string]string{"key": key}, nil) }

// Enrollment is somebody's place in a course.
type Enrollment struct {
	Person string `json:"person"`
	Course string `json:"course"`
	Mode   string `json:"mode"`
	Active bool   `json:"is_active"`
}

// Enrollments returns a page of enrolments (enrollments:read): of a course or,
// where that is empty, of every one that the extension may see. Next begins the
// page that follows; it is empty after the last.
func Enrollments(course, after string, limit int) (items []Enrollment, next string, err error) {
	in := map[string]any{"limit": limit}
	if course != "" {
		in["course"] = course
	}
	if after != "" {
		in["after"] = after
	}
	var out struct {
		Items []Enrollment `json:"items"`
		Next  string       `json:"next"`
	}
	err = Call("enrollments.list", in, &out)
	return out.Items, out.Next, err
}

// Emit tells others of something (events:emit). The type begins with the
// extension's ID and a point. It returns the event's ID.
func Emit(typ, person, course string, data any) (string, error) {
	in := map[string]any{"type": typ, "data": data}
	if person != "" {
		in["person"] = person
	}
	if course != "" {
		in["course"] = course
	}
	var out struct {
		ID string `json:"id"`
	}
	err := Call("events.emit", in, &out)
	return out.ID, err
}

// Response is an outside host's answer.
type Response struct {
	Status  int               `json:"status"`
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`        // if it is UTF-8
	Data    []byte            `json:"body_base64"` // if it is not
}

// Bytes returns the body, whatever it is.
func (r Response) Bytes() []byte {
	if r.Data != nil {
		return r.Data
	}
	return []byte(r.Body)
}

// Fetch sends a request to a host that the extension was granted (http:HOST).
func Fetch(method, url string, headers map[string]string, body string) (Response, error) {
	return fetch(method, url, headers, "body", body)
}

// FetchBytes is [Fetch] with a body that need not be text: a picture, a file.
func FetchBytes(method, url string, headers map[string]string, body []byte) (Response, error) {
	return fetch(method, url, headers, "body_base64", append([]byte{}, body...)) // and not null
}

func fetch(method, url string, headers map[string]string, key string, body any) (Response, error) {
	in := map[string]any{"method": method, "url": url, key: body}
	if headers != nil {
		in["headers"] = headers
	}
	var out Response
	err := Call("http.fetch", in, &out)
	return out, err
}

// Secret returns a secret that the extension was given.
func Secret(name string) (string, error) {
	var out struct {
		Value string `json:"value"`
	}
	err := Call("secrets.get", map[string]string{"name": name}, &out)
	return out.Value, err
}

// Enqueue asks for work in the background (jobs): a job or schedule of the
// manifest, by its name. It returns the job's ID.
func Enqueue(name string, input any, delaySeconds int) (string, error) {
	var out struct {
		ID string `json:"id"`
	}
	err := Call("jobs.enqueue", map[string]any{"call": name, "input": input, "delay": delaySeconds}, &out)
	return out.ID, err
}
