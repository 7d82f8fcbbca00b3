// What an extension shows in a slot: a tree of nodes, of which the platform takes
// whatever can be built here. It refuses a tree of more than 2,000 nodes, of more than
// 24 within each other, or with more than 16 KiB of text in one of them.
//
//   function draw(p: Place): View {
//     const card = new Card("Today").add(new Text("Twelve people ").bold("enrolled").plain("."));
//     return View.show(card.add(new Button("Wave", "wave").primary()));
//   }
//
// A text that must say something and does not is a dash. What takes nodes takes null,
// too, which is left out.
import { blank, given, leads, number, said, yes } from "./uitext";
import { Writer } from "./writer";

// Tone is how something is meant. It is shown by a word or a shape as well as by a
// colour.
export enum Tone {
  Neutral,
  OK,
  Warn,
  Bad,
  Info,  // of badges and messages; a text has none
  Muted, // of less weight; as a badge: off
}

export function toneName(t: Tone): string {
  switch (t) {
    case Tone.OK: return "ok";
    case Tone.Warn: return "warn";
    case Tone.Bad: return "bad";
    case Tone.Info: return "info";
    case Tone.Muted: return "muted";
  }
  return "";
}

// Node is a node of a tree: one of the classes below.
export abstract class Node {
  abstract write(w: Writer): void;
  // writeInner writes the node as it may stand in an array, where a text can be a string.
  writeInner(w: Writer): void { this.write(w); }
}

// Cell is a node that may stand in a table: a Text, Badge, Progress, Image or Button.
export abstract class Cell extends Node {}

// begin begins a node of a kind.
export function begin(w: Writer, kind: string): void { w.open().key("kind").text(kind); }

// Holder is a node with others in it.
export abstract class Holder extends Node {
  private nodes: Node[] = [];
  // add adds a node.
  add(node: Node | null): this {
    if (node) this.nodes.push(node);
    return this;
  }
  protected writeNodes(w: Writer, key: string): void {
    w.key(key).list();
    for (let i = 0; i < this.nodes.length; i++) this.nodes[i].writeInner(w);
    w.end();
  }
}

// Stack shows nodes one below the other, or, made by row, beside each other, as far as
// there is room.
export class Stack extends Holder {
  private direction: string = "";
  private gap: string = "";
  static row(): Stack {
    const s = new Stack();
    s.direction = "row";
    return s;
  }
  // tight leaves little room between the nodes, wide much.
  tight(): this {
    this.gap = "small";
    return this;
  }
  wide(): this {
    this.gap = "large";
    return this;
  }
  write(w: Writer): void {
    begin(w, "stack");
    given(w, "direction", this.direction);
    given(w, "gap", this.gap);
    this.writeNodes(w, "children");
    w.close();
  }
}

// Card frames nodes. The title may be empty.
export class Card extends Holder {
  constructor(private title: string = "") { super(); }
  write(w: Writer): void {
    begin(w, "card");
    given(w, "title", this.title);
    this.writeNodes(w, "children");
    w.close();
  }
}

// List is a list with a point before each item, or, made by numbered, with a number.
export class List extends Holder {
  private ordered: bool = false;
  static numbered(): List {
    const l = new List();
    l.ordered = true;
    return l;
  }
  write(w: Writer): void {
    begin(w, "list");
    yes(w, "ordered", this.ordered);
    this.writeNodes(w, "items");
    w.close();
  }
}

// Details hides nodes until somebody opens them.
export class Details extends Holder {
  private open: bool = false;
  constructor(private summary: string) { super(); }
  // opened is open to begin with.
  opened(): this {
    this.open = true;
    return this;
  }
  write(w: Writer): void {
    begin(w, "details");
    said(w, "summary", this.summary);
    yes(w, "open", this.open);
    this.writeNodes(w, "children");
    w.close();
  }
}

// Heading is a heading; its level is 1 to 3 and counts within the slot.
export class Heading extends Node {
  constructor(private level: i32, private text: string) { super(); }
  write(w: Writer): void {
    begin(w, "heading");
    w.key("level").whole(max(1, min(this.level, 3)));
    said(w, "text", this.text);
    w.close();
  }
}

class Part {
  constructor(public text: string, public style: string, public link: string) {}
}

// Text is a paragraph, or what stands in a cell or is an item of a list. Parts may be
// added to it.
export class Text extends Cell {
  private parts: Part[] = [];
  private meant: Tone = Tone.Neutral;
  constructor(private text: string) { super(); }
  // plain adds a part that is like the rest, bold one that matters, emphasis one that is
  // stressed, code one for machines: an ID, a key.
  plain(text: string): this { return this.part(text, "", ""); }
  bold(text: string): this { return this.part(text, "strong", ""); }
  emphasis(text: string): this { return this.part(text, "em", ""); }
  code(text: string): this { return this.part(text, "code", ""); }
  // link adds a part that leads somewhere: to an address with https:, http: or mailto:,
  // or to a path within the tenant ("/courses/…"). With any other it is a part like the
  // rest.
  link(text: string, to: string): this { return this.part(text, "", leads(to) && !blank(text) ? to : ""); }
  // tone says how the text is meant.
  tone(t: Tone): this {
    this.meant = t == Tone.Info ? Tone.Neutral : t;
    return this;
  }
  private part(text: string, style: string, link: string): this {
    this.parts.push(new Part(text, style, link));
    return this;
  }
  writeInner(w: Writer): void {
    if (!this.parts.length && this.meant == Tone.Neutral) w.text(this.text);
    else this.write(w);
  }
  write(w: Writer): void {
    begin(w, "text");
    if (this.parts.length) {
      w.key("runs").list();
      if (this.text.length) w.text(this.text);
      for (let i = 0; i < this.parts.length; i++) {
        const p = this.parts[i];
        if (!p.style.length && !p.link.length) { w.text(p.text); continue; }
        w.open().key("text").text(p.text);
        given(w, "style", p.style);
        given(w, "link", p.link);
        w.close();
      }
      w.end();
    } else w.key("text").text(this.text);
    given(w, "tone", toneName(this.meant));
    w.close();
  }
}

// Badge is a word for a state.
export class Badge extends Cell {
  constructor(private text: string, private tone: Tone = Tone.Neutral) { super(); }
  write(w: Writer): void {
    begin(w, "badge");
    said(w, "text", this.text);
    given(w, "state", this.tone == Tone.Muted ? "off" : toneName(this.tone));
    w.close();
  }
}

// Progress shows how far something is on its way from 0 to max.
export class Progress extends Cell {
  constructor(private label: string, private value: f64, private max: f64) { super(); }
  write(w: Writer): void {
    begin(w, "progress");
    said(w, "label", this.label);
    number(w.key("value"), this.value);
    number(w.key("max"), this.max > 0 ? this.max : 1); // nothing is to be done, and so nothing is
    w.close();
  }
}

// Image is a picture of the bundle, by its path within assets/. Alt is what stands for
// it where it is not seen; it is empty for an ornament. Width and height are the
// picture's own.
export class Image extends Cell {
  constructor(private asset: string, private alt: string, private width: i32, private height: i32) { super(); }
  write(w: Writer): void {
    begin(w, "image");
    w.key("asset").text(this.asset).key("alt").text(this.alt);
    w.key("width").whole(max(1, min(this.width, 4096))).key("height").whole(max(1, min(this.height, 4096)));
    w.close();
  }
}
