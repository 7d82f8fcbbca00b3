package runtime

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/trellis-learning/trellis"
)

// extismFunctions returns the imports of extism:host/env. Where Extism's hosts
// differ, they do what its Go host does.
func extismFunctions() []hostFunction {
	const m = extismModule
	return []hostFunction{
		{m, "alloc", "I", "I", cheap, extismAlloc},
		{m, "free", "I", "", cheap, extismFree},
		{m, "length", "I", "I", cheap, extismLength},
		{m, "length_unsafe", "I", "I", 0, func(f *frame, stack []uint64) { stack[0] = f.word().lengthUnsafe(stack[0]) }},
		{m, "load_u8", "I", "i", 0, func(f *frame, stack []uint64) { stack[0] = uint64(f.word().load8(stack[0])) }},
		{m, "load_u64", "I", "I", 0, extismLoad64},
		{m, "store_u8", "Ii", "", 0, extismStore8},
		{m, "store_u64", "II", "", 0, extismStore64},
		{m, "input_offset", "", "I", 0, func(f *frame, stack []uint64) { stack[0] = f.word().input }},
		{m, "input_length", "", "I", 0, func(f *frame, stack []uint64) { stack[0] = f.word().inputLength }},
		{m, "input_load_u8", "I", "i", 0, extismInputLoad8},
		{m, "input_load_u64", "I", "I", 0, extismInputLoad64},
		{m, "input_set", "II", "", cheap, extismInputSet},
		{m, "output_set", "II", "", cheap, extismOutputSet},
		{m, "output_offset", "", "I", cheap, func(f *frame, stack []uint64) { stack[0] = f.kernel().output }},
		{m, "output_length", "", "I", cheap, func(f *frame, stack []uint64) { stack[0] = f.kernel().outputLength }},
		{m, "error_set", "I", "", cheap, extismErrorSet},
		{m, "error_get", "", "I", cheap, func(f *frame, stack []uint64) { stack[0] = f.kernel().failure }},
		{m, "reset", "", "", dear, extismReset},
		{m, "memory_bytes", "", "I", cheap, func(f *frame, stack []uint64) { stack[0] = f.kernel().length }},
		{m, "config_get", "I", "I", dear, extismConfigGet},
		{m, "var_get", "I", "I", dear, extismVarGet},
		{m, "var_set", "II", "", dear, extismVarSet},
		{m, "http_request", "II", "I", dearest, extismHTTPRequest},
		{m, "http_status_code", "", "i", cheap, func(f *frame, stack []uint64) { stack[0] = uint64(f.extism().status) }},
		{m, "http_headers", "", "I", dear, func(f *frame, stack []uint64) { stack[0] = f.leave(f.extism().headers) }},
		{m, "log_trace", "I", "", cheap, extismFree}, // below what is logged
		{m, "log_debug", "I", "", dear, extismLog(logDebug)},
		{m, "log_info", "I", "", dear, extismLog(logInfo)},
		{m, "log_warn", "I", "", dear, extismLog(logWarn)},
		{m, "log_error", "I", "", dear, extismLog(logError)},
		{m, "get_log_level", "", "i", cheap, func(_ *frame, stack []uint64) { stack[0] = extismDebug }},
	}
}

// extismUserFunctions returns the imports of extism:host/user: by them Extism
// guests reach the host operations.
func extismUserFunctions() []hostFunction {
	return []hostFunction{
		{extismUserModule, "trellis_call", "II", "I", dearest, extismCall},
		{extismUserModule, "trellis_error", "", "i", cheap, func(f *frame, stack []uint64) { stack[0] = uint64(f.extism().kind) }},
	}
}

const (
	extismDebug = 1  // of Extism's levels: 0 trace to 4 error
	perStep     = 4  // units for a block that is looked at
	perNewByte  = 1  // units for a byte of memory that the system has to find
	perJSON     = 10 // units for a byte of JSON that the host reads or writes

	// What takes a word or less costs this much, and is paid for by hundreds:
	// guests take their input and write their answer by thousands of these.
	perWord     = crossing + 40
	wordsAtOnce = 256
)

// extism returns the guest, which is one of Extism: no other may import what uses this.
func (f *frame) extism() *extismGuest { return f.inst.guest.(*extismGuest) }
func (f *frame) kernel() *kernel      { return &f.inst.guest.(*extismGuest).kernel }

// word is kernel for what takes a word or less.
func (f *frame) word() *kernel {
	g := f.inst.guest.(*extismGuest)
	if g.words++; g.words == wordsAtOnce {
		g.words = 0
		f.charge(wordsAtOnce * perWord)
	}
	return &g.kernel
}

// settle charges, at the end of a call, for the words that are not paid for yet.
func (g *extismGuest) settle(f *frame) {
	f.inst.fuel.Set(f.inst.fuel.Get() - g.words*perWord)
	g.words = 0
}

// block returns the bytes of the guest's block at offset, none if there is no
// such block. They are valid until something is allocated.
func (f *frame) block(what string, offset uint64) []byte {
	k := f.kernel()
	_, used, steps, ok := k.find(offset, f.walk())
	f.charge(uint64(steps) * perStep)
	if !ok {
		return nil
	}
	f.charge(used / perUnit)
	b, ok := k.view(offset, used)
	if !ok {
		f.stop(fmt.Errorf("%w: %s at %d, %d bytes long, is outside of the memory", ErrTrap, what, offset, used))
	}
	return b
}

// leave puts bytes into a new block for the guest and returns its offset: 0 for none.
func (f *frame) leave(b []byte) uint64 {
	f.charge(uint64(len(b) / perUnit))
	offset, ok := f.kernel().put(b)
	if !ok {
		f.stop(fmt.Errorf("%w: no room for %d bytes from the host beside the %d KiB of blocks in use", ErrMemory, len(b), f.kernel().position>>10))
	}
	return offset
}

// walk is how many blocks may be looked at before the guest's fuel is spent.
func (f *frame) walk() int { return int(max(f.left(), 0)/perStep) + 1 }

func extismAlloc(f *frame, stack []uint64) {
	offset, steps := f.kernel().alloc(stack[0], f.walk())
	f.charge(uint64(steps) * perStep)
	stack[0] = offset
}

func extismFree(f *frame, stack []uint64) {
	f.charge(uint64(f.kernel().free(stack[0], f.walk())) * perStep)
}

func extismLength(f *frame, stack []uint64) {
	_, used, steps, ok := f.kernel().find(stack[0], f.walk())
	f.charge(uint64(steps) * perStep)
	if !ok {
		used = 0
	}
	stack[0] = used
}

func extismLoad64(f *frame, stack []uint64) {
	v, ok := f.word().load64(stack[0])
	if !ok {
		f.stop(fmt.Errorf("%w: load_u64: offset %d is outside of the memory", ErrTrap, stack[0]))
	}
	stack[0] = v
}

func extismStore8(f *frame, stack []uint64) {
	f.word().store8(stack[0], byte(stack[1]))
}

func extismStore64(f *frame, stack []uint64) {
	if !f.word().store64(stack[0], stack[1]) {
		f.stop(fmt.Errorf("%w: store_u64: offset %d is outside of the memory", ErrTrap, stack[0]))
	}
}

func extismInputLoad8(f *frame, stack []uint64) {
	k := f.word()
	if stack[0] >= k.inputLength {
		stack[0] = 0
		return
	}
	stack[0] = uint64(k.load8(k.input + stack[0]))
}

func extismInputLoad64(f *frame, stack []uint64) {
	stack[0] += f.kernel().input
	extismLoad64(f, stack)
}

func extismInputSet(f *frame, stack []uint64) {
	if k := f.kernel(); k.holds(stack[0], stack[1]) {
		k.input, k.inputLength = stack[0], stack[1]
	}
}

func extismOutputSet(f *frame, stack []uint64) {
	if k := f.kernel(); k.holds(stack[0], stack[1]) {
		k.output, k.outputLength = stack[0], stack[1]
	}
}

// holds reports whether offset and the last of n bytes may be in blocks.
func (k *kernel) holds(offset, n uint64) bool {
	in := func(p uint64) bool { return p >= kernelFirst && p < kernelFirst+k.length }
	return in(offset) && in(offset+n-1)
}

func extismErrorSet(f *frame, stack []uint64) {
	if k := f.kernel(); stack[0] == 0 || k.holds(stack[0], 1) {
		k.failure = stack[0]
	}
}

func extismReset(f *frame, _ []uint64) {
	k := f.kernel()
	f.charge(k.dirty / perUnit)
	k.reset()
}

func extismLog(level int) func(*frame, []uint64) {
	return func(f *frame, stack []uint64) {
		f.logLine(level, f.block("log: the line", stack[0]))
		extismFree(f, stack)
	}
}

// extismConfigGet answers from the settings, which are asked for once in a call.
func extismConfigGet(f *frame, stack []uint64) {
	g := f.extism()
	key := f.block("config_get: the name", stack[0])
	if g.config == nil {
		g.config = f.settings()
	}
	stack[0] = f.leave([]byte(g.config[string(key)]))
}

// settings asks the host for the settings, as text: those that are text are as
// they are, others are JSON. Without a host, and while the guest only starts,
// there are none; but a host that cannot say ends the call, so that nobody takes
// absent settings for empty ones.
func (f *frame) settings() map[string]string {
	config := map[string]string{}
	if f.starting || f.inst.m.rt.cfg.Host == nil {
		return config
	}
	out, err := f.ask("config.get", nil)
	var raw map[string]json.RawMessage
	if err == nil && len(out) > 0 {
		err = json.Unmarshal(out, &raw)
	}
	if err != nil {
		f.stop(fmt.Errorf("config_get: %w", err))
	}
	for key, value := range raw {
		var text string
		switch {
		case json.Unmarshal(value, &text) == nil && value[0] == '"':
			config[key] = text
		case string(value) != "null":
			config[key] = string(value)
		}
	}
	return config
}

func extismVarGet(f *frame, stack []uint64) {
	g := f.extism()
	value := g.vars.values[string(f.block("var_get: the name", stack[0]))]
	extismFree(f, stack)
	stack[0] = f.leave(value)
}

func extismVarSet(f *frame, stack []uint64) {
	g := f.extism()
	name := string(f.block("var_set: the name", stack[0]))
	value := f.block("var_set: the value", stack[1])
	if f.starting {
		f.stop(fmt.Errorf("%w: var_set: variables cannot be set while the guest is only starting", ErrTrap))
	}
	switch {
	case stack[1] == 0:
		g.vars.remove(name)
	case !g.vars.set(name, value):
		f.stop(fmt.Errorf("%w: var_set: the variables would take more than the %d bytes allowed", ErrTrap, maxVariables))
	}
	extismFree(f, stack[:1])
	extismFree(f, stack[1:])
}

// httpRequest is what guests send, and httpFetch what becomes of it: the input of
// the operation http.fetch.
type httpRequest struct {
	URL     string
	Method  string
	Headers map[string]string
}

// A body is text where it is UTF-8, and else bytes, in base64.
type httpFetch struct {
	Method  string            `json:"method"`
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers,omitempty"`
	Text    string            `json:"body,omitempty"`
	Bytes   []byte            `json:"body_base64,omitempty"`
}

type httpFetched struct {
	Status  int               `json:"status"`
	Headers map[string]string `json:"headers"`
	Text    string            `json:"body"`
	Bytes   []byte            `json:"body_base64"`
}

func extismHTTPRequest(f *frame, stack []uint64) {
	g := f.extism()
	g.status, g.headers = 0, nil
	var in httpRequest
	request := f.block("http_request: the request", stack[0])
	f.charge(uint64(len(request)) * perJSON)
	if err := json.Unmarshal(request, &in); err != nil {
		f.stop(fmt.Errorf("%w: http_request: the request is not {url, method, headers}: %s", ErrTrap, clean(err.Error(), 200)))
	}
	if in.Method == "" {
		in.Method = "GET"
	}
	body := f.block("http_request: the body", stack[1])
	f.charge(uint64(len(body)) * perJSON)
	ask := httpFetch{Method: strings.ToUpper(in.Method), URL: in.URL, Headers: in.Headers}
	if utf8.Valid(body) {
		ask.Text = string(body)
	} else {
		ask.Bytes = body
	}
	raw, err := json.Marshal(ask)
	extismFree(f, stack[:1]) // the body is no longer looked at
	extismFree(f, stack[1:])
	if err != nil {
		f.stop(fmt.Errorf("http_request: %w", err))
	}
	out, err := f.ask("http.fetch", raw)
	f.charge(uint64(len(out)) * perJSON)
	var answer httpFetched
	if err == nil {
		err = json.Unmarshal(out, &answer)
	}
	if err != nil {
		f.stop(refusedRequest(in.URL, err))
	}
	headers := make(map[string]string, len(answer.Headers))
	for name, value := range answer.Headers {
		headers[strings.ToLower(name)] = value
	}
	g.status = min(max(answer.Status, 0), math.MaxInt32)
	g.headers, _ = json.Marshal(headers) // strings cannot fail
	if answer.Bytes == nil {
		answer.Bytes = []byte(answer.Text)
	}
	stack[0] = f.leave(answer.Bytes)
}

// refusedRequest is how a request ends that was refused or came to nothing: an
// Extism guest has no way to go on.
func refusedRequest(url string, err error) error {
	p := problemOf(err)
	if p.Kind == trellis.Denied {
		return fmt.Errorf("%w: HTTP request to '%s' is not allowed: %s", ErrTrap, clean(url, 200), p.Message)
	}
	return fmt.Errorf("%w: HTTP request to '%s': %s", ErrTrap, clean(url, 200), p.Message)
}

// extismCall runs a host operation. Its answer is a block, of {kind, message} if
// trellis_error then says so.
func extismCall(f *frame, stack []uint64) {
	name := f.block("trellis_call: the operation's name", stack[0])
	if len(name) > maxName {
		f.stop(fmt.Errorf("%w: trellis_call: the operation's name has %d bytes, of %d allowed", ErrTrap, len(name), maxName))
	}
	operation := string(name)
	out, err := f.ask(operation, append([]byte{}, f.block("trellis_call: the input", stack[1])...))
	kind := 0
	if err != nil {
		kind, out = encodeProblem(err)
	}
	f.extism().kind = kind
	stack[0] = f.leave(out)
}
