use crate::json::{Document, Value};
use crate::{json, Answer, Error, Kind};

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident)*) => { $(
        $(#[$doc])*
        pub fn $name(&self) -> &str {
            self.all().get(stringify!($name).trim_start_matches("r#")).text().unwrap_or_default()
        }
    )* };
}
pub(crate) use texts;

macro_rules! values {
    ($($(#[$doc:meta])* $name:ident)*) => { $(
        $(#[$doc])*
        pub fn $name(&self) -> Value<'_> {
            self.all().get(stringify!($name))
        }
    )* };
}
pub(crate) use values;

macro_rules! message {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        pub struct $type<'a> {
            document: Document<'a>,
        }

        impl<'a> $type<'a> {
            pub(crate) fn read(input: &'a [u8]) -> Result<$type<'a>, Error> {
                match Document::parse(input) {
                    Ok(document) => Ok($type { document }),
                    Err(e) => Err(Error::new(Kind::Invalid, e.to_string())),
                }
            }

            /// Returns all of it, with what has no name here.
            pub fn all(&self) -> Value<'_> {
                self.document.root()
            }
        }
    };
}
pub(crate) use message;

message!(
    /// What a filter is asked.
    Question
);

impl Question<'_> {
    texts! {
        /// Returns the ID of this asking.
        id
        /// Returns the type of the filter.
        r#type
        /// Returns when it is asked (RFC 3339).
        time
        /// Returns the name of the tenant.
        tenant
        /// Returns who would do it.
        actor
        /// Returns the key of the course that it concerns, if it concerns one.
        course
        /// Returns the trace of the request.
        trace
    }
    values! {
        /// Returns the extension's settings, as they are in force there.
        settings
        /// Returns what would happen.
        data
    }
}

message!(
    /// Something that has happened. Its ID is the same when it is told again.
    Event
);

impl Event<'_> {
    texts! {
        /// Returns the ID of the event: the idempotency key.
        id
        /// Returns who tells of it.
        source
        /// Returns the type of the event.
        r#type
        /// Returns what it is about.
        subject
        /// Returns the name of the tenant.
        tenant
        /// Returns who did it.
        actor
        /// Returns the ID of the person whom it concerns, if it concerns one.
        person
        /// Returns the key of the course that it concerns, if it concerns one.
        course
        /// Returns when it happened (RFC 3339).
        time
        /// Returns the trace of what gave rise to it.
        trace
    }
    values! {
        /// Returns the extension's settings, as they are in force there.
        settings
        /// Returns what has happened.
        data
    }

    /// Returns its place in the log.
    pub fn position(&self) -> i64 {
        self.all().get("position").integer().unwrap_or_default()
    }

    /// Returns 1 for the first time that it is told.
    pub fn attempt(&self) -> i64 {
        self.all().get("attempt").integer().unwrap_or_default()
    }
}

message!(
    /// Work at a set time or in the background.
    Task
);

impl Task<'_> {
    texts! {
        /// Returns the ID of the job.
        id
        /// Returns the name of the schedule or the job.
        name
        /// Returns when it is called (RFC 3339).
        time
        /// Returns the name of the tenant.
        tenant
        /// Returns the trace of the job.
        trace
    }
    values! {
        /// Returns the extension's settings, as they are in force there.
        settings
        /// Returns what the job was given.
        input
        /// Returns what the call before returned, if there was one.
        state
    }
}

/// Asks a filter as the platform does, and returns its answer.
pub fn ask(input: &[u8], decide: fn(&Question) -> Answer) -> Result<String, Error> {
    Ok(decide(&Question::read(input)?).json())
}

/// Tells of an event as the platform does.
pub fn tell(input: &[u8], hear: fn(&Event) -> Result<(), Error>) -> Result<String, Error> {
    hear(&Event::read(input)?).map(|()| "{}".into())
}

/// Lets a part of some work be done as the platform does.
pub fn run(input: &[u8], work: fn(&Task) -> Result<Option<String>, Error>) -> Result<String, Error> {
    let state = work(&Task::read(input)?)?;
    Ok(json::object(|o| {
        if let Some(state) = state {
            o.raw("again", &state);
        }
    }))
}
