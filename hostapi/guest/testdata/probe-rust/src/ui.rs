//! What tries out the module `ui`: it builds the tree that a recipe describes, which is in
//! libraries_test.go what the other languages build, too.

use trellis_guest::json::{Type, Value};
use trellis_guest::ui::{Badge, Button, Card, Cell, Chart, Details, Field, Form, Heading, Image, List, Node, Progress, Stack, Table, Text, Tone};

fn text<'v>(v: Value<'v>, key: &str) -> &'v str {
    v.get(key).text().unwrap_or_default()
}

fn real(v: Value) -> f64 {
    v.float().unwrap_or(f64::NAN)
}

fn truth(v: Value, key: &str) -> bool {
    v.get(key).boolean() == Some(true)
}

fn tone(v: Value) -> Tone {
    match text(v, "tone") {
        "ok" => Tone::Ok,
        "warn" => Tone::Warn,
        "bad" => Tone::Bad,
        "info" => Tone::Info,
        "muted" => Tone::Muted,
        _ => Tone::Neutral,
    }
}

fn words(v: Value) -> Text {
    let begun = Text::new(text(v, "text"));
    let parts = v.get("runs").items().fold(begun, |t, run| match (run.get("link").text(), text(run, "style")) {
        (Some(to), _) => t.link(text(run, "text"), to),
        (_, "strong") => t.bold(text(run, "text")),
        (_, "em") => t.emphasis(text(run, "text")),
        (_, "code") => t.code(text(run, "text")),
        _ => t.plain(text(run, "text")),
    });
    parts.tone(tone(v))
}

fn progress(v: Value) -> Progress {
    Progress::new(text(v, "label"), real(v.get("value")), real(v.get("max")))
}

fn image(v: Value) -> Image {
    let size = |key| v.get(key).integer().unwrap_or_default() as u32;
    Image::new(text(v, "asset"), text(v, "alt"), size("width"), size("height"))
}

fn button(v: Value) -> Button {
    let b = v.get("values").members().fold(Button::new(text(v, "text"), text(v, "action")), |b, (key, value)| b.with(key, value.text().unwrap_or_default()));
    match text(v, "style") {
        "primary" => b.primary(),
        "danger" => b.danger(),
        _ => b,
    }
}

fn cell(v: Value) -> Cell {
    match text(v, "kind") {
        _ if v.is_absent() => Cell::default(),
        "badge" => Badge::new(text(v, "text"), tone(v)).into(),
        "progress" => progress(v).into(),
        "image" => image(v).into(),
        "button" => button(v).into(),
        _ => words(v).into(),
    }
}

fn table(v: Value) -> Table {
    let columns = v.get("columns").items().fold(Table::new(text(v, "caption")), |t, c| match truth(c, "number") {
        true => t.numbers(text(c, "title")),
        false => t.column(text(c, "title")),
    });
    v.get("rows").items().fold(columns, |t, row| t.row(row.items().map(cell)))
}

fn chart(v: Value) -> Chart {
    let title = text(v, "title");
    let chart = if truth(v, "line") { Chart::lines(title) } else { Chart::bars(title) };
    let chart = chart.labels(v.get("labels").items().filter_map(Value::text));
    v.get("series").items().fold(chart, |c, s| c.series(text(s, "name"), s.get("values").items().map(real)))
}

fn field(v: Value) -> Field {
    let make = match text(v, "type") {
        "textarea" => Field::text_area,
        "number" => Field::number,
        "integer" => Field::integer,
        "checkbox" => Field::checkbox,
        "select" => Field::select,
        "radio" => Field::radio,
        "date" => Field::date,
        _ => Field::text,
    };
    let mut f = make(text(v, "name"), text(v, "label")).hint(text(v, "hint")).days(text(v, "earliest"), text(v, "latest"));
    if truth(v, "required") {
        f = f.required();
    }
    if !v.get("low").is_absent() {
        f = f.between(real(v.get("low")), real(v.get("high")));
    }
    f = f.max_length(v.get("maxlength").integer().unwrap_or_default() as u32);
    let value = v.get("value");
    f = match value.of_type() {
        Type::Boolean => f.value(truth(v, "value")),
        Type::Number => f.value(real(value)),
        Type::String => f.value(text(v, "value")),
        _ => f,
    };
    v.get("options").items().fold(f, |f, o| f.option(text(o, "value"), text(o, "label")))
}

fn form(v: Value) -> Form {
    let f = v.get("fields").items().fold(Form::new(text(v, "action")), |f, v| f.field(field(v)));
    let f = v.get("values").members().fold(f, |f, (key, value)| f.with(key, value.text().unwrap_or_default()));
    let f = match v.get("submit").text() {
        Some(submit) => f.submit(submit),
        None => f,
    };
    match text(v, "style") {
        "primary" => f.primary(),
        "danger" => f.danger(),
        _ => f,
    }
}

pub fn build(v: Value) -> Node {
    let children = || v.get("children").items().map(build);
    match text(v, "kind") {
        _ if v.is_absent() => Node::default(),
        "stack" => {
            let s = if text(v, "direction") == "row" { Stack::row() } else { Stack::new() };
            let s = match text(v, "gap") {
                "small" => s.tight(),
                "large" => s.wide(),
                _ => s,
            };
            s.all(children()).into()
        }
        "card" => Card::new(text(v, "title")).all(children()).into(),
        "heading" => Heading::new(v.get("level").integer().unwrap_or_default() as u8, text(v, "text")).into(),
        "list" => {
            let l = if truth(v, "ordered") { List::numbered() } else { List::new() };
            l.all(v.get("items").items().map(build)).into()
        }
        "details" => {
            let d = Details::new(text(v, "summary")).all(children());
            if truth(v, "open") { d.opened() } else { d }.into()
        }
        "table" => table(v).into(),
        "chart" => chart(v).into(),
        "form" => form(v).into(),
        "badge" => Badge::new(text(v, "text"), tone(v)).into(),
        "progress" => progress(v).into(),
        "image" => image(v).into(),
        "button" => button(v).into(),
        _ => words(v).into(),
    }
}
