package learning_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/store"
)

// closed refuses enrolments in one course. In Trellis the filters are the
// extensions of the tenant.
type closed struct{ course string }

func (f closed) Filter(_ context.Context, q trellis.Question) ([]byte, error) {
	if q.Type == learning.EnrollmentStarted.Name() && q.Course == f.course {
		return nil, &trellis.Refusal{Extension: "acme.policy", Filter: q.Type, Code: "closed", Message: "This course is closed."}
	}
	return q.Data, nil
}

// An enrolment is asked about, written, and told of.
func Example() {
	dir, err := os.MkdirTemp("", "learning")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	ctx := trellis.WithActor(context.Background(), trellis.Actor{Tenant: "demo", ID: "example", Kind: trellis.SystemActor})
	db, err := store.Open(ctx, store.Config{Path: filepath.Join(dir, "trellis.db")})
	if err != nil {
		panic(err)
	}
	defer func() { _ = db.Close() }()
	core, err := learning.New(ctx, learning.Config{DB: db, Filters: closed{"course-v1:Demo+Closed+1"}})
	if err != nil {
		panic(err)
	}

	ada, err := core.Register(ctx, learning.Register{Username: "ada", Name: "Ada Lovelace"})
	if err != nil {
		panic(err)
	}
	for _, key := range []string{"course-v1:Demo+Open+1", "course-v1:Demo+Closed+1"} {
		if _, err := core.CreateCourse(ctx, learning.CreateCourse{Key: key, Title: key}); err != nil {
			panic(err)
		}
		e, err := core.Enroll(ctx, learning.Enroll{Person: ada.ID, Course: key})
		var refusal *trellis.Refusal
		if errors.As(err, &refusal) {
			fmt.Println(key, "refused:", refusal.Message)
			continue
		}
		fmt.Println(key, e.Mode, e.Active)
	}
	events, err := db.Log().Find(ctx, 0, 10, learning.EnrollmentCreated.Name(), ada.ID, "")
	if err != nil {
		panic(err)
	}
	fmt.Println(len(events), "event, without her name:", !strings.Contains(string(events[0].Data), "Ada"))
	// Output:
	// course-v1:Demo+Open+1 audit true
	// course-v1:Demo+Closed+1 refused: This course is closed.
	// 1 event, without her name: true
}
