// An extension that tries out what the library offers; libraries_test.go asks it.
import { Answer, Event, Kind, Level, Problem, Question, Step, Task, Value, Writer, call, filter, handle, hook, log, now, random, work } from "../../assemblyscript/assembly/index";

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
