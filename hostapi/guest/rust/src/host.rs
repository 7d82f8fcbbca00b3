use std::fmt;

/// The kinds of error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The input is wrong.
    Invalid = 1,
    /// The permission is lacking, or it is not for a filter.
    Denied,
    /// Another extension said no.
    Refused,
    /// Not there, or outside of where the extension is enabled.
    NotFound,
    /// It has changed meanwhile: look again.
    Conflict,
    /// Too much, or too often: try later.
    Exhausted,
    /// Not now: try later.
    Unavailable,
    /// A fault, of the platform or of the extension.
    Internal,
}

const KINDS: [(Kind, &str); 8] = [
    (Kind::Invalid, "invalid"),
    (Kind::Denied, "denied"),
    (Kind::Refused, "refused"),
    (Kind::NotFound, "not_found"),
    (Kind::Conflict, "conflict"),
    (Kind::Exhausted, "exhausted"),
    (Kind::Unavailable, "unavailable"),
    (Kind::Internal, "internal"),
];

impl Kind {
    /// Returns its name, as messages have it.
    pub fn name(self) -> &'static str {
        KINDS[self as usize - 1].1
    }

    #[cfg_attr(not(target_arch = "wasm32"), allow(dead_code))]
    fn of(number: u32) -> Kind {
        KINDS.get((number as usize).wrapping_sub(1)).map_or(Kind::Internal, |k| k.0)
    }
}

/// An operation's error, or a hook's answer to the platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    pub kind: Kind,
    pub message: String,
}

impl Error {
    /// Returns an error of a kind.
    pub fn new(kind: Kind, message: impl Into<String>) -> Error {
        Error { kind, message: message.into() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.name())?;
        f.write_str(": ")?;
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

/// How much a line of the log matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

/// Runs an operation of the host API. Input and answer are JSON, as its documentation
/// says; see [`crate::json::object`] and [`crate::json::Document`].
pub fn call(operation: &str, input: &str) -> Result<String, Error> {
    platform::call(operation, input)
}

/// Writes to the extension's log, or to standard error in native tests.
pub fn log(level: Level, text: &str) {
    platform::log(level, text)
}

/// Returns the time, in nanoseconds since 1970.
pub fn now() -> i64 {
    platform::now()
}

/// Fills a buffer with random bytes, which differ from call to call. In native tests
/// they are only unlike each other.
pub fn random(to: &mut [u8]) {
    platform::random(to)
}

#[cfg(target_arch = "wasm32")]
mod platform {
    use super::{Error, Kind, Level};
    use crate::json::Document;
    use crate::parse::lossy;

    #[link(wasm_import_module = "trellis")]
    extern "C" {
        #[link_name = "call"]
        fn host_call(name: *const u8, name_len: usize, input: *const u8, len: usize) -> u64;
        #[link_name = "read"]
        fn host_read(to: *mut u8, capacity: usize, offset: usize) -> usize;
        #[link_name = "log"]
        fn host_log(level: u32, text: *const u8, len: usize);
        #[link_name = "now"]
        fn host_now() -> i64;
        #[link_name = "random"]
        fn host_random(to: *mut u8, len: usize);
    }

    pub fn call(operation: &str, input: &str) -> Result<String, Error> {
        // SAFETY: both texts outlast the call, which only reads them.
        let r = unsafe { host_call(operation.as_ptr(), operation.len(), input.as_ptr(), input.len()) };
        let mut answer = vec![0; r as u32 as usize];
        // SAFETY: the platform writes no more than the capacity.
        unsafe { host_read(answer.as_mut_ptr(), answer.len(), 0) };
        let kind = (r >> 32) as u32;
        if kind == 0 {
            return Ok(String::from_utf8(answer).unwrap_or_else(|e| lossy(e.as_bytes()).into_owned()));
        }
        let document = Document::parse(&answer);
        let message = document.as_ref().ok().and_then(|d| d.root().get("message").text());
        Err(Error::new(Kind::of(kind), message.map_or_else(|| lossy(&answer).into_owned(), String::from)))
    }

    pub fn log(level: Level, text: &str) {
        // SAFETY: the text outlasts the call, which only reads it.
        unsafe { host_log(level as u32, text.as_ptr(), text.len()) }
    }

    pub fn now() -> i64 {
        // SAFETY: it takes nothing.
        unsafe { host_now() }
    }

    pub fn random(to: &mut [u8]) {
        // SAFETY: the platform writes exactly as many bytes.
        unsafe { host_random(to.as_mut_ptr(), to.len()) }
    }
}

#[cfg(not(target_arch = "wasm32"))]
pub use platform::set_host;

#[cfg(not(target_arch = "wasm32"))]
mod platform {
    use super::{Error, Kind, Level};
    use std::cell::RefCell;
    use std::collections::hash_map::RandomState;
    use std::hash::{BuildHasher, Hasher};
    use std::time::{SystemTime, UNIX_EPOCH};

    type Host = Box<dyn FnMut(&str, &str) -> Result<String, Error>>;

    thread_local! {
        static HOST: RefCell<Option<Host>> = const { RefCell::new(None) };
    }

    /// Lets a function answer the operations, in native tests of this thread. Without one
    /// they answer Unavailable.
    pub fn set_host(host: impl FnMut(&str, &str) -> Result<String, Error> + 'static) {
        HOST.with(|h| *h.borrow_mut() = Some(Box::new(host)))
    }

    pub fn call(operation: &str, input: &str) -> Result<String, Error> {
        HOST.with(|h| match &mut *h.borrow_mut() {
            Some(host) => host(operation, input),
            None => Err(Error::new(Kind::Unavailable, "no platform is here: see set_host")),
        })
    }

    pub fn log(_: Level, text: &str) {
        eprintln!("{text}")
    }

    pub fn now() -> i64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos() as i64)
    }

    pub fn random(to: &mut [u8]) {
        for part in to.chunks_mut(8) {
            part.copy_from_slice(&RandomState::new().build_hasher().finish().to_le_bytes()[..part.len()])
        }
    }
}
