//! Extensions for Trellis in Rust, with the standard library and nothing else.
//!
//! An extension is a `cdylib`, built for `wasm32-unknown-unknown`, with an export for
//! each hook of its manifest:
//!
//! ```
//! use trellis_guest::{json, Answer, Question};
//!
//! fn decide(q: &Question) -> Answer {
//!     match q.data().get("mode").text() {
//!         None => Answer::refuse("not_understood", "The extension does not understand the question."),
//!         Some("honor") => Answer::change(json::object(|o| o.add("mode", "audit"))),
//!         Some(_) => Answer::pass(),
//!     }
//! }
//! trellis_guest::filter!("check", decide);
//! ```
//!
//! [`handle!`] exports what hears of an event, [`work!`] what works at set times or in
//! the background, [`show!`] what a slot of a page shows and [`act!`] what its buttons and
//! forms do (see [`ui`]), [`hook!`] anything else. [`call`] asks for an operation of the host
//! API, [`log`] writes to the extension's log. A panic is written there too, and ends the
//! call.
//!
//! What decides is an ordinary function: test it with `cargo test`, natively, by
//! [`ask`], [`tell`], [`run`], [`ui::display`] and [`ui::perform`], and let [`set_host`]
//! answer the operations.
//!
//! Unless the manifest says otherwise, every call finds the memory as it was when the
//! module had started: what is looked up at the first use is looked up in each call.

mod answer;
mod export;
mod hook;
mod host;
pub mod json;
#[cfg(test)]
mod json_test;
mod parse;
pub mod ui;
mod uidata;
mod uiform;
mod uihook;
mod uitext;
mod write;

pub use answer::Answer;
#[doc(hidden)]
pub use export::{answered, Hook};
pub use hook::{ask, run, tell, Event, Question, Task};
#[cfg(not(target_arch = "wasm32"))]
pub use host::set_host;
pub use host::{call, log, now, random, Error, Kind, Level};

/// Exports `fn(&Question) -> Answer` as a filter: `filter!("check", decide)`.
#[macro_export]
macro_rules! filter {
    ($name:literal, $decide:expr) => {
        $crate::export!($name, |input| $crate::ask(input, $decide));
    };
}

/// Exports `fn(&Event) -> Result<(), Error>`, which hears of an event. An error has
/// the event told again, later.
#[macro_export]
macro_rules! handle {
    ($name:literal, $hear:expr) => {
        $crate::export!($name, |input| $crate::tell(input, $hear));
    };
}

/// Exports `fn(&Task) -> Result<Option<String>, Error>`, which does a part of some
/// work. What it returns, unless None, is the state (JSON) that it is called again
/// with.
#[macro_export]
macro_rules! work {
    ($name:literal, $work:expr) => {
        $crate::export!($name, |input| $crate::run(input, $work));
    };
}

/// Exports `fn(&ui::Place) -> Result<Option<ui::Node>, Error>`, which shows something in
/// a slot, or nothing.
#[macro_export]
macro_rules! show {
    ($name:literal, $draw:expr) => {
        $crate::export!($name, |input| $crate::ui::display(input, $draw));
    };
}

/// Exports `fn(&ui::Act) -> Result<ui::Reply, Error>`, which does what a button or a form
/// asks for.
#[macro_export]
macro_rules! act {
    ($name:literal, $act:expr) => {
        $crate::export!($name, |input| $crate::ui::perform(input, $act));
    };
}

/// Exports `fn(json::Value) -> Result<String, Error>`, which takes and returns any
/// JSON.
#[macro_export]
macro_rules! hook {
    ($name:literal, $hook:expr) => {
        $crate::export!($name, |input| {
            let document = $crate::json::Document::parse(input).map_err(|e| $crate::Error::new($crate::Kind::Invalid, e.to_string()))?;
            let hook: fn($crate::json::Value) -> ::std::result::Result<::std::string::String, $crate::Error> = $hook;
            hook(document.root())
        });
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! export {
    ($name:literal, $hook:expr) => {
        const _: () = {
            const HOOK: $crate::Hook = $hook;
            #[cfg_attr(target_arch = "wasm32", export_name = $name)]
            #[cfg_attr(not(target_arch = "wasm32"), allow(dead_code))]
            extern "C" fn hook(at: u32, len: u32) -> u64 {
                $crate::answered(at, len, HOOK)
            }
        };
    };
}
