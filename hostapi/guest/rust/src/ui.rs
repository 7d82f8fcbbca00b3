//! What an extension shows in a slot: a tree of nodes, of which the platform takes
//! whatever can be built here. It refuses a tree of more than 2,000 nodes, of more than
//! 24 within each other, or with more than 16 KiB of text in one of them.
//!
//! ```
//! use trellis_guest::ui::{Badge, Button, Card, Node, Place, Text, Tone};
//! use trellis_guest::Error;
//!
//! fn draw(p: &Place) -> Result<Option<Node>, Error> {
//!     let title = p.settings().get("title").text().unwrap_or("Today");
//!     let card = Card::new(title).add(Text::new("Twelve people ").bold("enrolled").plain(".")).add(Badge::new("Open", Tone::Ok));
//!     Ok(Some(card.add(Button::new("Wave", "wave").primary()).into()))
//! }
//! trellis_guest::show!("card", draw);
//! ```
//!
//! A text that must say something and does not is a dash. What takes nodes takes None,
//! too, which is left out.

pub use crate::uidata::{Chart, Progress, Table};
pub use crate::uiform::{Button, Field, Form, Initial};
pub use crate::uihook::{display, perform, Act, Place, Reply, Viewer};
pub use crate::uitext::Text;

use crate::json::{object, Object, Write};
use crate::uitext::blank;

/// A node of a tree, made of one of the other types of this module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    json: String, // "" for none; a string for a text that has no more
}

impl Node {
    pub(crate) fn of(json: String) -> Node {
        Node { json }
    }

    /// Returns the node as JSON, as the platform takes it; "null" for none.
    pub fn json(&self) -> String {
        match self.json.as_bytes().first() {
            None => "null".into(),
            Some(b'"') => object(|o| {
                o.add("kind", "text");
                o.raw("text", &self.json);
            }),
            Some(_) => self.json.clone(),
        }
    }
}

/// What may stand in a table, made of a text, badge, progress, image or button.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    pub(crate) json: String,
}

/// A text is a node.
impl From<&str> for Node {
    fn from(text: &str) -> Node {
        Text::new(text).into()
    }
}

impl From<String> for Node {
    fn from(text: String) -> Node {
        Text::new(text).into()
    }
}

/// None shows nothing.
impl<N: Into<Node>> From<Option<N>> for Node {
    fn from(node: Option<N>) -> Node {
        node.map(N::into).unwrap_or_default()
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Cell {
        Text::new(text).into()
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Cell {
        Text::new(text).into()
    }
}

/// Makes a type a node; with `cell` what may stand in a table, too.
macro_rules! node {
    ($type:ty) => {
        impl From<$type> for $crate::ui::Node {
            fn from(n: $type) -> $crate::ui::Node {
                $crate::ui::Node::of(n.json())
            }
        }
    };
    ($type:ty, cell) => {
        node!($type);
        impl From<$type> for $crate::ui::Cell {
            fn from(n: $type) -> $crate::ui::Cell {
                $crate::ui::Cell { json: n.json() }
            }
        }
    };
}
pub(crate) use node;

/// Returns a node of a kind, with what fill adds.
pub(crate) fn of_kind(kind: &str, fill: impl FnOnce(&mut Object)) -> String {
    object(|o| {
        o.add("kind", kind);
        fill(o)
    })
}

/// Adds a member unless it is empty.
pub(crate) fn given(o: &mut Object, key: &str, text: &str) {
    if !text.is_empty() {
        o.add(key, text)
    }
}

/// Adds a member that must say something: a dash if it does not.
pub(crate) fn said(o: &mut Object, key: &str, text: &str) {
    o.add(key, if blank(text) { "–" } else { text })
}

/// Adds a member if it is so.
pub(crate) fn yes(o: &mut Object, key: &str, is: bool) {
    if is {
        o.add(key, true)
    }
}

/// The nodes within another, as JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Nodes {
    json: String,
}

impl Nodes {
    pub fn push(&mut self, node: Node) {
        if node.json.is_empty() {
            return;
        }
        self.json.push(if self.json.is_empty() { '[' } else { ',' });
        self.json.push_str(&node.json);
    }
}

impl Write for Nodes {
    fn write(&self, out: &mut String) {
        out.push_str(if self.json.is_empty() { "[" } else { &self.json });
        out.push(']');
    }
}

/// Gives a type that has nodes in it the means to add them.
macro_rules! holds {
    ($type:ty, $nodes:ident) => {
        impl $type {
            /// Adds a node.
            pub fn add(mut self, node: impl Into<Node>) -> Self {
                self.$nodes.push(node.into());
                self
            }

            /// Adds nodes.
            pub fn all<N: Into<Node>>(mut self, nodes: impl IntoIterator<Item = N>) -> Self {
                nodes.into_iter().for_each(|n| self.$nodes.push(n.into()));
                self
            }
        }
    };
}

/// How something is meant. It is shown by a word or a shape as well as by a colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    #[default]
    Neutral,
    Ok,
    Warn,
    Bad,
    /// Of badges and messages; a text has none.
    Info,
    /// Of less weight; as a badge: off.
    Muted,
}

impl Tone {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Tone::Neutral => "",
            Tone::Ok => "ok",
            Tone::Warn => "warn",
            Tone::Bad => "bad",
            Tone::Info => "info",
            Tone::Muted => "muted",
        }
    }
}

/// Nodes one below the other, or beside each other.
#[derive(Clone, Debug, Default)]
pub struct Stack {
    direction: &'static str,
    gap: &'static str,
    children: Nodes,
}
node!(Stack);
holds!(Stack, children);

impl Stack {
    /// Shows nodes one below the other.
    pub fn new() -> Stack {
        Stack::default()
    }

    /// Shows nodes beside each other, as far as there is room.
    pub fn row() -> Stack {
        Stack { direction: "row", ..Stack::default() }
    }

    /// Leaves little room between the nodes.
    pub fn tight(mut self) -> Stack {
        self.gap = "small";
        self
    }

    /// Leaves much room between the nodes.
    pub fn wide(mut self) -> Stack {
        self.gap = "large";
        self
    }

    fn json(&self) -> String {
        of_kind("stack", |o| {
            given(o, "direction", self.direction);
            given(o, "gap", self.gap);
            o.add("children", &self.children);
        })
    }
}

/// A frame around nodes.
#[derive(Clone, Debug, Default)]
pub struct Card {
    title: String,
    children: Nodes,
}
node!(Card);
holds!(Card, children);

impl Card {
    /// Returns an empty card. The title may be empty.
    pub fn new(title: impl Into<String>) -> Card {
        Card { title: title.into(), children: Nodes::default() }
    }

    fn json(&self) -> String {
        of_kind("card", |o| {
            given(o, "title", &self.title);
            o.add("children", &self.children);
        })
    }
}

/// A heading.
#[derive(Clone, Debug)]
pub struct Heading {
    level: u8,
    text: String,
}
node!(Heading);

impl Heading {
    /// Returns a heading of a level, which is 1 to 3 and counts within the slot.
    pub fn new(level: u8, text: impl Into<String>) -> Heading {
        Heading { level: level.clamp(1, 3), text: text.into() }
    }

    fn json(&self) -> String {
        of_kind("heading", |o| {
            o.add("level", self.level);
            said(o, "text", &self.text);
        })
    }
}

/// A list, of which each node is an item.
#[derive(Clone, Debug, Default)]
pub struct List {
    ordered: bool,
    items: Nodes,
}
node!(List);
holds!(List, items);

impl List {
    /// Returns a list with a point before each item.
    pub fn new() -> List {
        List::default()
    }

    /// Returns a list with a number before each item.
    pub fn numbered() -> List {
        List { ordered: true, ..List::default() }
    }

    fn json(&self) -> String {
        of_kind("list", |o| {
            yes(o, "ordered", self.ordered);
            o.add("items", &self.items);
        })
    }
}

/// Nodes that are hidden until somebody opens them.
#[derive(Clone, Debug, Default)]
pub struct Details {
    summary: String,
    open: bool,
    children: Nodes,
}
node!(Details);
holds!(Details, children);

impl Details {
    /// Returns details of which nothing but the summary is seen.
    pub fn new(summary: impl Into<String>) -> Details {
        Details { summary: summary.into(), ..Details::default() }
    }

    /// Is open to begin with.
    pub fn opened(mut self) -> Details {
        self.open = true;
        self
    }

    fn json(&self) -> String {
        of_kind("details", |o| {
            said(o, "summary", &self.summary);
            yes(o, "open", self.open);
            o.add("children", &self.children);
        })
    }
}

/// A word for a state.
#[derive(Clone, Debug)]
pub struct Badge {
    text: String,
    tone: Tone,
}
node!(Badge, cell);

impl Badge {
    /// Returns a badge.
    pub fn new(text: impl Into<String>, tone: Tone) -> Badge {
        Badge { text: text.into(), tone }
    }

    fn json(&self) -> String {
        of_kind("badge", |o| {
            said(o, "text", &self.text);
            given(o, "state", if self.tone == Tone::Muted { "off" } else { self.tone.name() });
        })
    }
}

/// A picture of the bundle.
#[derive(Clone, Debug)]
pub struct Image {
    asset: String,
    alt: String,
    size: (u32, u32),
}
node!(Image, cell);

impl Image {
    /// Returns a picture, by its path within assets/. Alt is what stands for it where it
    /// is not seen; it is empty for an ornament. Width and height are the picture's own.
    pub fn new(asset: impl Into<String>, alt: impl Into<String>, width: u32, height: u32) -> Image {
        Image { asset: asset.into(), alt: alt.into(), size: (width.clamp(1, 4096), height.clamp(1, 4096)) }
    }

    fn json(&self) -> String {
        of_kind("image", |o| {
            o.add("asset", &self.asset);
            o.add("alt", &self.alt);
            o.add("width", self.size.0);
            o.add("height", self.size.1);
        })
    }
}
