//! JSON, read and written by what the platform itself accepts: RFC 8259 and nothing
//! else, at most 10,000 deep. Of a key that stands twice the last value counts; bytes
//! that are not UTF-8 and halves of surrogate pairs become U+FFFD. Reading does not
//! recurse, so no input can use up the stack.
//!
//! ```
//! use trellis_guest::json::{self, Document};
//!
//! let document = Document::parse(br#"{"course": "go", "seats": [1, 2]}"#).unwrap();
//! let root = document.root();
//! assert_eq!(root.get("course").text(), Some("go"));
//! assert_eq!(root.get("seats").items().filter_map(|v| v.integer()).sum::<i64>(), 3);
//! assert_eq!(json::object(|o| o.add("course", root.get("course"))), r#"{"course":"go"}"#);
//! ```

use std::borrow::Cow;
use std::fmt;

pub use crate::write::{array, object, Array, Object, Write};

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// There is no such value.
    None,
    Null,
    Boolean,
    Number,
    String,
    Array,
    Object,
}

pub(crate) const NONE: u32 = u32::MAX;

/// A node of a document: all of them lie in one list, and say by number who follows
/// whom, so that neither reading nor dropping a deep document recurses.
pub(crate) struct Node<'a> {
    pub of: Type,
    pub text: Cow<'a, str>, // of a string, decoded; of a number or truth, as it stands
    pub key: Cow<'a, str>,  // in an object
    pub from: usize,        // where it stands in the source
    pub to: usize,
    pub first: u32,
    pub next: u32,
}

/// A document that was read.
pub struct Document<'a> {
    pub(crate) source: &'a [u8],
    pub(crate) nodes: Vec<Node<'a>>,
}

/// Why something is no JSON: at which byte it goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    pub at: usize,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("what stands at byte ")?;
        f.write_str(&crate::write::decimal(self.at as i64))?;
        f.write_str(" is not JSON")
    }
}

impl std::error::Error for Fault {}

impl<'a> Document<'a> {
    /// Reads one document; nothing but space may stand around it.
    pub fn parse(source: &'a [u8]) -> Result<Document<'a>, Fault> {
        crate::parse::parse(source)
    }

    /// Returns the value that the document is.
    pub fn root(&self) -> Value<'_> {
        Value { document: self, at: 0 }
    }
}

/// A value of a document, or none: asking one that is not there, or of another type,
/// for anything gives none.
#[derive(Clone, Copy)]
pub struct Value<'d> {
    document: &'d Document<'d>,
    at: u32,
}

impl<'d> Value<'d> {
    fn node(self) -> Option<&'d Node<'d>> {
        self.document.nodes.get(self.at as usize)
    }

    fn of(self, want: Type) -> Option<&'d Node<'d>> {
        self.node().filter(|n| n.of == want)
    }

    /// Returns what it is.
    pub fn of_type(self) -> Type {
        self.node().map_or(Type::None, |n| n.of)
    }

    /// Reports whether it is missing or null.
    pub fn is_absent(self) -> bool {
        matches!(self.of_type(), Type::None | Type::Null)
    }

    /// Returns a string.
    pub fn text(self) -> Option<&'d str> {
        self.of(Type::String).map(|n| &*n.text)
    }

    /// Returns a number that is written as a whole one and fits 64 bits.
    pub fn integer(self) -> Option<i64> {
        self.number()?.parse().ok() // of what JSON allows it takes no fraction and no exponent
    }

    /// Returns a number as it is written.
    pub fn number(self) -> Option<&'d str> {
        self.of(Type::Number).map(|n| &*n.text)
    }

    /// Returns a number, as near as 64 bits come.
    pub fn float(self) -> Option<f64> {
        self.number()?.parse().ok()
    }

    /// Returns a truth.
    pub fn boolean(self) -> Option<bool> {
        self.of(Type::Boolean).map(|n| n.text == "true")
    }

    /// Returns a member of an object. Keys match exactly; of one that stands twice the
    /// last counts.
    pub fn get(self, key: &str) -> Value<'d> {
        let found = self.members().filter(|(k, _)| *k == key).last();
        found.map_or(Value { document: self.document, at: NONE }, |(_, v)| v)
    }

    /// Returns the items of an array, or nothing.
    pub fn items(self) -> impl Iterator<Item = Value<'d>> {
        self.within(Type::Array)
    }

    /// Returns the members of an object in their order, or nothing.
    pub fn members(self) -> impl Iterator<Item = (&'d str, Value<'d>)> {
        self.within(Type::Object).map(|v| (v.node().map_or("", |n| &*n.key), v))
    }

    fn within(self, want: Type) -> Inner<'d> {
        Inner { document: self.document, at: self.of(want).map_or(NONE, |n| n.first) }
    }

    /// Returns the value as it stands in the document, "" for none.
    pub fn json(self) -> Cow<'d, str> {
        self.node().map_or(Cow::Borrowed(""), |n| crate::parse::lossy(&self.document.source[n.from..n.to]))
    }
}

struct Inner<'d> {
    document: &'d Document<'d>,
    at: u32,
}

impl<'d> Iterator for Inner<'d> {
    type Item = Value<'d>;

    fn next(&mut self) -> Option<Value<'d>> {
        let v = Value { document: self.document, at: self.at };
        self.at = v.node()?.next;
        Some(v)
    }
}
