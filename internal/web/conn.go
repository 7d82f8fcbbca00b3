package web

import (
	"bytes"
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// listener gives out connections that it keeps count of, so that none is open
// when the server has stopped.
type listener struct {
	net.Listener
	writeTimeout time.Duration

	mu     sync.Mutex
	conns  map[*conn]struct{}
	closed bool
	none   chan struct{} // closed when the listener is closed and no connection is left
}

func newListener(l net.Listener, writeTimeout time.Duration) *listener {
	return &listener{Listener: l, writeTimeout: writeTimeout, conns: map[*conn]struct{}{}, none: make(chan struct{})}
}

// Accept implements [net.Listener]. After Close its error is [io.EOF], which is
// how fasthttp wants to be told that this was meant.
func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		l.mu.Lock()
		switch {
		case err != nil && l.closed:
			l.mu.Unlock()
			return nil, io.EOF
		case err != nil:
			l.mu.Unlock()
			return nil, err
		case l.closed:
			l.mu.Unlock()
			_ = c.Close()
			continue
		}
		mine := &conn{Conn: c, of: l}
		l.conns[mine] = struct{}{}
		l.mu.Unlock()
		return mine, nil
	}
}

// Close implements [net.Listener]. Connections that rest between two requests
// are closed too.
func (l *listener) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	l.closed = true
	var idle []*conn
	for c := range l.conns {
		if !c.busy.Load() {
			idle = append(idle, c)
		}
	}
	if len(l.conns) == 0 {
		close(l.none)
	}
	l.mu.Unlock()
	for _, c := range idle {
		_ = c.Conn.SetReadDeadline(time.Now()) // wakes the one who reads, who then sees an end
	}
	return l.Listener.Close()
}

func (l *listener) isClosed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed
}

// wait returns when no connection is left, or after d.
func (l *listener) wait(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-l.none:
	case <-t.C:
	}
}

func (l *listener) closeAll() {
	l.mu.Lock()
	var all []*conn
	for c := range l.conns {
		all = append(all, c)
	}
	l.mu.Unlock()
	for _, c := range all {
		c.linger.Store(false)
		_ = c.Close()
	}
}

func (l *listener) gone(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.conns[c]; !ok {
		return
	}
	delete(l.conns, c)
	if l.closed && len(l.conns) == 0 {
		close(l.none)
	}
}

// conn is a connection. Each write has its deadline, so a client that reads
// nothing holds nothing for ever, while one that reads slowly may take as long
// as it likes.
type conn struct {
	net.Conn
	of     *listener
	busy   atomic.Bool // a request has begun to come in and is not answered yet
	ended  atomic.Bool // the client sends no more
	linger atomic.Bool // the client is still sending what nobody reads
	person atomic.Bool // the request that came last asks for HTML, however much of it can be read
}

// Read implements [net.Conn]. A connection that rests ends when the listener is
// closed.
func (c *conn) Read(p []byte) (int, error) {
	if !c.busy.Load() && c.of.isClosed() {
		return 0, io.EOF
	}
	n, err := c.Conn.Read(p)
	if err == io.EOF {
		c.ended.Store(true)
	}
	if n > 0 {
		if !c.busy.Swap(true) {
			c.person.Store(bytes.Contains(p[:n], []byte("text/html")))
		}
	} else if err != nil && !c.busy.Load() && c.of.isClosed() {
		return 0, io.EOF
	}
	return n, err
}

// writePart is how much has to go out within one deadline.
const writePart = 64 << 10

// Write implements [net.Conn].
func (c *conn) Write(p []byte) (n int, err error) {
	for {
		part := p[n:min(n+writePart, len(p))]
		if err := c.Conn.SetWriteDeadline(time.Now().Add(c.of.writeTimeout)); err != nil {
			return n, err
		}
		m, err := c.Conn.Write(part)
		n += m
		if err != nil || n == len(p) {
			return n, err
		}
	}
}

// How much of an unread body is taken in, and how long, before a connection is
// closed. Closing at once would reset it, and the client would lose the answer
// that says why.
const (
	lingerBytes = 16 << 20
	lingerTime  = time.Second
)

// Close implements [net.Conn].
func (c *conn) Close() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok && c.linger.CompareAndSwap(true, false) {
		if half.CloseWrite() == nil && c.SetReadDeadline(time.Now().Add(lingerTime)) == nil {
			_, _ = io.CopyN(io.Discard, c.Conn, lingerBytes)
		}
	}
	err := c.Conn.Close()
	c.of.gone(c)
	return err
}

// watch cancels when the client goes. It reads from the connection, so it is for
// the last answer on one: that of a stream.
func (c *conn) watch(cancel context.CancelFunc) {
	if c.SetReadDeadline(time.Time{}) != nil {
		cancel()
		return
	}
	go func() {
		defer cancel()
		var b [512]byte
		for {
			if _, err := c.Conn.Read(b[:]); err != nil { // what it sends now is no request that will be answered
				return
			}
		}
	}()
}
