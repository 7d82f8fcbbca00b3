//! The ways in which the job is done.

use std::collections::HashMap;
use std::time::Duration;

use wasmtime::{
    Caller, Config, Enabled, Engine, Extern, ExternType, InstanceAllocationStrategy, InstancePre, Linker, Memory, Module,
    ModuleExport, PoolingAllocationConfig, Result, Store, TypedFunc, Val, bail, format_err,
};

/// What a call may use: far more than it needs.
const FUEL: u64 = 1_000_000_000;
const TICK: Duration = Duration::from_millis(10);
const TICKS: u64 = 500;

#[derive(Clone, Copy, PartialEq)]
enum Limit {
    Nothing,
    Fuel,
    Epoch,
}

pub struct Ways {
    c: Vec<u8>,
    go: Vec<u8>,
    ready: HashMap<String, Way>,
}

impl Ways {
    pub fn new(c: Vec<u8>, go: Vec<u8>) -> Self {
        Ways { c, go, ready: HashMap::new() }
    }

    /// The way of that name, made when it is first asked for.
    pub fn get(&mut self, name: &str) -> Result<&mut Way> {
        if !self.ready.contains_key(name) {
            let way = self.make(name)?;
            self.ready.insert(name.to_string(), way);
        }
        Ok(self.ready.get_mut(name).unwrap())
    }

    fn make(&self, name: &str) -> Result<Way> {
        let parts: Vec<&str> = name.split('-').collect();
        let module = match parts[0] {
            "c" => &self.c,
            "go" => &self.go,
            other => bail!("no such guest: {other}"),
        };
        let limit = match parts.get(2) {
            None => Limit::Nothing,
            Some(&"fuel") => Limit::Fuel,
            Some(&"epoch") => Limit::Epoch,
            Some(other) => bail!("no such limit: {other}"),
        };
        let (pooled, reused) = match parts.get(1) {
            Some(&"reused") => (false, true),
            Some(&"pooled") => (true, false),
            Some(&"fresh") => (false, false),
            _ => bail!("no such way: {name}"),
        };
        Way::new(module, limit, pooled, reused, parts[0] == "go")
    }
}

/// One way: a module, ready to be instantiated, and the instance that is used again,
/// if it is.
pub struct Way {
    engine: Engine,
    pre: InstancePre<()>,
    memory: ModuleExport,
    alloc: ModuleExport,
    hook: ModuleExport,
    start: Option<ModuleExport>,
    limit: Limit,
    reused: Option<(Store<()>, Guest)>,
}

/// A guest of trellis/1.
struct Guest {
    memory: Memory,
    alloc: TypedFunc<i32, i32>,
    hook: TypedFunc<(i32, i32), i64>,
}

impl Way {
    fn new(binary: &[u8], limit: Limit, pooled: bool, reused: bool, big: bool) -> Result<Self> {
        let mut config = Config::new();
        config.memory_init_cow(true);
        config.concurrency_support(false); // makes stores cheaper
        config.consume_fuel(limit == Limit::Fuel);
        config.epoch_interruption(limit == Limit::Epoch);
        if pooled {
            let mut pool = PoolingAllocationConfig::new();
            let resident = if big { 8 << 20 } else { 128 << 10 };
            pool.total_core_instances(16).total_memories(16).total_tables(16);
            pool.max_memory_size(64 << 20).table_elements(20_000);
            pool.linear_memory_keep_resident(resident).table_keep_resident(resident);
            pool.pagemap_scan(Enabled::Auto); // where the system has it: Linux 6.7
            config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
        }
        let engine = Engine::new(&config)?;
        let module = Module::new(&engine, binary)?;
        let export = |name: &str| module.get_export_index(name);
        let needed = |name: &str| export(name).ok_or_else(|| format_err!("the module exports no {name}"));
        let mut way = Way {
            memory: needed("memory")?,
            alloc: needed("trellis_alloc")?,
            hook: needed("patch")?,
            start: export("_initialize"),
            pre: linker(&engine, &module)?.instantiate_pre(&module)?,
            engine,
            limit,
            reused: None,
        };
        if limit == Limit::Epoch {
            let engine = way.engine.clone();
            std::thread::spawn(move || {
                loop {
                    std::thread::sleep(TICK);
                    engine.increment_epoch();
                }
            });
        }
        if reused {
            way.reused = Some(way.instantiate()?);
        }
        Ok(way)
    }

    fn instantiate(&self) -> Result<(Store<()>, Guest)> {
        let mut store = Store::new(&self.engine, ());
        self.allow(&mut store)?;
        let instance = self.pre.instantiate(&mut store)?;
        let mut function = |export: &ModuleExport| {
            let found = instance.get_module_export(&mut store, export).and_then(Extern::into_func);
            found.ok_or_else(|| format_err!("an export is no function"))
        };
        let start = self.start.as_ref().map(&mut function).transpose()?;
        let alloc = function(&self.alloc)?;
        let hook = function(&self.hook)?;
        let memory = instance.get_module_export(&mut store, &self.memory).and_then(Extern::into_memory);
        let guest = Guest {
            memory: memory.ok_or_else(|| format_err!("the memory is none"))?,
            alloc: alloc.typed(&store)?,
            hook: hook.typed(&store)?,
        };
        if let Some(start) = start {
            start.typed::<(), ()>(&store)?.call(&mut store, ())?;
        }
        Ok((store, guest))
    }

    /// Says anew what may be used from now on.
    fn allow(&self, store: &mut Store<()>) -> Result<()> {
        match self.limit {
            Limit::Nothing => {}
            Limit::Fuel => store.set_fuel(FUEL)?,
            Limit::Epoch => store.set_epoch_deadline(TICKS),
        }
        Ok(())
    }

    /// Does the job once and appends the answer to out.
    pub fn call(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<()> {
        if let Some((mut store, guest)) = self.reused.take() {
            let done = self.allow(&mut store).and_then(|()| guest.call(&mut store, input, out));
            self.reused = Some((store, guest));
            return done;
        }
        let (mut store, guest) = self.instantiate()?;
        guest.call(&mut store, input, out)
    }
}

impl Guest {
    fn call(&self, store: &mut Store<()>, input: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let at = self.alloc.call(&mut *store, input.len() as i32)?;
        self.memory.write(&mut *store, at as u32 as usize, input)?;
        let packed = self.hook.call(&mut *store, (at, input.len() as i32))? as u64;
        let (from, length) = ((packed >> 32) as usize, (packed & 0x7fff_ffff) as usize);
        let answer = self.memory.data(&*store).get(from..from + length);
        out.extend_from_slice(answer.ok_or_else(|| format_err!("the answer lies outside of the memory"))?);
        Ok(())
    }
}

/// What a Go guest imports of WASI: it gets the time, and is told that there is
/// nothing else.
fn linker(engine: &Engine, module: &Module) -> Result<Linker<()>> {
    const WASI: &str = "wasi_snapshot_preview1";
    const BAD_FILE: i32 = 8;
    let mut linker = Linker::new(engine);
    linker.allow_shadowing(true); // a module may import a function more than once
    linker.func_wrap(WASI, "clock_time_get", |mut caller: Caller<'_, ()>, _: i32, _: i64, at: i32| -> Result<i32> {
        let now = std::time::UNIX_EPOCH.elapsed()?.as_nanos() as u64;
        let Some(Extern::Memory(memory)) = caller.get_export("memory") else {
            bail!("the guest has no memory");
        };
        memory.write(&mut caller, at as u32 as usize, &now.to_le_bytes())?;
        Ok(0)
    })?;
    for import in module.imports() {
        let (name, ExternType::Func(kind)) = (import.name().to_string(), import.ty()) else {
            bail!("the guest imports more than functions");
        };
        if name == "clock_time_get" {
            continue;
        }
        let status = if name == "fd_prestat_get" { BAD_FILE } else { 0 };
        linker.func_new(import.module(), import.name(), kind, move |_, _, results| {
            results.fill(Val::I32(status)); // where there is a result, it is a status
            Ok(())
        })?;
    }
    Ok(linker)
}
