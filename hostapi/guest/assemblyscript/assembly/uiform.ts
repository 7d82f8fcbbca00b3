// Buttons and forms.
import { Cell, Node, begin } from "./ui";
import { day, given, most, number, said, yes } from "./uitext";
import { Writer } from "./writer";

// Ask is what buttons and forms ask an export for.
class Ask {
  style: string = "";
  keys: string[] = [];
  values: string[] = [];
  constructor(private action: string) {}
  with(key: string, value: string): void {
    const i = this.keys.indexOf(key);
    if (i >= 0) { this.values[i] = value; return; }
    this.keys.push(key);
    this.values.push(value);
  }
  write(w: Writer): void {
    w.key("action").text(this.action);
    if (this.keys.length) {
      w.key("values").open();
      for (let i = 0; i < this.keys.length; i++) w.key(this.keys[i]).text(this.values[i]);
      w.close();
    }
    given(w, "style", this.style);
  }
}

// Button is a button that asks an export, which is one of the slot's actions in the
// manifest. The text says what is done to what.
export class Button extends Cell {
  private ask: Ask;
  constructor(private text: string, action: string) {
    super();
    this.ask = new Ask(action);
  }
  // with gives the export a value; keys are letters, digits and _.
  with(key: string, value: string): this {
    this.ask.with(key, value);
    return this;
  }
  // primary is the button that most people will want, danger one for what cannot be
  // undone.
  primary(): this {
    this.ask.style = "primary";
    return this;
  }
  danger(): this {
    this.ask.style = "danger";
    return this;
  }
  write(w: Writer): void {
    begin(w, "button");
    said(w, "text", this.text);
    this.ask.write(w);
    w.close();
  }
}

// Form asks an export, which is one of the slot's actions in the manifest, with what is
// filled in. Two fields of one name are one: the first.
//
//   new Form("vote").field(Field.radio("seat", "Where?").option("1", "In front").required()).submit("Vote")
export class Form extends Node {
  private ask: Ask;
  private text: string = "Send";
  private fields: Field[] = [];
  constructor(action: string) {
    super();
    this.ask = new Ask(action);
  }
  // field adds a field.
  field(f: Field): this {
    this.fields.push(f);
    return this;
  }
  // submit is what the form's button says: Send, unless it says otherwise.
  submit(text: string): this {
    this.text = text;
    return this;
  }
  // with gives the export a value besides the fields; keys are letters, digits and _.
  with(key: string, value: string): this {
    this.ask.with(key, value);
    return this;
  }
  // primary makes the form's button the one that most people will want, danger one for
  // what cannot be undone.
  primary(): this {
    this.ask.style = "primary";
    return this;
  }
  danger(): this {
    this.ask.style = "danger";
    return this;
  }
  write(w: Writer): void {
    const names: string[] = [];
    begin(w, "form");
    this.ask.write(w);
    w.key("fields").list();
    for (let i = 0; i < this.fields.length; i++) {
      const f = this.fields[i];
      if (names.includes(f.name) || this.ask.keys.includes(f.name)) continue;
      names.push(f.name);
      f.write(w);
    }
    w.end();
    said(w, "submit", this.text);
    w.close();
  }
}

class Choice {
  constructor(public value: string, public label: string) {}
}

// Field is a field of a form. Of its settings those count that its type has.
export class Field {
  private help: string = "";
  private must: bool = false;
  private text: string = "";
  private amount: f64 = NaN;
  private tick: bool = false;
  private low: f64 = -most;
  private high: f64 = most;
  private bounded: bool = false;
  private earliest: string = "";
  private latest: string = "";
  private length: i32 = 0;
  private options: Choice[] = [];
  private constructor(private type: string, public name: string, private label: string) {}

  // text is a line of text. The export is given a string, which may be empty.
  static text(name: string, label: string): Field { return new Field("text", name, label); }
  // textArea is a text of several lines.
  static textArea(name: string, label: string): Field { return new Field("textarea", name, label); }
  // number is a number. The export is given null if it is left empty.
  static number(name: string, label: string): Field { return new Field("number", name, label); }
  // integer is a whole number. The export is given null if it is left empty.
  static integer(name: string, label: string): Field { return new Field("integer", name, label); }
  // checkbox is a yes or no. The export is given true or false.
  static checkbox(name: string, label: string): Field { return new Field("checkbox", name, label); }
  // select is a choice of many. The export is given null if nothing is chosen.
  static select(name: string, label: string): Field { return new Field("select", name, label); }
  // radio is a choice of few, which are all seen. The export is given null if nothing is
  // chosen.
  static radio(name: string, label: string): Field { return new Field("radio", name, label); }
  // date is a day. The export is given a string like 2026-01-31, or null.
  static date(name: string, label: string): Field { return new Field("date", name, label); }

  // hint helps to answer.
  hint(text: string): this {
    this.help = text;
    return this;
  }
  // required must be filled in; a checkbox must be ticked.
  required(): this {
    this.must = true;
    return this;
  }
  // between bounds a number, both ends included.
  between(low: f64, high: f64): this {
    this.low = min(low, high);
    this.high = max(low, high);
    this.bounded = true;
    return this;
  }
  // days bounds a day (2026-01-31), both ends included; either may be empty.
  days(earliest: string, latest: string): this {
    this.earliest = day(earliest);
    this.latest = day(latest);
    if (this.earliest.length && this.latest.length && this.earliest > this.latest) {
      const first = this.latest;
      this.latest = this.earliest;
      this.earliest = first;
    }
    return this;
  }
  // maxLength bounds a text, in characters.
  maxLength(n: i32): this {
    this.length = min(n, 16 << 10);
    return this;
  }
  // option adds a thing to choose: what the export is given, which is not empty, and
  // what is seen: the value, if that is empty.
  option(value: string, label: string = ""): this {
    if (value.length && !this.offers(value)) this.options.push(new Choice(value, label));
    return this;
  }
  // value is what a text or a day begins with, or the option that is chosen; begins what
  // a number begins with; a checkbox begins ticked. What could not be entered is not there.
  value(text: string): this {
    this.text = text;
    return this;
  }
  begins(x: f64): this {
    this.amount = x;
    return this;
  }
  ticked(is: bool = true): this {
    this.tick = is;
    return this;
  }

  private offers(value: string): bool {
    for (let i = 0; i < this.options.length; i++) if (this.options[i].value == value) return true;
    return false;
  }

  write(w: Writer): void {
    w.open().key("type").text(this.type).key("name").text(this.name);
    said(w, "label", this.label);
    given(w, "hint", this.help);
    yes(w, "required", this.must);
    if (this.type == "text" || this.type == "textarea") {
      if (this.length > 0) w.key("maxlength").whole(this.length);
      given(w, "default", this.text);
    } else if (this.type == "checkbox") yes(w, "default", this.tick);
    else if (this.type == "number" || this.type == "integer") this.writeNumber(w);
    else if (this.type == "date") this.writeDay(w);
    else this.writeOptions(w);
    w.close();
  }

  private writeNumber(w: Writer): void {
    const whole = this.type == "integer", x = this.amount;
    const low = whole ? Math.ceil(this.low) : this.low, high = whole ? Math.floor(this.high) : this.high;
    if (this.bounded && low <= high) {
      number(w.key("min"), low);
      number(w.key("max"), high);
    }
    if (Math.abs(x) <= most && x >= low && x <= high && (!whole || x == Math.trunc(x))) number(w.key("default"), x);
  }

  private writeDay(w: Writer): void {
    const value = day(this.text);
    given(w, "earliest", this.earliest);
    given(w, "latest", this.latest);
    if (value >= this.earliest && (!this.latest.length || value <= this.latest)) given(w, "default", value);
  }

  private writeOptions(w: Writer): void {
    if (!this.options.length) this.options.push(new Choice("–", ""));
    w.key("options").list();
    for (let i = 0; i < this.options.length; i++) {
      const o = this.options[i];
      if (o.label.length) w.open().key("value").text(o.value).key("label").text(o.label).close();
      else w.text(o.value);
    }
    w.end();
    if (this.offers(this.text)) w.key("default").text(this.text);
  }
}
