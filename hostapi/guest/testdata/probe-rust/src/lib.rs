//! An extension that tries out what the crate offers; libraries_test.go asks it.

use trellis_guest::json::{object, Value};
use trellis_guest::ui::{Act, Card, Node, Place, Reply, Text, Tone};
use trellis_guest::{act, call, filter, handle, hook, log, now, random, show, work, Answer, Error, Event, Kind, Level, Question, Task};

mod ui;

filter!("check", check);
handle!("hear", hear);
work!("count", count);
hook!("look", look);
hook!("crash", |_| panic!("it was asked to"));
show!("build", |p| Ok(Some(ui::build(p.settings()))));
show!("place", place);
act!("act", perform);
handle!("wordy", |_| Err(Error::new(Kind::Denied, "é".repeat(600))));

fn check(q: &Question) -> Answer {
    let mode = q.data().get("mode");
    match mode.text() {
        Some("redirect") => Answer::refuse("elsewhere", "Not here.").redirect("/courses"),
        Some("change") => Answer::change(object(|o| {
            o.add("mode", "audit");
            o.add("was", mode);
        }))
        .stop(),
        _ => Answer::pass(),
    }
}

/// Keeps a note, and fails as that failed.
fn hear(e: &Event) -> Result<(), Error> {
    let input = object(|o| {
        o.add("key", e.id());
        o.add("value", e.data().get("n"));
        o.add("attempt", e.attempt());
        o.add("person", e.person());
        o.array("list", |l| {
            l.add(true);
            l.add(None::<bool>);
            l.object(|o| o.add("a", -1));
        });
    });
    let answer = call("kv.set", &input)?;
    let document = trellis_guest::json::Document::parse(answer.as_bytes()).map_err(|f| Error::new(Kind::Internal, f.to_string()))?;
    log(Level::Warn, &["version ", document.root().get("version").number().unwrap_or_default()].concat());
    Ok(())
}

fn count(t: &Task) -> Result<Option<String>, Error> {
    match t.state().integer().unwrap_or_default() {
        2 => Ok(None),
        n if n > 2 => Err(Error::new(Kind::Conflict, "enough")),
        n => Ok(Some((n + 1).to_string())),
    }
}

fn look(input: Value) -> Result<String, Error> {
    let mut bytes = [0; 8];
    random(&mut bytes);
    Ok(object(|o| {
        o.add("now", now() > 0);
        o.add("echo", input);
        o.array("random", |l| {
            bytes.iter().for_each(|b| l.add(*b));
            l.raw("null");
        });
    }))
}

/// Says who looks at what, and where.
fn place(p: &Place) -> Result<Option<Node>, Error> {
    if p.slot() == "nowhere" {
        return Err(Error::new(Kind::NotFound, "no such place"));
    }
    let Some(v) = p.person() else { return Ok(None) };
    let has = if v.has(&["staff"]) { "staff" } else { "others" };
    let place = if v.is_enrolled() { "in" } else { "out" };
    let said = [p.slot(), p.tenant(), p.course(), p.locale(), p.trace(), v.id(), v.name(), v.email(), v.username(), has, place, v.mode(), p.settings().get("a").text().unwrap_or_default()];
    Ok(Some(Text::new(said.join(" ")).into()))
}

fn perform(a: &Act) -> Result<Reply, Error> {
    let said = a.values().get("say").text().unwrap_or_default();
    Ok(match a.action() {
        "say" => Reply::say(said, Tone::Neutral),
        "muted" => Reply::say(said, Tone::Muted),
        "show" => Reply::show(Card::new(a.id())).and_say(said, Tone::Warn),
        "tree" => Reply::show(Text::new(said)),
        "away" => Reply::redirect(["/courses/", a.course()].concat()),
        "fail" => return Err(Error::new(Kind::Conflict, said)),
        _ => Reply::default(),
    })
}
