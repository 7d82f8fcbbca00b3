//! A card beside a course that says how many days are left until something, and how much
//! of the time has passed. Days are those of UTC, as the platform gives the time.
//!
//!     cargo build --release --target wasm32-unknown-unknown && cp target/wasm32-unknown-unknown/release/countdown.wasm main.wasm

use trellis_guest::ui::{Card, Node, Place, Progress, Text, Tone};
use trellis_guest::Error;

trellis_guest::show!("card", draw);

/// Numbers the days of the Gregorian calendar; None for what does not begin with one.
fn number(day: &str) -> Option<i64> {
    let part = |from, to| day.get(from..to)?.parse::<u16>().ok().map(i64::from);
    let (year, month, date) = (part(0, 4)?, part(5, 7)?, part(8, 10)?);
    if day.as_bytes()[4] != b'-' || day.as_bytes()[7] != b'-' || !(1..=12).contains(&month) || !(1..=31).contains(&date) {
        return None;
    }
    // A year that begins in March has its odd day at the end.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    Some(year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + (month * 153 + 2) / 5 + date)
}

fn draw(p: &Place) -> Result<Option<Node>, Error> {
    let set = |key| p.settings().get(key).text().unwrap_or_default();
    let (Some(today), Some(day)) = (number(p.time()), number(set("day"))) else { return Ok(None) };
    let what = set("what");
    let left = day - today;
    let said = match left {
        0 => Text::new("Today is the day of ").bold(what).plain("."),
        1 => Text::new("").bold("1 day").plain(" until ").link(what, set("link")).plain("."),
        n if n > 1 => Text::new("").bold([&n.to_string(), " days"].concat()).plain(" until ").link(what, set("link")).plain("."),
        _ => return Ok(None), // it is over
    };
    let passed = number(set("from")).filter(|from| *from < day && *from <= today);
    let passed = passed.map(|from| Progress::new("Time that has passed", (today - from) as f64, (day - from) as f64));
    Ok(Some(Card::new("").add(said.tone(if left <= 3 { Tone::Warn } else { Tone::Neutral })).add(passed).into()))
}

#[cfg(test)]
mod tests {
    use super::{draw, number};
    use trellis_guest::json::object;
    use trellis_guest::ui::display;

    #[test]
    fn counts() {
        let days = |a, b| number(b).unwrap() - number(a).unwrap();
        assert_eq!((days("2024-02-28", "2024-03-01"), days("2026-02-28", "2026-03-01"), days("1999-12-31", "2000-12-31"), days("2026-01-31", "2026-12-31")), (2, 1, 366, 334));
        assert!(["", "soon", "2026-13-01", "2026/01/01", "2026-1-1", "-026-01-01"].iter().all(|d| number(d).is_none()));
    }

    #[test]
    fn shows() {
        for (today, from, want) in [
            ("2026-01-01T23:59:59Z", "", r#"{"kind":"card","children":[{"kind":"text","runs":[{"text":"30 days","style":"strong"}," until ",{"text":"the exam","link":"/courses"},"."]}]}"#),
            ("2026-01-30T00:00:00Z", "2026-01-01", r#"{"kind":"card","children":[{"kind":"text","runs":[{"text":"1 day","style":"strong"}," until ",{"text":"the exam","link":"/courses"},"."],"tone":"warn"},{"kind":"progress","label":"Time that has passed","value":29,"max":30}]}"#),
            ("2026-01-31T12:00:00Z", "", r#"{"kind":"card","children":[{"kind":"text","runs":["Today is the day of ",{"text":"the exam","style":"strong"},"."],"tone":"warn"}]}"#),
            ("2026-02-01T00:00:00Z", "", "null"),
        ] {
            let input = object(|o| {
                o.add("time", today);
                o.object("settings", |o| {
                    o.add("what", "the exam");
                    o.add("day", "2026-01-31");
                    o.add("from", from);
                    o.add("link", "/courses");
                });
            });
            assert_eq!(display(input.as_bytes(), draw).unwrap(), want);
        }
        assert_eq!(display(br#"{"time":"2026-01-01T00:00:00Z","settings":{}}"#, draw).unwrap(), "null");
    }
}
