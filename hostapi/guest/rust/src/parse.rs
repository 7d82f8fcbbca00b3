use std::borrow::Cow;

use crate::json::{Document, Fault, Node, Type, NONE};

const DEEPEST: usize = 10_000;

/// An array or object that is being read.
struct Open {
    at: u32,
    last: u32,
}

pub(crate) fn parse(source: &[u8]) -> Result<Document<'_>, Fault> {
    let mut p = Parser { source, at: 0 };
    p.document().map_err(|()| Fault { at: p.at.min(source.len()) })
}

struct Parser<'a> {
    source: &'a [u8],
    at: usize,
}

impl<'a> Parser<'a> {
    fn document(&mut self) -> Result<Document<'a>, ()> {
        let mut nodes: Vec<Node> = Vec::new();
        let mut open: Vec<Open> = Vec::new();
        let mut key = Cow::Borrowed("");
        loop {
            // Each round reads one value, where one must stand.
            self.space();
            let at = nodes.len() as u32;
            if let Some(up) = open.last_mut() {
                match up.last {
                    NONE => nodes[up.at as usize].first = at,
                    last => nodes[last as usize].next = at,
                }
                up.last = at;
            }
            let from = self.at;
            let (of, text) = self.value()?;
            nodes.push(Node { of, text, key: std::mem::take(&mut key), from, to: self.at, first: NONE, next: NONE });
            let mut whole = true;
            if let Type::Array | Type::Object = of {
                if open.len() == DEEPEST {
                    return Err(());
                }
                self.space();
                whole = self.take(closing(of));
                if whole {
                    nodes[at as usize].to = self.at;
                } else {
                    open.push(Open { at, last: NONE });
                }
            }
            if whole {
                // What may follow a value.
                loop {
                    self.space();
                    let Some(up) = open.last() else {
                        return if self.at == self.source.len() { Ok(Document { source: self.source, nodes }) } else { Err(()) };
                    };
                    if self.take(b',') {
                        break;
                    }
                    let up = &mut nodes[up.at as usize];
                    if !self.take(closing(up.of)) {
                        return Err(());
                    }
                    up.to = self.at;
                    open.pop();
                }
            }
            if open.last().is_some_and(|up| nodes[up.at as usize].of == Type::Object) {
                self.space();
                key = self.string()?;
                self.space();
                self.must(b':')?;
            }
        }
    }

    fn peek(&self) -> Option<u8> {
        self.source.get(self.at).copied()
    }

    fn take(&mut self, c: u8) -> bool {
        let is = self.peek() == Some(c);
        self.at += usize::from(is);
        is
    }

    fn must(&mut self, c: u8) -> Result<(), ()> {
        self.take(c).then_some(()).ok_or(())
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn value(&mut self) -> Result<(Type, Cow<'a, str>), ()> {
        Ok(match self.peek() {
            Some(b'{') => (Type::Object, self.word("{")?),
            Some(b'[') => (Type::Array, self.word("[")?),
            Some(b'"') => (Type::String, self.string()?),
            Some(b't') => (Type::Boolean, self.word("true")?),
            Some(b'f') => (Type::Boolean, self.word("false")?),
            Some(b'n') => (Type::Null, self.word("null")?),
            _ => (Type::Number, self.number()?),
        })
    }

    fn word(&mut self, w: &'static str) -> Result<Cow<'a, str>, ()> {
        if !self.source[self.at..].starts_with(w.as_bytes()) {
            return Err(());
        }
        self.at += w.len();
        Ok(Cow::Borrowed(w))
    }

    fn digits(&mut self) -> Result<(), ()> {
        let from = self.at;
        while self.peek().is_some_and(|c| c.is_ascii_digit()) {
            self.at += 1;
        }
        (self.at > from).then_some(()).ok_or(())
    }

    fn number(&mut self) -> Result<Cow<'a, str>, ()> {
        let from = self.at;
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            let _ = self.take(b'+') || self.take(b'-');
            self.digits()?;
        }
        Ok(lossy(&self.source[from..self.at]))
    }

    /// Reads a string. Most have nothing to decode and are used as they stand.
    fn string(&mut self) -> Result<Cow<'a, str>, ()> {
        self.must(b'"')?;
        let mut decoded: Option<String> = None;
        loop {
            let from = self.at;
            while self.peek().is_some_and(|c| c >= 0x20 && c != b'"' && c != b'\\') {
                self.at += 1;
            }
            let plain = lossy(&self.source[from..self.at]);
            if self.take(b'"') {
                return Ok(match decoded {
                    None => plain,
                    Some(s) => Cow::Owned(s + &plain),
                });
            }
            self.must(b'\\')?;
            let s = decoded.get_or_insert_with(String::new);
            s.push_str(&plain);
            let c = self.escape()?;
            s.push(c);
        }
    }

    fn escape(&mut self) -> Result<char, ()> {
        let c = self.peek().ok_or(())?;
        self.at += 1;
        Ok(match c {
            b'"' | b'\\' | b'/' => c as char,
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let mut v = self.hex()?;
                let after = self.at;
                if (0xd800..0xdc00).contains(&v) && self.word("\\u").is_ok() {
                    match self.hex() {
                        Ok(low) if (0xdc00..0xe000).contains(&low) => v = 0x10000 + ((v - 0xd800) << 10) + (low - 0xdc00),
                        _ => self.at = after,
                    }
                }
                char::from_u32(v).unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            _ => return Err(()),
        })
    }

    fn hex(&mut self) -> Result<u32, ()> {
        let mut v = 0;
        for _ in 0..4 {
            v = v << 4 | self.peek().and_then(|c| (c as char).to_digit(16)).ok_or(())?;
            self.at += 1;
        }
        Ok(v)
    }
}

fn closing(of: Type) -> u8 {
    if of == Type::Object {
        b'}'
    } else {
        b']'
    }
}

/// Puts U+FFFD in place of each byte that is no part of a character. The standard
/// library puts one in place of several, which the platform does not.
pub(crate) fn lossy(mut bytes: &[u8]) -> Cow<'_, str> {
    let mut out = String::new();
    loop {
        match std::str::from_utf8(bytes) {
            Ok(s) if out.is_empty() => return Cow::Borrowed(s),
            Ok(s) => return Cow::Owned(out + s),
            Err(e) => {
                let (good, bad) = bytes.split_at(e.valid_up_to());
                out.push_str(std::str::from_utf8(good).unwrap_or_default());
                out.push(char::REPLACEMENT_CHARACTER);
                bytes = &bad[1..];
            }
        }
    }
}
