use crate::json::{Type, Value};

/// What can stand in JSON.
pub trait Write {
    /// Adds it to a document.
    fn write(&self, out: &mut String);
}

impl<T: Write + ?Sized> Write for &T {
    fn write(&self, out: &mut String) {
        (**self).write(out)
    }
}

/// Strings are escaped where JSON must have it, and at the two line separators that
/// JavaScript once stumbled over.
impl Write for str {
    fn write(&self, out: &mut String) {
        out.push('"');
        let mut from = 0;
        for (i, c) in self.char_indices() {
            if c >= ' ' && c != '"' && c != '\\' && c != '\u{2028}' && c != '\u{2029}' {
                continue;
            }
            out.push_str(&self[from..i]);
            from = i + c.len_utf8();
            match c {
                '"' | '\\' => out.extend(['\\', c]),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\u{8}' => out.push_str("\\b"),
                '\u{c}' => out.push_str("\\f"),
                _ => {
                    out.push_str("\\u");
                    for shift in [12, 8, 4, 0] {
                        out.push(char::from_digit(c as u32 >> shift & 15, 16).unwrap_or('0'));
                    }
                }
            }
        }
        out.push_str(&self[from..]);
        out.push('"');
    }
}

impl Write for String {
    fn write(&self, out: &mut String) {
        self.as_str().write(out)
    }
}

impl Write for bool {
    fn write(&self, out: &mut String) {
        out.push_str(if *self { "true" } else { "false" })
    }
}

macro_rules! whole {
    ($($t:ty)*) => { $(impl Write for $t {
        fn write(&self, out: &mut String) {
            out.push_str(&decimal(*self as i64))
        }
    })* };
}
whole!(i64 i32 i16 i8 u32 u16 u8);

/// None is null.
impl<T: Write> Write for Option<T> {
    fn write(&self, out: &mut String) {
        match self {
            Some(v) => v.write(out),
            None => out.push_str("null"),
        }
    }
}

/// A list is an array.
impl<T: Write> Write for [T] {
    fn write(&self, out: &mut String) {
        let mut list = Array::open(out);
        self.iter().for_each(|v| list.add(v));
        list.close();
    }
}

impl<T: Write> Write for Vec<T> {
    fn write(&self, out: &mut String) {
        self.as_slice().write(out)
    }
}

/// A value that was read is written as it stood there; one that is not there as null.
impl Write for Value<'_> {
    fn write(&self, out: &mut String) {
        match self.of_type() {
            Type::None => out.push_str("null"),
            _ => out.push_str(&self.json()),
        }
    }
}

/// Writes a number without the formatting of the standard library, which is larger
/// than most extensions.
pub(crate) fn decimal(v: i64) -> String {
    let mut digits = Vec::with_capacity(20);
    let mut rest = v.unsigned_abs();
    loop {
        digits.push((b'0' + (rest % 10) as u8) as char);
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if v < 0 {
        digits.push('-');
    }
    digits.iter().rev().collect()
}

/// Returns an object: `object(|o| { o.add("a", 1); o.array("b", |l| l.add("c")); })`.
pub fn object(fill: impl FnOnce(&mut Object)) -> String {
    let mut out = String::new();
    let mut o = Object::open(&mut out);
    fill(&mut o);
    o.close();
    out
}

/// Returns an array: `array(|l| l.add(1))`.
pub fn array(fill: impl FnOnce(&mut Array)) -> String {
    let mut out = String::new();
    let mut l = Array::open(&mut out);
    fill(&mut l);
    l.close();
    out
}

/// An object that is being written.
pub struct Object<'o> {
    out: &'o mut String,
    any: bool,
}

impl<'o> Object<'o> {
    fn open(out: &'o mut String) -> Object<'o> {
        out.push('{');
        Object { out, any: false }
    }

    fn close(self) {
        self.out.push('}')
    }

    fn key(&mut self, key: &str) {
        if self.any {
            self.out.push(',');
        }
        self.any = true;
        key.write(self.out);
        self.out.push(':');
    }

    /// Adds a member.
    pub fn add(&mut self, key: &str, value: impl Write) {
        self.key(key);
        value.write(self.out)
    }

    /// Adds a member that is JSON.
    pub fn raw(&mut self, key: &str, json: &str) {
        self.key(key);
        self.out.push_str(json)
    }

    /// Adds a member that is an object.
    pub fn object(&mut self, key: &str, fill: impl FnOnce(&mut Object)) {
        self.key(key);
        let mut o = Object::open(self.out);
        fill(&mut o);
        o.close()
    }

    /// Adds a member that is an array.
    pub fn array(&mut self, key: &str, fill: impl FnOnce(&mut Array)) {
        self.key(key);
        let mut l = Array::open(self.out);
        fill(&mut l);
        l.close()
    }
}

/// An array that is being written.
pub struct Array<'o> {
    out: &'o mut String,
    any: bool,
}

impl<'o> Array<'o> {
    fn open(out: &'o mut String) -> Array<'o> {
        out.push('[');
        Array { out, any: false }
    }

    fn close(self) {
        self.out.push(']')
    }

    fn comma(&mut self) {
        if self.any {
            self.out.push(',');
        }
        self.any = true;
    }

    /// Adds an item.
    pub fn add(&mut self, value: impl Write) {
        self.comma();
        value.write(self.out)
    }

    /// Adds an item that is JSON.
    pub fn raw(&mut self, json: &str) {
        self.comma();
        self.out.push_str(json)
    }

    /// Adds an item that is an object.
    pub fn object(&mut self, fill: impl FnOnce(&mut Object)) {
        self.comma();
        let mut o = Object::open(self.out);
        fill(&mut o);
        o.close()
    }

    /// Adds an item that is an array.
    pub fn array(&mut self, fill: impl FnOnce(&mut Array)) {
        self.comma();
        let mut l = Array::open(self.out);
        fill(&mut l);
        l.close()
    }
}
