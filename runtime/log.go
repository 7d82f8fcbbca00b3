package runtime

import (
	"bytes"
)

// The levels of a guest's log.
const (
	logDebug = iota
	logInfo
	logWarn
	logError
)

// maxLines is how many lines one call may log, however short: whoever receives
// them has work with each.
const maxLines = 500

const logCut = "[the rest of the log is left out: it is longer than allowed]"

// logLine passes one message on, within the call's limit.
func (f *frame) logLine(level int, text []byte) {
	if f.logFull {
		return
	}
	full := len(text) > f.logLeft
	if full {
		text = text[:f.logLeft]
	}
	if f.logged++; f.logged > maxLines {
		full, text = true, nil
	}
	f.logLeft -= len(text)
	line := clean(string(text), f.inst.m.limits.Log)
	if line != "" {
		if f.emit != nil {
			f.emit(level, line)
		}
		if isObituary(f.last) {
			f.panicked.line(line)
		} else {
			f.last = line
		}
	}
	if full {
		f.logFull = true
		if f.emit != nil {
			f.emit(logWarn, logCut)
		}
	}
}

// print takes what the guest writes to standard output (0) or error (1) and
// passes it on line by line. Each line is charged, because empty ones take nothing
// of the log's limit.
func (f *frame) print(stream int, text []byte) {
	level := logInfo + stream
	buf := &f.lines[stream]
	for !f.logFull {
		f.charge(perLine)
		line, rest, ended := bytes.Cut(text, []byte{'\n'})
		if room := f.logLeft + 1 - buf.Len(); len(line) > room {
			line, ended, rest = line[:max(room, 0)], true, nil // enough to fill the log
		}
		buf.Write(line)
		if !ended {
			return
		}
		if buf.Len() > 0 {
			f.logLine(level, buf.Bytes())
			buf.Reset()
		}
		if text = rest; len(text) == 0 {
			return
		}
	}
}

// flush passes on what was printed without an end of line.
func (f *frame) flush() {
	for stream := range f.lines {
		if buf := &f.lines[stream]; buf.Len() > 0 {
			f.logLine(logInfo+stream, buf.Bytes())
			buf.Reset()
		}
	}
}
