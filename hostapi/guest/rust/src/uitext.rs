use crate::json::{Object, Write};
use crate::ui::{given, node, of_kind, Tone};
use crate::write::decimal;

/// A paragraph, or what stands in a cell or is an item of a list.
#[derive(Clone, Debug, Default)]
pub struct Text {
    text: String,
    parts: Vec<Part>,
    tone: Tone,
}
node!(Text, cell);

#[derive(Clone, Debug)]
struct Part {
    text: String,
    style: &'static str,
    link: String,
}

impl Text {
    /// Returns a text, to which parts may be added.
    pub fn new(text: impl Into<String>) -> Text {
        Text { text: text.into(), ..Text::default() }
    }

    fn part(mut self, text: impl Into<String>, style: &'static str, link: &str) -> Text {
        self.parts.push(Part { text: text.into(), style, link: link.into() });
        self
    }

    /// Adds a part that is like the rest.
    pub fn plain(self, text: impl Into<String>) -> Text {
        self.part(text, "", "")
    }

    /// Adds a part that matters.
    pub fn bold(self, text: impl Into<String>) -> Text {
        self.part(text, "strong", "")
    }

    /// Adds a part that is stressed.
    pub fn emphasis(self, text: impl Into<String>) -> Text {
        self.part(text, "em", "")
    }

    /// Adds a part that is for machines: an ID, a key.
    pub fn code(self, text: impl Into<String>) -> Text {
        self.part(text, "code", "")
    }

    /// Adds a part that leads somewhere: to an address with https:, http: or mailto:, or
    /// to a path within the tenant ("/courses/…"). With any other it is a part like the
    /// rest.
    pub fn link(self, text: impl Into<String>, to: &str) -> Text {
        let text = text.into();
        let to = if leads(to) && !blank(&text) { to } else { "" };
        self.part(text, "", to)
    }

    /// Says how the text is meant.
    pub fn tone(mut self, tone: Tone) -> Text {
        self.tone = tone;
        self
    }

    fn json(&self) -> String {
        let tone = if self.tone == Tone::Info { "" } else { self.tone.name() };
        if self.parts.is_empty() && tone.is_empty() {
            let mut out = String::new();
            self.text.write(&mut out);
            return out;
        }
        of_kind("text", |o| {
            if self.parts.is_empty() {
                o.add("text", &self.text);
            } else {
                o.array("runs", |l| {
                    if !self.text.is_empty() {
                        l.add(&self.text);
                    }
                    self.parts.iter().for_each(|p| match (p.style, &*p.link) {
                        ("", "") => l.add(&p.text),
                        (style, link) => l.object(|o| {
                            o.add("text", &p.text);
                            given(o, "style", style);
                            given(o, "link", link);
                        }),
                    });
                });
            }
            given(o, "tone", tone);
        })
    }
}

/// Reports whether the platform takes a character out of texts.
fn unseen(c: char) -> bool {
    matches!(c as u32,
        0..=8 | 0xb..=0x1f | 0x7f..=0x9f | 0xad | 0x34f | 0x115f | 0x1160 | 0x17b4 | 0x17b5 | 0x180e | 0x200b | 0x2028..=0x202e
        | 0x2060..=0x206f | 0x3164 | 0xfeff | 0xffa0 | 0xfff9..=0xfffb | 0x1bca0..=0x1bca3 | 0x1d173..=0x1d17a | 0xe0000..=0xe0fff)
}

/// Reports whether nothing is seen of a text.
pub(crate) fn blank(text: &str) -> bool {
    text.chars().all(|c| unseen(c) || matches!(c as u32, 9..=0xd | 0x20 | 0xa0 | 0x1680 | 0x2000..=0x200a | 0x202f | 0x205f | 0x3000))
}

/// Reports whether a link is one that the platform takes: it may come from the settings.
fn leads(link: &str) -> bool {
    let odd = |c: char| c <= ' ' || c == '\\' || c == '\u{fffd}' || unseen(c);
    if link.len() > 2000 || link.chars().any(odd) || unescaped(link).is_none() {
        return false;
    }
    fn before<'s>(s: &'s str, ends: &[char]) -> &'s str {
        &s[..s.find(ends).unwrap_or(s.len())]
    }
    if let Some(rest) = link.strip_prefix("https://").or_else(|| link.strip_prefix("http://")) {
        let at = before(rest, &['/', '?', '#']);
        let (host, port) = at.split_once(':').unwrap_or((at, ""));
        return is_host(host) && port.bytes().all(|b| b.is_ascii_digit());
    }
    if let Some(rest) = link.strip_prefix("mailto:") {
        let Some((name, host)) = before(rest, &['?', '#']).split_once('@') else { return false };
        let word = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'+');
        return !name.is_empty() && name.len() <= 64 && name.bytes().all(word) && is_host(host);
    }
    let Some(path) = unescaped(before(link, &['?', '#'])) else { return false };
    path.starts_with('/') && !path.starts_with("//") && !path.split('/').any(|s| s == "." || s == "..") && !path.chars().any(|c| c != ' ' && odd(c))
}

/// Returns an address without its escapes, None if one of them is none.
fn unescaped(link: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(link.len());
    let mut rest = link.bytes();
    while let Some(b) = rest.next() {
        let mut digit = || (rest.next()? as char).to_digit(16);
        bytes.push(if b == b'%' { (digit()? << 4 | digit()?) as u8 } else { b });
    }
    Some(crate::parse::lossy(&bytes).into_owned())
}

fn is_host(s: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'.';
    !s.is_empty() && s.len() <= 253 && s.bytes().all(word) && !s.starts_with(['-', '.']) && !s.ends_with(['-', '.'])
}

/// The largest number of a tree.
pub(crate) const MOST: f64 = 1e15;

/// Adds a number: what is none as 0, what is too large as the largest, and digits as far
/// as they count. The standard library's formatting is larger than most extensions.
pub(crate) fn number(o: &mut Object, key: &str, x: f64) {
    o.raw(key, &numeral(x))
}

pub(crate) fn numeral(x: f64) -> String {
    let x = if x.is_nan() { 0.0 } else { x.clamp(-MOST, MOST) };
    let size = x.abs();
    if size == size.floor() {
        return decimal(x as i64);
    }
    let mut digits = if x < 0.0 { "-".to_string() } else { String::new() };
    let (mut places, mut scale) = (0, 1.0);
    while places < 22 {
        places += 1;
        scale *= 10.0;
        let whole = (size * scale + 0.5).floor();
        if whole >= 9007199254740992.0 {
            break;
        }
        if whole / scale == size {
            let shown = decimal(whole as i64); // both are exact, so that reads the same again
            let zeros = (places + 1usize).saturating_sub(shown.len());
            let shown = "0".repeat(zeros) + &shown;
            let (before, after) = shown.split_at(shown.len() - places);
            digits.extend([before, ".", after]);
            return digits;
        }
    }
    digits.push_str(&decimal(size as i64));
    digits.push('.');
    let mut rest = ((size - size.floor()) * (1u64 << 60) as f64) as u64;
    for _ in 0..20 {
        rest *= 10;
        digits.push((b'0' + (rest >> 60) as u8) as char);
        rest &= (1 << 60) - 1;
        if rest == 0 {
            break;
        }
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::{blank, leads, numeral};

    #[test]
    fn numbers_read_the_same_again() {
        let mut x: f64 = 1.0 / 3.0;
        for n in [0.1, 0.5, -2.75, 0.1 + 0.2, 1e14 + 0.125, 123456.789, 1e-6, 5e-7, 0.0078125001] {
            assert_eq!(numeral(n).parse(), Ok(n), "{n}");
        }
        for _ in 0..2000 {
            x = (x * 7919.123).fract();
            for n in [x + 0.01, -1000.0 * x, 1e9 * x] {
                assert_eq!(numeral(n).parse(), Ok(n), "{n}");
            }
        }
        for (n, want) in [(f64::NAN, "0"), (f64::INFINITY, "1000000000000000"), (-1e300, "-1000000000000000"), (-0.0, "0"), (0.05, "0.05"), (-12.0, "-12"), (1e-300, "0.0")] {
            assert_eq!(numeral(n), want);
        }
    }

    #[test]
    fn links() {
        for link in ["https://example.org/a?b=c#d", "http://example.org:8080", "mailto:ada+b@example.org?subject=x", "/courses/course-v1:A+B+C", "/kurse/ü", "/", "/a%20b"] {
            assert!(leads(link), "{link}");
        }
        for link in [
            "", "javascript:alert(1)", " /a", "//evil.example", "/\\evil.example", "/a/../../b", "/%2e%2e/b", "/%2f/b", "/a%0ab", "/a%5cb", "/a\u{202e}b", "/a%E2%80%AEb", "https://a@b.example", "https:b.example",
            "https://", "https://exämple.org", "ftp://example.org", "mailto:a", "mailto:a@b@c", "courses", "https://example.org/%zz", "/a%2", "https://a:b:1", "https://-a",
        ] {
            assert!(!leads(link), "{link}");
        }
        assert!(!leads(&("/".to_string() + &"a".repeat(2000))));
    }

    #[test]
    fn blanks() {
        assert!(["", " \t\n", "\u{a0}\u{3000}", "\u{200b}\u{202e}\u{0}"].iter().all(|s| blank(s)));
        assert!(!["a", " – ", "😀"].iter().any(|s| blank(s)));
    }
}
