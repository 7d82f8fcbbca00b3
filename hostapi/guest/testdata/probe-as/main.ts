// An extension that tries out what the library offers; libraries_test.go asks it.
import { Act, Answer, Card, Event, Kind, Level, Place, Problem, Question, Reply, Step, Task, Text, Tone, Value, View, Writer, action, call, filter, handle, hook, log, now, random, slot, work } from "../../assemblyscript/assembly/index";
import { build as built } from "./ui";

export { trellis_alloc } from "../../assemblyscript/assembly/index";

export function check(ptr: usize, len: i32): u64 {
  return filter(ptr, len, (q: Question): Answer => {
    const mode = q.data.get("mode");
    if (mode.is("redirect")) return Answer.refuse("elsewhere", "Not here.").redirect("/courses");
    if (mode.is("change")) return Answer.change(new Writer().open().key("mode").text("audit").key("was").value(mode).close().toString()).stop();
    return Answer.pass();
  });
}

// hear keeps a note, and fails as that failed.
export function hear(ptr: usize, len: i32): u64 {
  return handle(ptr, len, (e: Event): Problem | null => {
    const w = new Writer().open().key("key").text(e.id).key("value").value(e.data.get("n"));
    w.key("attempt").whole(e.attempt).key("person").text(e.person);
    w.key("list").list().truth(true).none().open().key("a").whole(-1).close().end().close();
    const r = call("kv.set", w.toString());
    if (r.ok) log(Level.Warn, "version " + r.value.get("version").number);
    return r.problem;
  });
}

export function count(ptr: usize, len: i32): u64 {
  return work(ptr, len, (t: Task): Step => {
    const n = t.state.whole;
    if (n > 2) return Step.failed(new Problem(Kind.Conflict, "enough"));
    return n == 2 ? Step.done() : Step.again((n + 1).toString());
  });
}

export function look(ptr: usize, len: i32): u64 {
  return hook(ptr, len, (v: Value): string => {
    const bytes = Uint8Array.wrap(random(8));
    const w = new Writer().open().key("now").truth(now() > 0).key("echo").value(v).key("random").list();
    for (let i = 0; i < bytes.length; i++) w.whole(bytes[i]);
    return w.raw("null").end().close().toString();
  });
}

export function crash(ptr: usize, len: i32): u64 {
  return hook(ptr, len, (v: Value): string => { throw new Error("it was asked to"); });
}

export function wordy(ptr: usize, len: i32): u64 {
  return handle(ptr, len, (e: Event): Problem | null => new Problem(Kind.Denied, "é".repeat(600)));
}

export function build(ptr: usize, len: i32): u64 { return slot(ptr, len, (p: Place): View => View.show(built(p.settings))); }

// place says who looks at what, and where.
export function place(ptr: usize, len: i32): u64 {
  return slot(ptr, len, (p: Place): View => {
    const v = p.person;
    if (p.slot == "nowhere") return View.failed(new Problem(Kind.NotFound, "no such place"));
    if (!v) return View.nothing();
    return View.show(new Text([p.slot, p.tenant, p.course, p.locale, p.trace, v.id, v.name, v.email, v.username, v.has("staff") ? "staff" : "others", v.isEnrolled ? "in" : "out", v.mode, p.settings.get("a").text].join(" ")));
  });
}

export function act(ptr: usize, len: i32): u64 {
  return action(ptr, len, (a: Act): Reply => {
    const said = a.values.get("say").text;
    if (a.action == "say") return Reply.say(said, Tone.Neutral);
    if (a.action == "muted") return Reply.say(said, Tone.Muted);
    if (a.action == "show") return Reply.show(new Card(a.id)).andSay(said, Tone.Warn);
    if (a.action == "tree") return Reply.show(new Text(said));
    if (a.action == "away") return Reply.redirect("/courses/" + a.course);
    return a.action == "fail" ? Reply.failed(new Problem(Kind.Conflict, said)) : new Reply();
  });
}
