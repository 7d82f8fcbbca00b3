// What tries out the classes of trees: it builds the tree that a recipe describes, which
// is in libraries_test.go what the other languages build, too.
import { Badge, Button, Card, Cell, Chart, Details, Field, Form, Heading, Image, List, Node, Progress, Stack, Table, Text, Tone, Type, Value } from "../../assemblyscript/assembly/index";

function tone(v: Value): Tone {
  const names = ["", "ok", "warn", "bad", "info", "muted"];
  return <Tone>max(names.indexOf(v.text), 0);
}

function words(v: Value): Text {
  const t = new Text(v.get("text").text), runs = v.get("runs").items();
  for (let i = 0; i < runs.length; i++) {
    const text = runs[i].get("text").text, style = runs[i].get("style"), link = runs[i].get("link");
    if (link.type == Type.Text) t.link(text, link.text);
    else if (style.is("strong")) t.bold(text);
    else if (style.is("em")) t.emphasis(text);
    else if (style.is("code")) t.code(text);
    else t.plain(text);
  }
  return t.tone(tone(v.get("tone")));
}

function button(v: Value): Button {
  const b = new Button(v.get("text").text, v.get("action").text), values = v.get("values").items();
  if (v.get("style").is("primary")) b.primary();
  if (v.get("style").is("danger")) b.danger();
  for (let i = 0; i < values.length; i++) b.with(values[i].key, values[i].text);
  return b;
}

function cell(v: Value): Cell | null {
  const kind = v.get("kind").text;
  if (v.absent) return null;
  if (kind == "badge") return new Badge(v.get("text").text, tone(v.get("tone")));
  if (kind == "progress") return new Progress(v.get("label").text, v.get("value").float, v.get("max").float);
  if (kind == "image") return new Image(v.get("asset").text, v.get("alt").text, <i32>v.get("width").whole, <i32>v.get("height").whole);
  if (kind == "button") return button(v);
  return words(v);
}

function table(v: Value): Table {
  const t = new Table(v.get("caption").text), columns = v.get("columns").items(), rows = v.get("rows").items();
  for (let i = 0; i < columns.length; i++) {
    if (columns[i].get("number").truth) t.numbers(columns[i].get("title").text);
    else t.column(columns[i].get("title").text);
  }
  for (let i = 0; i < rows.length; i++) t.row(rows[i].items().map<Cell | null>((c: Value): Cell | null => cell(c)));
  return t;
}

function chart(v: Value): Chart {
  const c = new Chart(v.get("title").text).labels(v.get("labels").items().map<string>((l: Value): string => l.text)), series = v.get("series").items();
  if (v.get("line").truth) c.lines();
  for (let i = 0; i < series.length; i++) c.series(series[i].get("name").text, series[i].get("values").items().map<f64>((x: Value): f64 => x.float));
  return c;
}

function field(v: Value): Field {
  const name = v.get("name").text, label = v.get("label").text, type = v.get("type").text, value = v.get("value");
  let f = Field.text(name, label);
  if (type == "textarea") f = Field.textArea(name, label);
  if (type == "number") f = Field.number(name, label);
  if (type == "integer") f = Field.integer(name, label);
  if (type == "checkbox") f = Field.checkbox(name, label);
  if (type == "select") f = Field.select(name, label);
  if (type == "radio") f = Field.radio(name, label);
  if (type == "date") f = Field.date(name, label);
  if (v.get("required").truth) f.required();
  if (!v.get("low").absent) f.between(v.get("low").float, v.get("high").float);
  if (!v.get("maxlength").absent) f.maxLength(<i32>v.get("maxlength").whole);
  if (value.type == Type.Number) f.begins(value.float);
  const options = v.get("options").items();
  for (let i = 0; i < options.length; i++) f.option(options[i].get("value").text, options[i].get("label").text);
  return f.hint(v.get("hint").text).days(v.get("earliest").text, v.get("latest").text).value(value.text).ticked(value.truth);
}

function form(v: Value): Form {
  const f = new Form(v.get("action").text), fields = v.get("fields").items(), values = v.get("values").items();
  for (let i = 0; i < fields.length; i++) f.field(field(fields[i]));
  for (let i = 0; i < values.length; i++) f.with(values[i].key, values[i].text);
  if (v.get("style").is("primary")) f.primary();
  if (v.get("style").is("danger")) f.danger();
  if (!v.get("submit").absent) f.submit(v.get("submit").text);
  return f;
}

export function build(v: Value): Node | null {
  const kind = v.get("kind").text;
  if (kind == "heading") return new Heading(<i32>v.get("level").whole, v.get("text").text);
  if (kind == "table") return table(v);
  if (kind == "chart") return chart(v);
  if (kind == "form") return form(v);
  if (kind == "stack") {
    const s = v.get("direction").is("row") ? Stack.row() : new Stack();
    if (v.get("gap").is("small")) s.tight();
    if (v.get("gap").is("large")) s.wide();
    const nodes = children(v, "children");
    for (let i = 0; i < nodes.length; i++) s.add(nodes[i]);
    return s;
  }
  if (kind == "card") {
    const c = new Card(v.get("title").text), nodes = children(v, "children");
    for (let i = 0; i < nodes.length; i++) c.add(nodes[i]);
    return c;
  }
  if (kind == "list") {
    const l = v.get("ordered").truth ? List.numbered() : new List(), nodes = children(v, "items");
    for (let i = 0; i < nodes.length; i++) l.add(nodes[i]);
    return l;
  }
  if (kind == "details") {
    const d = new Details(v.get("summary").text), nodes = children(v, "children");
    if (v.get("open").truth) d.opened();
    for (let i = 0; i < nodes.length; i++) d.add(nodes[i]);
    return d;
  }
  return cell(v);
}

function children(v: Value, key: string): (Node | null)[] {
  return v.get(key).items().map<Node | null>((n: Value): Node | null => build(n));
}
