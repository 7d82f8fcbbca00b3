// What tries out trellis_ui.hpp: it builds the tree that a recipe describes, which is
// in libraries_test.go what the other languages build, too.
#include "trellis_ui.hpp"

namespace {

using namespace trellis;

Text text(Value v) {
  Text s;
  v.get(s);
  return s;
}
double real(Value v) {
  double x = __builtin_nan("");
  v.get(x);
  return x;
}
bool truth(Value v) {
  bool is = false;
  v.get(is);
  return is;
}
Tone tone(Value v) {
  return v.is("ok") ? Tone::ok : v.is("warn") ? Tone::warn : v.is("bad") ? Tone::bad : v.is("info") ? Tone::info : v.is("muted") ? Tone::muted : Tone::neutral;
}

Node build(Value v);

template <class H> H &fill(H &h, Value nodes) {
  for (Value n : nodes) h.add(build(n));
  return h;
}

Node stack(Stack &&s, Value v) {
  if (v["gap"].is("small")) s.tight();
  if (v["gap"].is("large")) s.wide();
  return fill(s, v["children"]);
}

template <class A> A &asked(A &a, Value v) {
  if (v["style"].is("primary")) a.primary();
  if (v["style"].is("danger")) a.danger();
  for (Value m : v["values"]) a.with(m.key(), text(m));
  return a;
}

void words(Paragraph &p, Value v) {
  for (Value run : v["runs"]) {
    Text s = text(run["text"]);
    if (run["link"]) p.link(s, text(run["link"]));
    else if (run["style"].is("strong")) p.bold(s);
    else if (run["style"].is("em")) p.emphasis(s);
    else if (run["style"].is("code")) p.code(s);
    else p.plain(s);
  }
  p.tone(tone(v["tone"]));
}

Cell cell(Value v) {
  if (v["kind"].is("badge")) return Badge(text(v["text"]), tone(v["tone"]));
  if (v["kind"].is("progress")) return Progress(text(v["label"]), real(v["value"]), real(v["max"]));
  if (v["kind"].is("image")) return Image(text(v["asset"]), text(v["alt"]), static_cast<int>(real(v["width"])), static_cast<int>(real(v["height"])));
  if (v["kind"].is("button")) {
    Button b(text(v["text"]), text(v["action"]));
    return asked(b, v);
  }
  if (v.absent()) return Cell();
  Paragraph p(text(v["text"]));
  words(p, v);
  return p;
}

Node table(Value v) {
  Table t(text(v["caption"]));
  for (Value c : v["columns"]) truth(c["number"]) ? t.numbers(text(c["title"])) : t.column(text(c["title"]));
  for (Value r : v["rows"]) {
    t.row();
    for (Value c : r) t.cell(cell(c));
  }
  return t;
}

Node chart(Value v) {
  Value of[3];
  Text names[3];
  u32 n = 0;
  for (Value s : v["series"])
    if (n < 3) of[n] = s["values"], names[n++] = text(s["name"]);
  auto draw = [&](Chart &&c) -> Node {
    if (truth(v["line"])) c.lines();
    u32 at = 0;
    for (Value label : v["labels"]) {
      double x[3] = {};
      for (u32 k = 0; k < 3; k++) {
        u32 i = 0;
        for (Value y : of[k])
          if (i++ == at) x[k] = real(y);
      }
      c.point(text(label), x[0], x[1], x[2]);
      at++;
    }
    return c;
  };
  Text title = text(v["title"]);
  switch (n) {
  case 0: return draw(Chart(title));
  case 1: return draw(Chart(title, names[0]));
  case 2: return draw(Chart(title, names[0], names[1]));
  }
  return draw(Chart(title, names[0], names[1], names[2], "a fourth"));
}

template <class F> Field field(Value v) {
  F f(text(v["name"]), text(v["label"]));
  f.hint(text(v["hint"]));
  if (truth(v["required"])) f.required();
  if (v["low"]) f.between(real(v["low"]), real(v["high"]));
  f.days(text(v["earliest"]), text(v["latest"])).value(text(v["value"])).ticked(truth(v["value"]));
  if (v["value"].number().size()) f.number(real(v["value"]));
  if (v["maxlength"]) f.max_length(static_cast<u32>(real(v["maxlength"])));
  for (Value o : v["options"]) f.option(text(o["value"]), text(o["label"]));
  return f;
}

Field field_of(Value v) {
  Value type = v["type"];
  if (type.is("textarea")) return field<TextArea>(v);
  if (type.is("number")) return field<NumberField>(v);
  if (type.is("integer")) return field<IntegerField>(v);
  if (type.is("checkbox")) return field<Checkbox>(v);
  if (type.is("select")) return field<Select>(v);
  if (type.is("radio")) return field<Radio>(v);
  if (type.is("date")) return field<DateField>(v);
  return field<TextField>(v);
}

Node form(Value v) {
  Form f(text(v["action"]));
  for (Value m : v["fields"]) f.add(field_of(m));
  if (v["submit"]) f.submit(text(v["submit"]));
  return asked(f, v);
}

Node build(Value v) {
  Value kind = v["kind"];
  if (v.absent()) return Node();
  if (kind.is("stack")) return v["direction"].is("row") ? stack(Row(), v) : stack(Stack(), v);
  if (kind.is("card")) {
    Card c(text(v["title"]));
    return fill(c, v["children"]);
  }
  if (kind.is("heading")) return Heading(static_cast<int>(real(v["level"])), text(v["text"]));
  if (kind.is("list")) {
    List list;
    Numbered numbered;
    if (truth(v["ordered"])) return fill(numbered, v["items"]);
    return fill(list, v["items"]);
  }
  if (kind.is("details")) {
    Details d(text(v["summary"]));
    if (truth(v["open"])) d.opened();
    return fill(d, v["children"]);
  }
  if (kind.is("table")) return table(v);
  if (kind.is("chart")) return chart(v);
  if (kind.is("form")) return form(v);
  if (kind.is("badge")) return Badge(text(v["text"]), tone(v["tone"]));
  if (kind.is("progress")) return Progress(text(v["label"]), real(v["value"]), real(v["max"]));
  if (kind.is("image")) return Image(text(v["asset"]), text(v["alt"]), static_cast<int>(real(v["width"])), static_cast<int>(real(v["height"])));
  if (kind.is("button")) {
    Button b(text(v["text"]), text(v["action"]));
    return asked(b, v);
  }
  Paragraph p(text(v["text"]));
  words(p, v);
  return p;
}

} // namespace
