use crate::json::Object;
use crate::ui::{given, node, of_kind, said, yes};
use crate::uitext::{number, MOST};

/// What buttons and forms share.
#[derive(Clone, Debug, Default)]
struct Ask {
    action: String,
    style: &'static str,
    values: Vec<(String, String)>,
}

impl Ask {
    fn with(&mut self, key: String, value: String) {
        match self.values.iter_mut().find(|(k, _)| *k == key) {
            Some(known) => known.1 = value,
            None => self.values.push((key, value)),
        }
    }

    fn write(&self, o: &mut Object) {
        o.add("action", &self.action);
        if !self.values.is_empty() {
            o.object("values", |o| self.values.iter().for_each(|(k, v)| o.add(k, v)));
        }
        given(o, "style", self.style);
    }
}

/// Gives a type that asks an export the means to say how.
macro_rules! asks {
    ($type:ty) => {
        impl $type {
            /// Gives the export a value; keys are letters, digits and _.
            pub fn with(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
                self.ask.with(key.into(), value.into());
                self
            }

            /// Makes the button the one that most people will want.
            pub fn primary(mut self) -> Self {
                self.ask.style = "primary";
                self
            }

            /// Makes the button one for what cannot be undone.
            pub fn danger(mut self) -> Self {
                self.ask.style = "danger";
                self
            }
        }
    };
}

/// A button that asks an export for something.
#[derive(Clone, Debug)]
pub struct Button {
    text: String,
    ask: Ask,
}
node!(Button, cell);
asks!(Button);

impl Button {
    /// Returns a button that asks an export, which is one of the slot's actions in the
    /// manifest. The text says what is done to what.
    pub fn new(text: impl Into<String>, action: impl Into<String>) -> Button {
        Button { text: text.into(), ask: Ask { action: action.into(), ..Ask::default() } }
    }

    fn json(&self) -> String {
        of_kind("button", |o| {
            said(o, "text", &self.text);
            self.ask.write(o);
        })
    }
}

/// Something to fill in.
#[derive(Clone, Debug)]
pub struct Form {
    submit: String,
    ask: Ask,
    fields: Vec<Field>,
}
node!(Form);
asks!(Form);

impl Form {
    /// Returns a form without fields. It asks an export, which is one of the slot's
    /// actions in the manifest, with what is filled in.
    pub fn new(action: impl Into<String>) -> Form {
        Form { submit: "Send".into(), ask: Ask { action: action.into(), ..Ask::default() }, fields: Vec::new() }
    }

    /// Adds a field. Two of one name are one: the first.
    pub fn field(mut self, field: Field) -> Form {
        self.fields.push(field);
        self
    }

    /// Says what the form's button says: Send, unless it says otherwise.
    pub fn submit(mut self, text: impl Into<String>) -> Form {
        self.submit = text.into();
        self
    }

    fn json(&self) -> String {
        of_kind("form", |o| {
            self.ask.write(o);
            o.array("fields", |l| {
                self.fields.iter().enumerate().for_each(|(i, f)| {
                    let named = |g: &Field| g.name == f.name;
                    if !self.fields[..i].iter().any(named) && !self.ask.values.iter().any(|(k, _)| *k == f.name) {
                        l.object(|o| f.write(o));
                    }
                })
            });
            said(o, "submit", &self.submit);
        })
    }
}

/// What a field begins with.
#[derive(Clone, Debug, PartialEq)]
pub enum Initial {
    Text(String),
    Number(f64),
    Ticked(bool),
}

impl From<&str> for Initial {
    fn from(text: &str) -> Initial {
        Initial::Text(text.into())
    }
}

impl From<String> for Initial {
    fn from(text: String) -> Initial {
        Initial::Text(text)
    }
}

impl From<f64> for Initial {
    fn from(x: f64) -> Initial {
        Initial::Number(x)
    }
}

impl From<i32> for Initial {
    fn from(n: i32) -> Initial {
        Initial::Number(n.into())
    }
}

impl From<bool> for Initial {
    fn from(ticked: bool) -> Initial {
        Initial::Ticked(ticked)
    }
}

/// A field of a form. Of its settings those count that its type has.
#[derive(Clone, Debug, Default)]
pub struct Field {
    kind: &'static str,
    name: String,
    label: String,
    hint: String,
    required: bool,
    value: Option<Initial>,
    bounds: Option<(f64, f64)>,
    days: (String, String),
    length: u32,
    options: Vec<(String, String)>,
}

macro_rules! fields {
    ($($(#[$doc:meta])* $name:ident $kind:literal)*) => { $(
        $(#[$doc])*
        pub fn $name(name: impl Into<String>, label: impl Into<String>) -> Field {
            Field { kind: $kind, name: name.into(), label: label.into(), ..Field::default() }
        }
    )* };
}

impl Field {
    fields! {
        /// A line of text. The export is given a string, which may be empty.
        text "text"
        /// A text of several lines.
        text_area "textarea"
        /// A number. The export is given null if it is left empty.
        number "number"
        /// A whole number. The export is given null if it is left empty.
        integer "integer"
        /// A yes or no. The export is given true or false.
        checkbox "checkbox"
        /// A choice of many. The export is given null if nothing is chosen.
        select "select"
        /// A choice of few, which are all seen. The export is given null if nothing is
        /// chosen.
        radio "radio"
        /// A day. The export is given a string like 2026-01-31, or null.
        date "date"
    }

    /// Helps to answer.
    pub fn hint(mut self, text: impl Into<String>) -> Field {
        self.hint = text.into();
        self
    }

    /// Must be filled in; a checkbox must be ticked.
    pub fn required(mut self) -> Field {
        self.required = true;
        self
    }

    /// Bounds a number, both ends included.
    pub fn between(mut self, low: impl Into<f64>, high: impl Into<f64>) -> Field {
        let (low, high) = (low.into(), high.into());
        self.bounds = Some((low.min(high), low.max(high)));
        self
    }

    /// Bounds a day (2026-01-31), both ends included; either may be empty.
    pub fn days(mut self, earliest: impl Into<String>, latest: impl Into<String>) -> Field {
        self.days = (earliest.into(), latest.into());
        self
    }

    /// Bounds a text, in characters.
    pub fn max_length(mut self, n: u32) -> Field {
        self.length = n;
        self
    }

    /// Adds a thing to choose: what the export is given, which is not empty, and what is
    /// seen: the value, if that is empty.
    pub fn option(mut self, value: impl Into<String>, label: impl Into<String>) -> Field {
        self.options.push((value.into(), label.into()));
        self
    }

    /// Says what the field begins with: a text, a number, true for a checkbox, of a choice
    /// the option's value. What could not be entered is not there.
    pub fn value(mut self, value: impl Into<Initial>) -> Field {
        self.value = Some(value.into());
        self
    }

    fn entered(&self) -> &str {
        match &self.value {
            Some(Initial::Text(text)) => text,
            _ => "",
        }
    }

    fn write(&self, o: &mut Object) {
        o.add("type", self.kind);
        o.add("name", &self.name);
        said(o, "label", &self.label);
        given(o, "hint", &self.hint);
        yes(o, "required", self.required);
        match self.kind {
            "text" | "textarea" => {
                if self.length > 0 {
                    o.add("maxlength", self.length.min(16 << 10));
                }
                given(o, "default", self.entered());
            }
            "checkbox" => yes(o, "default", self.value == Some(Initial::Ticked(true))),
            "number" | "integer" => self.write_number(o),
            "date" => self.write_days(o),
            _ => self.write_options(o),
        }
    }

    fn write_number(&self, o: &mut Object) {
        let whole = self.kind == "integer";
        let (low, high) = match self.bounds {
            Some((low, high)) if whole => (low.ceil(), high.floor()),
            Some(bounds) => bounds,
            None => (-MOST, MOST),
        };
        if self.bounds.is_some() && low <= high {
            number(o, "min", low);
            number(o, "max", high);
        }
        match self.value {
            Some(Initial::Number(x)) if x.abs() <= MOST && x >= low && x <= high && (!whole || x == x.trunc()) => number(o, "default", x),
            _ => (),
        }
    }

    fn write_options(&self, o: &mut Object) {
        let mut options: Vec<(&str, &str)> = Vec::new();
        for (value, label) in &self.options {
            if !value.is_empty() && !options.iter().any(|(v, _)| v == value) {
                options.push((value, label));
            }
        }
        if options.is_empty() {
            options.push(("–", ""));
        }
        o.array("options", |l| {
            options.iter().for_each(|(value, label)| match *label {
                "" => l.add(value),
                label => l.object(|o| {
                    o.add("value", value);
                    o.add("label", label);
                }),
            })
        });
        if options.iter().any(|(v, _)| *v == self.entered()) {
            o.add("default", self.entered());
        }
    }

    fn write_days(&self, o: &mut Object) {
        let (mut earliest, mut latest) = (day(&self.days.0), day(&self.days.1));
        if !earliest.is_empty() && !latest.is_empty() && earliest > latest {
            (earliest, latest) = (latest, earliest);
        }
        given(o, "earliest", earliest);
        given(o, "latest", latest);
        let value = day(self.entered());
        if (earliest.is_empty() || value >= earliest) && (latest.is_empty() || value <= latest) {
            given(o, "default", value);
        }
    }
}

/// Returns a day as it was given, or nothing if it is none.
fn day(s: &str) -> &str {
    let number = |from: usize, to: usize| s.get(from..to).filter(|d| d.bytes().all(|b| b.is_ascii_digit())).and_then(|d| d.parse::<u32>().ok());
    let parts = (s.len() == 10 && s.as_bytes()[4] == b'-' && s.as_bytes()[7] == b'-').then(|| (number(0, 4), number(5, 7), number(8, 10)));
    let Some((Some(year), Some(month), Some(day))) = parts else { return "" };
    let longest = match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    if day >= 1 && day <= longest {
        s
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::day;

    #[test]
    fn days() {
        for s in ["2026-01-31", "2024-02-29", "2000-02-29", "0000-12-01"] {
            assert_eq!(day(s), s);
        }
        for s in ["", "2026-02-29", "1900-02-29", "2026-13-01", "2026-00-01", "2026-04-31", "2026-01-00", "2026-1-31", "2026-01-31 ", "+026-01-01", "2026/01/31", "äöü-01-31"] {
            assert_eq!(day(s), "", "{s}");
        }
    }
}
