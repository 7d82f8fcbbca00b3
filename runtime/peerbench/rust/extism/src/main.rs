//! The Rust crate extism does the job as often as it is told to, and times itself.
//!
//!     peer-extism INPUT MODULE
//!
//! A line "answer WAY" on standard input is answered by the answer, in
//! hexadecimal; "run WAY N" by the nanoseconds that doing it N times took; both by
//! "error TEXT" when something is wrong. "version" is answered by that of the crate.

use std::collections::HashMap;
use std::io::{BufRead, Write};
use std::time::{Duration, Instant};

use extism::{Error, Manifest, Plugin, PluginBuilder, Wasm};

/// The versions of extism and wasmtime that Cargo.toml asks for: the crates do not say.
const VERSION: &str = "1.30.0 (wasmtime 43.0.2)";

/// What a call may use: far more than it needs.
const FUEL: u64 = 1_000_000_000;
const TIMEOUT: Duration = Duration::from_secs(5);

fn main() -> Result<(), Error> {
    let args: Vec<String> = std::env::args().collect();
    let [_, input, module] = &args[..] else {
        return Err(Error::msg("usage: peer-extism INPUT MODULE"));
    };
    let (input, module) = (std::fs::read(input)?, std::fs::read(module)?);
    let mut ready = HashMap::new();
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        match answer(&mut ready, &module, &input, &line?) {
            Ok(text) => writeln!(out, "{text}")?,
            Err(e) => writeln!(out, "error {}", format!("{e:#}").replace('\n', " "))?,
        }
        out.flush()?;
    }
    Ok(())
}

fn answer(ready: &mut HashMap<String, Plugin>, module: &[u8], input: &[u8], line: &str) -> Result<String, Error> {
    let words: Vec<&str> = line.split_whitespace().collect();
    if words == ["version"] {
        return Ok(VERSION.to_string());
    }
    let name = *words.get(1).unwrap_or(&"");
    if !ready.contains_key(name) {
        ready.insert(name.to_string(), plugin(module, name)?);
    }
    let plugin = ready.get_mut(name).unwrap();
    match words[..] {
        ["answer", _] => Ok(plugin.call::<&[u8], &[u8]>("patch", input)?.iter().map(|b| format!("{b:02x}")).collect()),
        ["run", _, n] => {
            let n: u64 = n.parse()?;
            let mut out = Vec::new();
            let start = Instant::now();
            for _ in 0..n {
                out.clear();
                out.extend_from_slice(plugin.call::<&[u8], &[u8]>("patch", input)?);
            }
            Ok(start.elapsed().as_nanos().to_string())
        }
        _ => Err(Error::msg(format!("{line:?} is not understood"))),
    }
}

/// The plugin, limited as its way says.
fn plugin(module: &[u8], way: &str) -> Result<Plugin, Error> {
    let mut manifest = Manifest::new([Wasm::data(module)]);
    let mut fuel = None;
    match way {
        "c-reused" => {}
        "c-reused-timeout" => manifest = manifest.with_timeout(TIMEOUT),
        "c-reused-fuel" => fuel = Some(FUEL),
        _ => return Err(Error::msg(format!("no such way: {way}"))),
    }
    let mut builder = PluginBuilder::new(manifest);
    if let Some(fuel) = fuel {
        builder = builder.with_fuel_limit(fuel);
    }
    builder.build()
}
