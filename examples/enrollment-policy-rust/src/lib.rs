//! An enrolment policy: closed courses, allowed modes, people who are not to be
//! enrolled. The same as ../enrollment-policy, which is in Go.
//!
//!     cargo build --release --target wasm32-unknown-unknown && cp target/wasm32-unknown-unknown/release/enrollment_policy.wasm main.wasm

use trellis_guest::json::{object, Type, Value};
use trellis_guest::{Answer, Question};

trellis_guest::filter!("check", decide);

/// Reads a list of which each item must be one; what is absent is an empty one.
fn list<'d, T>(v: Value<'d>, item: fn(Value<'d>) -> Option<T>) -> Option<Vec<T>> {
    match v.of_type() {
        Type::Array => v.items().map(item).collect(),
        _ if v.is_absent() => Some(Vec::new()),
        _ => None,
    }
}

/// Settings are the policy's, if they are right.
struct Settings<'d> {
    courses: Vec<&'d str>,
    modes: Vec<&'d str>,
    people: Vec<&'d str>,
    numbers: Vec<i64>,
    upgrade: Value<'d>,
    message: &'d str,
}

fn settings(s: Value<'_>) -> Option<Settings<'_>> {
    let upgrade = s.get("upgrade_mode");
    let message = s.get("message");
    let object = |v: Value| v.is_absent() || v.of_type() == Type::Object;
    if !object(s) || !object(upgrade) {
        return None;
    }
    Some(Settings {
        courses: list(s.get("closed_courses"), Value::text)?,
        modes: list(s.get("allowed_modes"), Value::text)?,
        people: list(s.get("blocked_people"), Value::text)?,
        numbers: list(s.get("blocked_numbers"), Value::integer)?,
        upgrade,
        message: if message.is_absent() { "" } else { message.text()? },
    })
}

/// What somebody wants to be enrolled in.
struct Enrolment<'d> {
    id: &'d str,
    number: Option<i64>,
    course: &'d str,
    mode: &'d str,
}

fn enrolment(data: Value<'_>) -> Option<Enrolment<'_>> {
    let user = data.get("user");
    let number = user.get("number");
    Some(Enrolment {
        id: user.get("id").text()?,
        number: if number.is_absent() { None } else { Some(number.integer()?) },
        course: data.get("course_key").text()?,
        mode: data.get("mode").text()?,
    })
}

/// Says whether somebody may be enrolled.
pub fn decide(q: &Question) -> Answer {
    let wrong = || Answer::refuse("invalid_settings", "The settings of the policy are not right.");
    let Some(e) = enrolment(q.data()) else {
        return Answer::refuse("invalid_question", "The policy does not understand the question.");
    };
    let Some(s) = settings(q.settings()) else {
        return wrong();
    };
    let no = |code: &str, usual: &[&str]| Answer::refuse(code, if s.message.is_empty() { usual.concat() } else { s.message.into() });

    if s.people.contains(&e.id) || e.number.is_some_and(|n| s.numbers.contains(&n)) {
        return no("person_blocked", &["You may not enrol at present."]);
    }
    let closed = |c: &&str| c.strip_suffix('*').map_or(*c == e.course, |start| e.course.starts_with(start));
    if s.courses.iter().any(closed) {
        return no("course_closed", &["Enrolment in ", e.course, " is closed."]);
    }
    let to = s.upgrade.get(e.mode);
    let next = match to.text() {
        Some(to) => to,
        None if to.is_absent() => e.mode,
        None => return wrong(),
    };
    if !s.modes.is_empty() && !s.modes.contains(&next) {
        return no("mode_not_allowed", &["The mode ", next, " is not offered."]);
    }
    if next == e.mode {
        return Answer::pass();
    }
    Answer::change(object(|o| o.add("mode", next)))
}

#[cfg(test)]
mod tests {
    use super::decide;

    #[test]
    fn decides() {
        for (settings, want) in [
            ("{}", "{}"),
            (r#"{"closed_courses":["course-v1:A+*"]}"#, r#"{"refuse":{"code":"course_closed","message":"Enrolment in course-v1:A+B+C is closed."}}"#),
            (r#"{"upgrade_mode":{"audit":"verified"}}"#, r#"{"patch":{"mode":"verified"}}"#),
        ] {
            let question = format!(r#"{{"settings":{settings},"data":{{"user":{{"id":"ada"}},"course_key":"course-v1:A+B+C","mode":"audit"}}}}"#);
            assert_eq!(trellis_guest::ask(question.as_bytes(), decide).unwrap(), want);
        }
    }
}
