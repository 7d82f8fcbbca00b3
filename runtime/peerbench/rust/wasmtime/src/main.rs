//! wasmtime does the job as often as it is told to, and times itself.
//!
//!     peer-wasmtime INPUT C-MODULE GO-MODULE
//!
//! A line "answer WAY" on standard input is answered by the answer, in
//! hexadecimal; "run WAY N" by the nanoseconds that doing it N times took; both by
//! "error TEXT" when something is wrong. "version" is answered by that of the crate.

mod ways;

use std::io::{BufRead, Write};
use std::time::Instant;

use wasmtime::{Result, bail, format_err};

/// The version of wasmtime that Cargo.toml asks for: the crate does not say.
const VERSION: &str = "48.0.8";

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().collect();
    let [_, input, c, go] = &args[..] else {
        bail!("usage: peer-wasmtime INPUT C-MODULE GO-MODULE");
    };
    let input = std::fs::read(input)?;
    let mut ways = ways::Ways::new(std::fs::read(c)?, std::fs::read(go)?);
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        match answer(&mut ways, &input, &line?) {
            Ok(text) => writeln!(out, "{text}")?,
            Err(e) => writeln!(out, "error {}", format!("{e:#}").replace('\n', " "))?,
        }
        out.flush()?;
    }
    Ok(())
}

fn answer(ways: &mut ways::Ways, input: &[u8], line: &str) -> Result<String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words[..] {
        ["version"] => Ok(VERSION.to_string()),
        ["answer", way] => {
            let mut out = Vec::new();
            ways.get(way)?.call(input, &mut out)?;
            Ok(out.iter().map(|b| format!("{b:02x}")).collect())
        }
        ["run", way, n] => {
            let n: u64 = n.parse().map_err(|_| format_err!("{n:?} is no number"))?;
            let way = ways.get(way)?;
            let mut out = Vec::new();
            let start = Instant::now();
            for _ in 0..n {
                out.clear();
                way.call(input, &mut out)?;
            }
            Ok(start.elapsed().as_nanos().to_string())
        }
        _ => bail!("{line:?} is not understood"),
    }
}
