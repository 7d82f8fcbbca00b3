use crate::hook::{message, texts, values};
use crate::json::{self, Document, Value};
use crate::ui::{Node, Tone};
use crate::{Error, Kind};

message!(
    /// Where in which page something is to be shown, and to whom.
    Place
);

message!(
    /// What somebody asks for by a button or a form of a slot.
    Act
);

macro_rules! places {
    ($($type:ident)*) => { $(
        impl $type<'_> {
            texts! {
                /// Returns the name of the slot.
                slot
                /// Returns the name of the tenant.
                tenant
                /// Returns the key of the course; "" on a page of no course.
                course
                /// Returns the language of the page.
                locale
                /// Returns the trace of the request.
                trace
                /// Returns when it is asked (RFC 3339).
                time
            }
            values! {
                /// Returns the extension's settings, as they are in force there.
                settings
            }

            /// Returns who looks at the page, None where nobody is signed in.
            pub fn person(&self) -> Option<Viewer<'_>> {
                let person = self.all().get("person");
                (!person.is_absent()).then_some(Viewer { person })
            }
        }
    )* };
}
places!(Place Act);

impl Act<'_> {
    texts! {
        /// Returns its ID, the same when a form is sent twice.
        id
        /// Returns the name of the export.
        action
    }
    values! {
        /// Returns what was filled in, checked against the fields, by their names.
        values
    }
}

/// Who looks at a page.
#[derive(Clone, Copy)]
pub struct Viewer<'d> {
    person: Value<'d>,
}

impl<'d> Viewer<'d> {
    fn part(self, key: &str) -> &'d str {
        self.person.get(key).text().unwrap_or_default()
    }

    /// Returns the person's ID.
    pub fn id(self) -> &'d str {
        self.part("id")
    }

    /// Returns the name, "" unless it was granted.
    pub fn name(self) -> &'d str {
        self.part("name")
    }

    /// Returns the address, "" unless it was granted.
    pub fn email(self) -> &'d str {
        self.part("email")
    }

    /// Returns the name to log in with, "" unless it was granted.
    pub fn username(self) -> &'d str {
        self.part("username")
    }

    /// Returns the roles in the course, or in the tenant for a page of no course.
    pub fn roles(self) -> impl Iterator<Item = &'d str> {
        self.person.get("roles").items().filter_map(Value::text)
    }

    /// Reports whether the viewer is known to be enrolled in the course of the page, for
    /// which it takes enrollments:read.
    pub fn is_enrolled(self) -> bool {
        self.person.get("enrolled").get("is_active").boolean() == Some(true)
    }

    /// Returns the track of the enrolment, "" where it is not known; of one who has left,
    /// the one she had.
    pub fn mode(self) -> &'d str {
        self.person.get("enrolled").get("mode").text().unwrap_or_default()
    }

    /// Reports whether the viewer has one of some roles here.
    pub fn has(self, roles: &[&str]) -> bool {
        self.roles().any(|r| roles.contains(&r))
    }
}

/// The answer to an [`Act`]. An empty one shows the slot anew.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    tree: Option<Node>,
    message: String,
    state: &'static str,
    redirect: String,
}

impl Reply {
    /// Shows something in the slot, until it is shown anew.
    pub fn show(tree: impl Into<Node>) -> Reply {
        Reply { tree: Some(tree.into()), ..Reply::default() }
    }

    /// Tells the person what has happened, and shows the slot anew.
    pub fn say(message: impl Into<String>, tone: Tone) -> Reply {
        Reply::default().and_say(message, tone)
    }

    /// Tells the person what has happened, besides what is shown.
    pub fn and_say(mut self, message: impl Into<String>, tone: Tone) -> Reply {
        self.message = message.into();
        self.state = match tone {
            Tone::Neutral => "ok",
            Tone::Muted => "info",
            tone => tone.name(),
        };
        self
    }

    /// Sends the person to a page of the tenant ("/courses/…").
    pub fn redirect(path: impl Into<String>) -> Reply {
        Reply { redirect: path.into(), ..Reply::default() }
    }

    fn json(&self) -> String {
        json::object(|o| {
            if !self.redirect.is_empty() {
                o.add("redirect", &self.redirect);
                return;
            }
            if !self.message.is_empty() {
                o.add("message", short(&self.message));
                o.add("state", self.state);
            }
            if let Some(tree) = &self.tree {
                o.raw("tree", &tree.json());
            }
        })
    }
}

/// How many characters a message may have.
const LONGEST: usize = 500;

/// Cuts a message to what the platform takes, in one line.
fn short(message: &str) -> String {
    let mut out: String = message.chars().take(LONGEST).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if message.chars().count() > LONGEST {
        out.pop();
        out.push('…');
    }
    out
}

/// Shows a slot as the platform does.
pub fn display(input: &[u8], draw: fn(&Place) -> Result<Option<Node>, Error>) -> Result<String, Error> {
    draw(&Place::read(input)?).map(|node| node.unwrap_or_default().json())
}

/// Lets somebody press a button or send a form, as the platform does.
pub fn perform(input: &[u8], act: fn(&Act) -> Result<Reply, Error>) -> Result<String, Error> {
    act(&Act::read(input)?).map(|reply| reply.json())
}

#[cfg(test)]
mod tests {
    use super::{display, perform};
    use crate::ui::{Card, Reply, Text, Tone};
    use crate::{Error, Kind};

    #[test]
    fn shows_who_looks() {
        let draw = |input: &str| {
            display(input.as_bytes(), |p| {
                let Some(v) = p.person() else { return Ok(None) };
                Ok(Some(Text::new(v.id().to_string() + p.slot() + p.course() + p.settings().get("a").text().unwrap_or("-") + if v.has(&["staff", "admin"]) { "!" } else { "" }).into()))
            })
        };
        assert_eq!(draw("{}").unwrap(), "null");
        assert_eq!(draw(r#"{"person":null}"#).unwrap(), "null");
        assert_eq!(draw(r#"{"slot":"s","course":"c","settings":{"a":"b"},"person":{"id":"p","roles":["learner"]}}"#).unwrap(), r#"{"kind":"text","text":"pscb"}"#);
        assert_eq!(draw(r#"{"person":{"id":"p","roles":["learner","staff"]}}"#).unwrap(), r#"{"kind":"text","text":"p-!"}"#);
        assert_eq!(draw("x").unwrap_err().kind, Kind::Invalid);
    }

    #[test]
    fn answers() {
        let act = |input: &str| {
            perform(input.as_bytes(), |a| match a.values().get("do").text().unwrap_or_default() {
                "say" => Ok(Reply::say("a\nb", Tone::Muted)),
                "long" => Ok(Reply::say("é".repeat(501), Tone::Neutral)),
                "fit" => Ok(Reply::say("é".repeat(500), Tone::Bad)),
                "show" => Ok(Reply::show(Card::new("")).and_say("c", Tone::Warn)),
                "away" => Ok(Reply::redirect("/courses")),
                "fail" => Err(Error::new(Kind::Conflict, a.action().to_string() + a.id())),
                _ => Ok(Reply::default()),
            })
        };
        let (cut, whole) = ("é".repeat(499) + "…", "é".repeat(500));
        for (what, want) in [
            ("say", r#"{"message":"a b","state":"info"}"#.to_string()),
            ("long", [r#"{"message":""#, &cut, r#"","state":"ok"}"#].concat()),
            ("fit", [r#"{"message":""#, &whole, r#"","state":"bad"}"#].concat()),
            ("show", r#"{"message":"c","state":"warn","tree":{"kind":"card","children":[]}}"#.into()),
            ("away", r#"{"redirect":"/courses"}"#.into()),
            ("", "{}".into()),
        ] {
            assert_eq!(act(&[r#"{"values":{"do":""#, what, r#""}}"#].concat()).unwrap(), want);
        }
        assert_eq!(act(r#"{"id":"1","action":"a","values":{"do":"fail"}}"#).unwrap_err(), Error::new(Kind::Conflict, "a1"));
    }
}
