package runtime

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/tetratelabs/wazero"
	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/runtime/instrument"
)

// Compile checks, rewrites and compiles a module, starts one instance and keeps
// an image of it. A module that was compiled before, under the same limit of
// memory, comes from the cache with its image: then no child is started and
// nothing of it runs, until the first call makes an instance. A module that is
// wrong, does not keep to its calling convention, cannot be compiled within the
// compiler's own limits, or fails while it starts, is an error of kind Invalid.
func (r *Runtime) Compile(ctx context.Context, binary []byte, l Limits) (*Module, error) {
	digest := sha256.Sum256(binary)
	return r.Load(ctx, Source{ID: hex.EncodeToString(digest[:]), Read: func(context.Context) ([]byte, error) { return binary, nil }}, l)
}

// Source is a module that is read only if it has to be compiled.
type Source struct {
	// ID stands for the module in the cache: what has the same ID is the same
	// module. A digest of what it is read from will do.
	ID string
	// Class and Key are on whose behalf it is compiled, as of [Call.Class]: a key has
	// one module compiled at a time, keys take turns within their class, and so do
	// classes, which leave room to others. Both empty: nobody's, which only waits
	// while all are busy.
	Class, Key string
	// Read returns the module. Its errors come back wrapped.
	Read func(ctx context.Context) ([]byte, error)
}

// Load is [Runtime.Compile] for a module that need not be read where it comes from
// the cache. An error of kind Exhausted says that too many modules of the key or the
// class wait to be compiled.
func (r *Runtime) Load(ctx context.Context, s Source, l Limits) (*Module, error) {
	l, err := l.withDefaults()
	if err != nil {
		return nil, err
	}
	if l.Fuel == 0 {
		l.Fuel = r.fuelFor(usualStretch)
	}
	l.Fuel = min(l.Fuel, maxFuel)
	if err := r.begin(); err != nil {
		return nil, err
	}
	defer r.end()
	rewriting := l.instrument()
	rewriting.Yield = r.yields(l)
	key := r.cache.key(s.ID, rewriting)
	c, err := r.compiled(ctx, key, s, rewriting)
	if err != nil {
		return nil, fmt.Errorf("compile module: %w", err)
	}
	m, err := newModule(r, c.module, c.info, l)
	if err == nil {
		m.code, m.cached, m.debug = c.size, c.cached, c.debug
	}
	if err == nil {
		err = m.ready(ctx, key)
	}
	if err != nil {
		_ = c.module.Close(ctx)
		return nil, fmt.Errorf("start module: %w", err)
	}
	r.add(m)
	return m, nil
}

// ready gives the module an image, if it can have one: from the cache, or by
// starting it.
func (m *Module) ready(ctx context.Context, key string) error {
	if m.restore(key) {
		return nil
	}
	m.cached = false
	if err := m.prime(ctx); err != nil {
		return err
	}
	m.save(key)
	return nil
}

// code is a compiled module, ready to be instantiated.
type code struct {
	module wazero.CompiledModule
	info   instrument.Info
	size   int64 // bytes of machine code, as far as known
	cached bool
	debug  debugSource
}

// compiled returns a module ready to be instantiated, from the cache or anew.
func (r *Runtime) compiled(ctx context.Context, key string, s Source, l instrument.Limits) (code, error) {
	if key == "" {
		return r.compileHere(ctx, s, l)
	}
	if c, err := r.load(ctx, key); err == nil {
		c.cached = true
		return c, nil
	}
	var c code
	err := r.builds.do(ctx, place{s.Class, s.Key}, key, func() (err error) {
		// Another process, or a call that has just ended, may have compiled it.
		if c, err = r.load(ctx, key); err == nil {
			return nil
		}
		binary, err := s.Read(ctx)
		if err != nil {
			return err
		}
		return r.build(ctx, key, binary, l)
	})
	if err == nil && c.module == nil {
		c, err = r.load(ctx, key)
	}
	return c, err
}

// compileHere rewrites and compiles without a cache on disk.
func (r *Runtime) compileHere(ctx context.Context, s Source, l instrument.Limits) (code, error) {
	binary, err := s.Read(ctx)
	if err != nil {
		return code{}, err
	}
	out, info, err := rewrite(binary, r.cfg.Accept.over(l))
	if err != nil {
		return code{}, err
	}
	c, err := r.wasm.CompileModule(ctx, out)
	if err != nil {
		return code{}, notCompiled(ctx, err)
	}
	debug, err := encodeDebug(binary, l)
	return code{module: c, info: info, size: codePerByte * int64(len(out)), debug: debugSource{memory: debug}}, err
}

// codePerByte is about how much machine code there is for each byte of a module.
const codePerByte = 4

// rewrite is [instrument.Rewrite] and the checks of the calling convention, which
// come before a byte is compiled.
func rewrite(binary []byte, l instrument.Limits) ([]byte, instrument.Info, error) {
	out, info, err := instrument.Rewrite(binary, l)
	if err != nil {
		return nil, info, err
	}
	_, err = recognise(info)
	return out, info, err
}

// notCompiled is what wazero's refusal of a module means: the module is wrong,
// unless it was given no time.
func notCompiled(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return trellis.Errorf(trellis.Invalid, "%s", clean(err.Error(), maxMessage))
}

// build puts a module into the cache, by the child if there is one.
func (r *Runtime) build(ctx context.Context, key string, binary []byte, l instrument.Limits) error {
	work, err := r.cache.workspace()
	if err != nil {
		return err
	}
	defer r.cache.sweep()
	defer work.remove()
	l = r.cfg.Accept.over(l) // they leave no mark on what comes of it, so the key is without them
	if len(r.cfg.Compiler) == 0 {
		_, err := work.build(ctx, key, binary, l)
		return err
	}
	return r.buildInChild(ctx, work, key, binary, l)
}

// key names what the compiled module depends on: which module, the limits that are
// compiled into it, the rewriter, and wazero with the abilities of this machine. It
// is empty without a cache.
func (c *cache) key(id string, l instrument.Limits) string {
	if c.dir == "" {
		return ""
	}
	limits, _ := json.Marshal(l) // a struct of integers cannot fail
	h := sha256.New()
	fmt.Fprintf(h, "trellis module %d\n%d\n%s\n%s\n%s\n", cacheFormat, instrument.Version, c.machine, limits, id)
	return hex.EncodeToString(h.Sum(nil))
}
