// What slots and actions are told, and what they answer.
import { bytes, Problem } from "./host";
import { failure, given as read, misread, packed } from "./hook";
import { Node, Tone, toneName } from "./ui";
import { Type, Value } from "./value";
import { Writer } from "./writer";

// Viewer is who looks at a page.
export class Viewer {
  constructor(public all: Value) {}
  get id(): string { return this.all.get("id").text; }
  // name, email and username are empty unless they were granted.
  get name(): string { return this.all.get("name").text; }
  get email(): string { return this.all.get("email").text; }
  get username(): string { return this.all.get("username").text; }
  // roles are those in the course, or in the tenant for a page of no course.
  get roles(): Value[] { return this.all.get("roles").items(); }
  // isEnrolled reports whether the viewer is known to be enrolled in the course of the
  // page, for which it takes enrollments:read; mode is the track of the enrolment, of one
  // who has left the one she had.
  get isEnrolled(): bool { return this.all.get("enrolled").get("is_active").truth; }
  get mode(): string { return this.all.get("enrolled").get("mode").text; }
  // has reports whether the viewer has a role here.
  has(role: string): bool {
    const roles = this.roles;
    for (let i = 0; i < roles.length; i++) if (roles[i].is(role)) return true;
    return false;
  }
}

// Place is where in which page something is to be shown, and to whom. What it has no
// name for here is in `all`.
export class Place {
  constructor(public all: Value) {}
  get slot(): string { return this.all.get("slot").text; }
  get tenant(): string { return this.all.get("tenant").text; }
  // course is empty on a page of no course.
  get course(): string { return this.all.get("course").text; }
  // person is null where nobody is signed in.
  get person(): Viewer | null {
    const v = this.all.get("person");
    return v.absent ? null : new Viewer(v);
  }
  get settings(): Value { return this.all.get("settings"); }
  get locale(): string { return this.all.get("locale").text; }
  get trace(): string { return this.all.get("trace").text; }
  get time(): string { return this.all.get("time").text; }
}

// Act is what somebody asks for by a button or a form of a slot. Its id is the same when
// a form is sent twice.
export class Act extends Place {
  get id(): string { return this.all.get("id").text; }
  // action is the name of the export.
  get action(): string { return this.all.get("action").text; }
  // values are what was filled in, checked against the fields, by their names.
  get values(): Value { return this.all.get("values"); }
}

// View is what a slot shows: a node or nothing, or that it failed.
export class View {
  private constructor(public tree: Node | null, public problem: Problem | null) {}
  static show(tree: Node | null): View { return new View(tree, null); }
  static nothing(): View { return new View(null, null); }
  static failed(problem: Problem): View { return new View(null, problem); }
}

// Reply is the answer to an Act: made with show, say, redirect or failed. An empty one
// shows the slot anew.
export class Reply {
  problem: Problem | null = null;
  private tree: Node | null = null;
  private message: string = "";
  private state: Tone = Tone.OK;
  private to: string = "";

  // show shows something in the slot, until it is shown anew.
  static show(tree: Node): Reply {
    const r = new Reply();
    r.tree = tree;
    return r;
  }
  // say tells the person what has happened, and shows the slot anew.
  static say(message: string, tone: Tone): Reply { return new Reply().andSay(message, tone); }
  // redirect sends the person to a page of the tenant ("/courses/…").
  static redirect(path: string): Reply {
    const r = new Reply();
    r.to = path;
    return r;
  }
  static failed(problem: Problem): Reply {
    const r = new Reply();
    r.problem = problem;
    return r;
  }
  // andSay tells the person what has happened, besides what is shown.
  andSay(message: string, tone: Tone): Reply {
    this.message = message;
    this.state = tone == Tone.Neutral ? Tone.OK : tone == Tone.Muted ? Tone.Info : tone;
    return this;
  }

  write(w: Writer): void {
    const tree = this.tree;
    w.open();
    if (this.to.length) w.key("redirect").text(this.to);
    else {
      if (this.message.length) w.key("message").text(short(this.message)).key("state").text(toneName(this.state));
      if (tree) tree.write(w.key("tree"));
    }
    w.close();
  }
}

const longest = 500;

// short cuts a message to what the platform takes, in one line.
function short(message: string): string {
  const units: i32[] = [];
  for (let i = 0, n = 1; i < message.length; i++, n++) {
    const c = message.codePointAt(i);
    if (n == longest && i + (c >= 0x10000 ? 2 : 1) < message.length) {
      units.push(0x2026);
      break;
    }
    units.push(c < 0x20 || (c >= 0x7f && c < 0xa0) ? 0x20 : message.charCodeAt(i));
    if (c >= 0x10000) units.push(message.charCodeAt(++i));
  }
  return String.fromCharCodes(units);
}

// slot is the body of a slot's export.
export function slot(ptr: usize, len: i32, draw: (p: Place) => View): u64 {
  const v = read(len);
  if (v.type == Type.None) return misread();
  const shown = draw(new Place(v)), problem = shown.problem, tree = shown.tree;
  if (problem) return failure(problem);
  if (!tree) return packed(bytes("null"), false);
  const w = new Writer();
  tree.write(w);
  return packed(w.bytes(), false);
}

// action is the body of an action's export.
export function action(ptr: usize, len: i32, act: (a: Act) => Reply): u64 {
  const v = read(len);
  if (v.type == Type.None) return misread();
  const reply = act(new Act(v)), problem = reply.problem;
  if (problem) return failure(problem);
  const w = new Writer();
  reply.write(w);
  return packed(w.bytes(), false);
}
