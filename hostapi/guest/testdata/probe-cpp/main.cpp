// An extension that tries out what trellis.hpp offers; libraries_test.go asks it.
#include "ui.hpp"

using namespace trellis;

// What constructors prepare is there in every call, and what `new` gives in one is
// taken back by the next.
struct Prepared {
  int *list = new int[3];
  Prepared() { for (int i = 0; i < 3; i++) list[i] = i + 5; }
  ~Prepared() { list[0] = 0; }
};
static Prepared prepared;

static Answer check(const Question &q) {
  Value mode = q.data["mode"];
  Out patch;
  Object(patch).add("mode", "audit").add("was", mode);
  if (mode.is("redirect")) return refuse("elsewhere", "Not here.").redirect("/courses");
  if (mode.is("change")) return change(patch).stop();
  return pass();
}
TRELLIS_FILTER(check, check)

// hear keeps a note, and fails as that failed.
static Error hear(const Event &e) {
  Out in;
  {
    Object o(in);
    o.add("key", e.id).add("value", e.data["n"]).add("attempt", e.attempt).add("person", e.person);
    Array list(o, "list");
    list.add(true).add(nullptr);
    Object(list).add("a", -1);
  }
  Result r = call("kv.set", in);
  if (!r) return r.error();
  Out said;
  said.add("version ").add(r["version"].number());
  log(Level::warn, said.text());
  return {};
}
TRELLIS_HANDLE(hear, hear)

static Step count(const Task &t) {
  i64 n = 0;
  t.state.get(n);
  if (n >= 2) return n == 2 ? Step::done() : Step(Error{Kind::conflict, "enough"});
  Out state;
  inside::write(state, n + 1);
  return Step::again(state.text());
}
TRELLIS_WORK(count, count)

static Text look(Value in) {
  u8 bytes[8];
  random(bytes, sizeof bytes);
  Out out;
  {
    Object o(out);
    o.add("now", now() > 0).add("echo", in);
    Array list(o, "random");
    for (u8 b : bytes) list.add(static_cast<int>(b));
    list.raw("null");
  }
  int *again = new int[64];
  for (int i = 0; i < 64; i++) again[i] = 99;
  if (prepared.list[0] != 5 || prepared.list[2] != 7) fail("what was prepared is lost");
  return out.text();
}
TRELLIS_HOOK(look, look)

static Text crash(Value) { fail("it was asked to"); }
TRELLIS_HOOK(crash, crash)

static Error wordy(const Event &) {
  Out o;
  for (int i = 0; i < 600; i++) o.add("é");
  return {Kind::denied, o.text()};
}
TRELLIS_HANDLE(wordy, wordy)

static View shows(const Place &p) { return build(p.settings); }
TRELLIS_SHOW(build, shows)

// place says who looks at what, and where.
static View place(const Place &p) {
  if (p.slot == "nowhere") return Error{Kind::not_found, "no such place"};
  if (!p.person) return {};
  Text a;
  p.settings["a"].get(a);
  Out said;
  const Text all[] = {p.slot, p.tenant, p.course, p.locale, p.trace, p.person.id, p.person.name, p.person.email, p.person.username};
  for (Text s : all) said.add(s).byte(' ');
  said.add(p.person.has("staff") ? Text("staff") : Text("others")).byte(' ');
  said.add(p.person.enrolled ? Text("in ") : Text("out ")).add(p.person.mode).byte(' ').add(a);
  return Paragraph(said.text());
}
TRELLIS_SHOW(place, place)

static Reply perform(const Act &a) {
  Text said;
  a.values["say"].get(said);
  if (a.action == "say") return say(said, Tone::neutral);
  if (a.action == "muted") return say(said, Tone::muted);
  if (a.action == "show") return show(Card(a.id)).say(said, Tone::warn);
  if (a.action == "tree") return show(Paragraph(said));
  if (a.action == "fail") return Error{Kind::conflict, said};
  if (a.action != "away") return {};
  Out to;
  to.add("/courses/").add(a.course);
  return redirect(to.text());
}
TRELLIS_ACT(act, perform)
