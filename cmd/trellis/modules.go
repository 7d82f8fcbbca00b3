package main

import (
	"errors"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/runtime"
)

// modulesConfig is the part [modules] of the configuration: how large the modules of
// extensions may be, how long they may work where nobody waits, and how many of them
// are held, with how much memory.
type modulesConfig struct {
	Size        string `toml:"size"`           // of a module: 16MiB if empty
	Locals      int    `toml:"locals"`         // of a function: 5000 if 0
	Body        string `toml:"body"`           // of a function: 1MiB if empty
	Nesting     int    `toml:"nesting"`        // of blocks: 2000 if 0
	BranchTable int    `toml:"branch_table"`   // targets of one: 4096 if 0
	Functions   int    `toml:"functions"`      // 50000 if 0
	Table       int    `toml:"table"`          // elements of one: 65536 if 0
	Segments    int    `toml:"segments"`       // of data and elements: 10000 if 0
	Memory      string `toml:"compile_memory"` // of the process that compiles one, at most: 768MiB if empty
	Time        string `toml:"compile_time"`   // of the processor, for that: 60s if empty
	Work        string `toml:"work"`           // what limits.work of a manifest may say at most: 1m if empty
	Call        string `toml:"time"`           // what a call may take whose manifest says nothing of it: 250ms if empty
	Loaded      string `toml:"loaded"`         // machine code and images held at a time: 512MiB if empty
	Instances   string `toml:"instances"`      // memory of all instances, above which idle ones go: 1GiB if empty
	Cache       string `toml:"cache"`          // machine code and images on disk: 4GiB if empty
}

// moduleKeys names the keys for people.
const moduleKeys = "modules.size, modules.locals, modules.body, modules.nesting, modules.branch_table, modules.functions, modules.table, modules.segments, modules.compile_memory, modules.compile_time, modules.work, modules.time, modules.loaded, modules.instances, modules.cache"

// settings returns where the values of the keys stand, by their names in the
// environment.
func (m *modulesConfig) settings() map[string]any {
	return map[string]any{
		"MODULES_SIZE": &m.Size, "MODULES_LOCALS": &m.Locals, "MODULES_BODY": &m.Body, "MODULES_NESTING": &m.Nesting, "MODULES_BRANCH_TABLE": &m.BranchTable,
		"MODULES_FUNCTIONS": &m.Functions, "MODULES_TABLE": &m.Table, "MODULES_SEGMENTS": &m.Segments, "MODULES_COMPILE_MEMORY": &m.Memory, "MODULES_COMPILE_TIME": &m.Time, "MODULES_WORK": &m.Work, "MODULES_TIME": &m.Call, "MODULES_LOADED": &m.Loaded,
		"MODULES_INSTANCES": &m.Instances, "MODULES_CACHE": &m.Cache,
	}
}

// parse returns the values as the platform takes them.
func (m modulesConfig) parse() (runtime.Accept, extensions.Modules, error) {
	a := runtime.Accept{Locals: m.Locals, Nesting: m.Nesting, BranchTable: m.BranchTable, Functions: m.Functions, Table: m.Table, Segments: m.Segments}
	how := extensions.Modules{Raise: raise}
	size, err := sizeOf("modules.size", m.Size)
	a.Module = int(size)
	body, e := sizeOf("modules.body", m.Body)
	err, a.Body = errors.Join(err, e), int(body)
	how.Loaded, e = sizeOf("modules.loaded", m.Loaded)
	err = errors.Join(err, e)
	if m.Work != "" {
		if how.Work, e = time.ParseDuration(m.Work); e != nil || how.Work < 250*time.Millisecond {
			err = errors.Join(err, trellis.Errorf(trellis.Invalid, "modules.work: %q is not a duration of 250ms or more, such as 1m", m.Work))
		}
	}
	if m.Call != "" {
		if how.Time, e = time.ParseDuration(m.Call); e != nil || how.Time < time.Millisecond || how.Time > mostCalling {
			err = errors.Join(err, trellis.Errorf(trellis.Invalid, "modules.time: %q is not a duration from 1ms to %v, such as 500ms", m.Call, mostCalling))
		}
	}
	if err != nil {
		return a, how, trellis.Errorf(trellis.Invalid, "%w", err)
	}
	if err := a.Check(); err != nil {
		return a, how, trellis.Errorf(trellis.Invalid, "modules: %w", err)
	}
	return a, how, nil
}

// compiler returns the command that compiles modules, with its limits.
func (m modulesConfig) compiler() ([]string, error) {
	argv := compiler()
	memory, err := sizeOf("modules.compile_memory", m.Memory)
	if err != nil {
		return nil, err
	}
	if memory > 0 {
		argv = append(argv, "-memory", strconv.FormatInt(memory, 10))
	}
	if m.Time != "" {
		d, err := time.ParseDuration(m.Time)
		if err != nil || d < time.Second || d > mostCompiling {
			return nil, trellis.Errorf(trellis.Invalid, "modules.compile_time: %q is not a duration from 1s to %v", m.Time, mostCompiling)
		}
		argv = append(argv, "-cpu", strconv.Itoa(int(d/time.Second)))
	}
	return argv, nil
}

// instances returns what the instances of all modules may take, 0 for what is usual.
func (m modulesConfig) instances() (int, error) {
	n, err := sizeOf("modules.instances", m.Instances)
	return int(n), err
}

// cache returns what the cache of compiled modules may take, 0 for what is usual.
func (m modulesConfig) cache() (int64, error) { return sizeOf("modules.cache", m.Cache) }

// mostCompiling is how much time an operator may give to a module.
const mostCompiling = 5 * time.Minute

// mostCalling is what an operator may let calls take whose manifests ask for nothing.
const mostCalling = 10 * time.Second

// modulesHere returns the part of the configuration that the environment says, for
// commands that have no file of it.
func modulesHere() (modulesConfig, error) {
	var m modulesConfig
	return m, fromEnvironment(m.settings(), os.Getenv)
}

// into puts the values into the configuration of a platform.
func (m modulesConfig) into(cfg *app.Config) (err error) {
	if cfg.Compiler, err = m.compiler(); err != nil {
		return err
	}
	if cfg.Memory, err = m.instances(); err != nil {
		return err
	}
	if cfg.CacheSize, err = m.cache(); err != nil {
		return err
	}
	cfg.Accept, cfg.Modules, err = m.parse()
	return err
}

// sizeOf reads a number of bytes such as 16MiB.
func sizeOf(key, text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	for unit, bytes := range map[string]int64{"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30} {
		if number, ok := strings.CutSuffix(text, unit); ok {
			if n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 64); err == nil && n > 0 && n <= math.MaxInt32 {
				return n * bytes, nil
			}
		}
	}
	return 0, trellis.Errorf(trellis.Invalid, "%s: %q is not a size such as 16MiB", key, text)
}

// raise says how a limit of modules is raised, by its name in [runtime.LimitError].
func raise(limit string) string {
	switch limit {
	case "memory":
		return "the manifest asks for more with limits.memory, up to 64MiB"
	}
	return "an operator raises it with modules." + keyOf(limit) + " in trellis.toml"
}

// raiseDemo says how a limit of modules is raised in a demo, which has no file.
func raiseDemo(limit string) string {
	if limit == "memory" {
		return raise(limit)
	}
	return "whoever runs this demo raises it with TRELLIS_MODULES_" + strings.ToUpper(keyOf(limit)) + " in its environment, when it starts"
}

// keyOf returns the key of a limit of modules, after "modules.".
func keyOf(limit string) string {
	if limit == "module" {
		return "size"
	}
	return strings.ReplaceAll(limit, " ", "_")
}
