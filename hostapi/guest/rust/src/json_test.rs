use crate::json::{array, object, Document, Type};
use crate::{ask, run, set_host, tell, Answer, Error, Kind, Question, Task};

fn text(json: &[u8]) -> Option<String> {
    Document::parse(json).ok()?.root().text().map(String::from)
}

#[test]
fn strings() {
    for (json, want) in [
        (&br#""""#[..], Some("")),
        (br#""a\"\\\/\b\f\n\r\t""#, Some("a\"\\/\u{8}\u{c}\n\r\t")),
        (br#""\u0063\u00e9\u2028""#, Some("cé\u{2028}")),
        (br#""\ud83d\ude00""#, Some("😀")),
        (br#""\uD83D\uD83D\uDE00\ud83dA\udc00""#, Some("\u{fffd}😀\u{fffd}A\u{fffd}")),
        (b"\"\xff\xc3(\xe2\x82\"", Some("\u{fffd}\u{fffd}(\u{fffd}\u{fffd}")),
        (b"\"\xed\xa0\x80\xf4\x90\x80\x80\"", Some("\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}")),
        (br#""\x""#, None),
        (br#""\u12g4""#, None),
        (br#""\u+123""#, None),
        (b"\"\n\"", None),
        (br#""a"#, None),
        (br#""\"#, None),
    ] {
        assert_eq!(text(json).as_deref(), want, "{}", String::from_utf8_lossy(json));
    }
}

#[test]
fn numbers() {
    let integer = |s: &str| Document::parse(s.as_bytes()).map(|d| d.root().integer());
    for (json, want) in [
        ("0", Ok(Some(0))),
        ("-0", Ok(Some(0))),
        ("9223372036854775807", Ok(Some(i64::MAX))),
        ("-9223372036854775808", Ok(Some(i64::MIN))),
        ("9223372036854775808", Ok(None)),
        ("18446744073709551623", Ok(None)),
        ("7.0", Ok(None)),
        ("1e2", Ok(None)),
    ] {
        assert_eq!(integer(json), want, "{json}");
    }
    for json in ["07", "+7", ".5", "1.", "1e", "1e+", "-", "--7", "0x7", "NaN", "7_0", ""] {
        assert!(integer(json).is_err(), "{json} was taken");
    }
    assert_eq!(Document::parse(b"-1.5e3").unwrap().root().float(), Some(-1500.0));
}

#[test]
fn structure() {
    for json in ["{", "{\"a\":1,}", "{\"a\" 1}", "{a:1}", "[1,2", "[1,]", "[1}", "{,}", "tru", "truex", "{}x", "{}{}", "\u{feff}{}", "\u{b}{}", "{}\0", " "] {
        assert!(Document::parse(json.as_bytes()).is_err(), "{json:?} was taken");
    }
    let d = Document::parse(b" {\"a\" : [1, {\"b\":null}], \"c\":true, \"a\":2,\"e\":{} } ").unwrap();
    assert_eq!(d.root().get("a").integer(), Some(2));
    assert_eq!(d.root().members().map(|(k, v)| format!("{k}={}", v.json())).collect::<String>(), "a=[1, {\"b\":null}]c=truea=2e={}");
    assert_eq!(d.root().get("c").boolean(), Some(true));
    assert_eq!(d.root().get("A").get("b").of_type(), Type::None);
    assert!(d.root().get("e").members().next().is_none() && d.root().get("e").of_type() == Type::Object);
}

#[test]
fn depth() {
    let nested = |n: usize| "[".repeat(n) + &"]".repeat(n);
    assert!(Document::parse(nested(10_000).as_bytes()).is_ok());
    assert_eq!(Document::parse(nested(10_001).as_bytes()).err().map(|f| f.at), Some(10_001));
}

#[test]
fn writing() {
    let d = Document::parse(br#"{"x": [1, 2]}"#).unwrap();
    let got = object(|o| {
        o.add("a\"", "\u{7}\u{2028}\n<é>\u{7f}");
        o.add("n", i64::MIN);
        o.add("list", vec![Some(true), None]);
        o.add("x", d.root().get("x"));
        o.add("y", d.root().get("y"));
        o.array("z", |l| {
            l.add(1);
            l.object(|_| ());
            l.array(|l| l.raw("null"));
        });
    });
    assert_eq!(got, "{\"a\\\"\":\"\\u0007\\u2028\\n<é>\u{7f}\",\"n\":-9223372036854775808,\"list\":[true,null],\"x\":[1, 2],\"y\":null,\"z\":[1,{},[null]]}");
    assert_eq!(array(|_| ()), "[]");
}

#[test]
fn hooks() {
    fn decide(q: &Question) -> Answer {
        match q.data().get("mode").text() {
            Some("a") => Answer::refuse("no", "No.").redirect("/x"),
            Some("type") => Answer::refuse(q.r#type(), q.actor()),
            Some(m) => Answer::change(object(|o| o.add("mode", m))).stop(),
            None => Answer::pass(),
        }
    }
    assert_eq!(ask(b"{}", decide).unwrap(), "{}");
    assert_eq!(ask(br#"{"data":{"mode":"b"}}"#, decide).unwrap(), r#"{"patch":{"mode":"b"},"stop":true}"#);
    assert_eq!(ask(br#"{"data":{"mode":"a"}}"#, decide).unwrap(), r#"{"refuse":{"code":"no","message":"No.","effect":{"kind":"redirect","redirect":"/x"}}}"#);
    assert_eq!(ask(br#"{"type":"t","actor":"p","data":{"mode":"type"}}"#, decide).unwrap(), r#"{"refuse":{"code":"t","message":"p"}}"#);
    assert_eq!(ask(b"x", decide).unwrap_err(), Error::new(Kind::Invalid, "what stands at byte 0 is not JSON"));

    set_host(|operation, input| match operation {
        "kv.get" => Ok(format!("{{\"value\":{input}}}")),
        _ => Err(Error::new(Kind::Denied, "not here")),
    });
    assert_eq!(tell(b"{}", |e| crate::call("kv.get", e.id()).map(drop)).unwrap(), "{}");
    assert_eq!(tell(b"{}", |_| crate::call("x", "").map(drop)).unwrap_err().to_string(), "denied: not here");
    let next = |t: &Task| Ok(t.state().integer().filter(|n| *n < 2).map(|n| (n + 1).to_string()));
    assert_eq!(run(br#"{"state":1}"#, next).unwrap(), r#"{"again":2}"#);
    assert_eq!(run(br#"{"state":2}"#, next).unwrap(), "{}");
}
