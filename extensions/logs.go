package extensions

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/store"
	"github.com/trellis-learning/trellis/runtime"
	"github.com/trellis-learning/trellis/runtime/symbol"
)

// The levels of a guest's log, by number.
const (
	levelDebug = iota
	levelInfo
	levelWarn
	levelError
)

func levelName(n int) string {
	return []string{"debug", "info", "warn", "error"}[max(levelDebug, min(n, levelError))]
}

// LogLine is something that an extension said, or that went wrong with it.
type LogLine struct {
	ID      string    `json:"id" doc:"ID of the line; later ones sort after earlier ones."`
	Time    time.Time `json:"time" doc:"When it was."`
	Level   string    `json:"level" doc:"How much it matters." enum:"debug,info,warn,error"`
	Hook    string    `json:"hook" doc:"Export that ran."`
	Message string    `json:"message" doc:"What was said."`
	Trace   string    `json:"trace,omitempty" doc:"The request that it belongs to."`
	// Frames are where in its source it crashed, the innermost function first.
	Frames []symbol.Frame `json:"frames,omitempty" doc:"Where in its source the extension crashed, the innermost function first, as far as its module tells."`

	tenant, installation string
}

// logBook gathers what extensions say and writes it in batches. When more comes
// than can be written, the newest is dropped.
type logBook struct {
	db    *store.DB
	log   *slog.Logger
	mu    sync.Mutex
	lines []LogLine
	lost  int

	writing sync.Mutex // held while lines are on their way, so that who reads finds them
}

const (
	maxLogLines   = 10_000 // that wait to be written
	keptLogLines  = 1_000  // of an installation
	maxLogMessage = 2_000
	maxLogFrames  = 12
)

func (b *logBook) add(in *installation, hook string, level int, message, trace string, frames ...symbol.Frame) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.lines) >= maxLogLines {
		b.lost++
		return
	}
	b.lines = append(b.lines, LogLine{
		ID: trellis.NewID(), Time: time.Now(), Level: levelName(level), Hook: hook, Message: legible(message), Trace: trace, Frames: frames[:min(len(frames), maxLogFrames)], tenant: in.tenant, installation: in.id,
	})
}

// legible keeps of a message what can be shown anywhere.
func legible(s string) string {
	s = strings.ToValidUTF8(s, "\ufffd")
	if len(s) > maxLogMessage {
		s = strings.ToValidUTF8(s[:maxLogMessage], "") + "…"
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\t' {
			return ' '
		}
		return r
	}, s)
}

// run writes what was gathered, each half second and at the end.
func (b *logBook) run(ctx context.Context) {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
		b.flush(context.WithoutCancel(ctx))
	}
}

func (b *logBook) flush(ctx context.Context) {
	b.writing.Lock()
	defer b.writing.Unlock()
	b.mu.Lock()
	lines, lost := b.lines, b.lost
	b.lines, b.lost = nil, 0
	b.mu.Unlock()
	if lost > 0 {
		b.log.Warn("lines of extensions' logs dropped", "lines", lost)
	}
	for len(lines) > 0 {
		part := lines[:min(len(lines), 500)]
		lines = lines[len(part):]
		if err := b.db.Write(ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error { return writeLines(ctx, tx, part) })); err != nil {
			b.log.Warn("logs of extensions not written", "err", err)
		}
	}
}

func writeLines(ctx context.Context, tx *store.Tx, lines []LogLine) error {
	type key struct{ tenant, installation string }
	touched := map[key]bool{}
	for _, l := range lines {
		// What was said by one that was removed meanwhile goes with it.
		if _, err := tx.Exec(ctx, `INSERT INTO extension_logs (tenant, installation, id, time, level, hook, message, trace, frames)
			SELECT tenant, id, ?, ?, ?, ?, ?, ?, ? FROM installations WHERE tenant = ? AND id = ? AND state <> 'removed'`,
			l.ID, store.Micros(l.Time), l.Level, l.Hook, l.Message, l.Trace, encodeFrames(l.Frames), l.tenant, l.installation); err != nil {
			return err
		}
		touched[key{l.tenant, l.installation}] = true
	}
	for k := range touched {
		if _, err := tx.Exec(ctx, `DELETE FROM extension_logs WHERE tenant = ? AND installation = ? AND id <=
			(SELECT id FROM extension_logs WHERE tenant = ? AND installation = ? ORDER BY id DESC LIMIT 1 OFFSET ?)`,
			k.tenant, k.installation, k.tenant, k.installation, keptLogLines); err != nil {
			return err
		}
	}
	return nil
}

// LogQuery says which lines are wanted.
type LogQuery struct {
	ID     string `json:"id" doc:"ID of the extension."`
	Course string `json:"course,omitempty" doc:"Course that owns it; absent for the whole tenant."`
	After  string `json:"after,omitempty" doc:"ID of the last line that is known."`
	Level  string `json:"level,omitempty" doc:"Only those that matter as much, or more." enum:"debug,info,warn,error"`
	Hook   string `json:"hook,omitempty" doc:"Only those of this export."`
	Trace  string `json:"trace,omitempty" doc:"Only those of this request."`
	Limit  int    `json:"limit,omitempty" doc:"How many at most: 100 if absent, at most 1,000."`
}

// LogLines is the newest part of an extension's log, oldest first.
type LogLines struct {
	Items []LogLine `json:"items" doc:"The lines, oldest first."`
}

// Logs returns the newest lines of an extension's log.
func (r *Registry) Logs(ctx context.Context, q LogQuery) (LogLines, error) {
	target, err := r.ownedBy(ctx, q.ID, Scope{Course: q.Course})
	if err != nil {
		return LogLines{}, err
	}
	if q.Limit == 0 {
		q.Limit = 100
	}
	if q.Limit < 0 || q.Limit > keptLogLines {
		return LogLines{}, trellis.Errorf(trellis.Invalid, "the limit lies between 1 and %d", keptLogLines)
	}
	args := []any{target.tenant, target.id, q.After}
	where := ""
	if q.Level != "" {
		names := levelsFrom(q.Level)
		if len(names) == 0 {
			return LogLines{}, trellis.Errorf(trellis.Invalid, "the level is debug, info, warn or error")
		}
		where += " AND level IN (?" + strings.Repeat(", ?", len(names)-1) + ")"
		args = append(args, names...)
	}
	for _, f := range []struct{ column, value string }{{"hook", q.Hook}, {"trace", q.Trace}} {
		if f.value != "" {
			where += " AND " + f.column + " = ?"
			args = append(args, f.value)
		}
	}
	r.logs.flush(ctx)
	out := LogLines{Items: []LogLine{}}
	err = r.db.Read(ctx, func(tx *store.Tx) error {
		rows, err := tx.Query(ctx, `SELECT id, time, level, hook, message, trace, frames FROM
			(SELECT * FROM extension_logs WHERE tenant = ? AND installation = ? AND id > ?`+where+` ORDER BY id DESC LIMIT ?) AS newest ORDER BY id`,
			append(args, q.Limit)...)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var l LogLine
			var at int64
			var frames string
			if err := rows.Scan(&l.ID, &at, &l.Level, &l.Hook, &l.Message, &l.Trace, &frames); err != nil {
				return err
			}
			l.Time, l.Frames = store.FromMicros(at), decodeFrames(frames)
			out.Items = append(out.Items, l)
		}
		return rows.Err()
	})
	return out, err
}

// encodeFrames returns frames as they are stored.
func encodeFrames(frames []symbol.Frame) string {
	if len(frames) == 0 {
		return ""
	}
	raw, err := json.Marshal(frames)
	if err != nil {
		return ""
	}
	return string(raw)
}

// decodeFrames returns what encodeFrames has stored.
func decodeFrames(stored string) (frames []symbol.Frame) {
	if json.Unmarshal([]byte(stored), &frames) != nil {
		return nil
	}
	return frames
}

// framesOf returns where in its source an extension crashed, if that is the error.
func framesOf(err error) []symbol.Frame {
	if trap := (*runtime.Trap)(nil); errors.As(err, &trap) {
		return trap.Frames
	}
	return nil
}

// levelsFrom returns the names of a level and of those that matter more.
func levelsFrom(least string) (names []any) {
	for n := levelDebug; n <= levelError; n++ {
		if levelName(n) == least || names != nil {
			names = append(names, levelName(n))
		}
	}
	return names
}
