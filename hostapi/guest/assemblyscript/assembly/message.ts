import { Problem } from "./host";
import { Value } from "./value";
import { Writer } from "./writer";

// Question is what a filter is asked. What it has no name for here is in `all`.
export class Question {
  constructor(public all: Value) {}
  get id(): string { return this.all.get("id").text; }
  get type(): string { return this.all.get("type").text; }
  get time(): string { return this.all.get("time").text; }
  get tenant(): string { return this.all.get("tenant").text; }
  get actor(): string { return this.all.get("actor").text; }
  get course(): string { return this.all.get("course").text; }
  get settings(): Value { return this.all.get("settings"); }
  get trace(): string { return this.all.get("trace").text; }
  get data(): Value { return this.all.get("data"); }
}

// Event is something that has happened. Its id is the same when it is told again.
export class Event extends Question {
  get source(): string { return this.all.get("source").text; }
  get subject(): string { return this.all.get("subject").text; }
  get person(): string { return this.all.get("person").text; }
  get position(): i64 { return this.all.get("position").whole; }
  get attempt(): i64 { return this.all.get("attempt").whole; }
}

// Task is work at a set time or in the background.
export class Task {
  constructor(public all: Value) {}
  get id(): string { return this.all.get("id").text; }
  get name(): string { return this.all.get("name").text; }
  get time(): string { return this.all.get("time").text; }
  get tenant(): string { return this.all.get("tenant").text; }
  get settings(): Value { return this.all.get("settings"); }
  get trace(): string { return this.all.get("trace").text; }
  get input(): Value { return this.all.get("input"); }
  // state is what the call before returned, if there was one.
  get state(): Value { return this.all.get("state"); }
}

// Answer is what a filter says. Make it with pass, change or refuse.
export class Answer {
  private patch: string = "";
  private code: string = "";
  private message: string = "";
  private to: string = "";
  private last: bool = false;

  // pass lets it happen as it is.
  static pass(): Answer { return new Answer(); }

  // change lets it happen with a change: a merge patch (RFC 7396) of the data, in JSON.
  static change(patch: string): Answer {
    const a = new Answer();
    a.patch = patch;
    return a;
  }

  // refuse does not let it happen. The message is shown to people.
  static refuse(code: string, message: string): Answer {
    const a = new Answer();
    a.code = code;
    a.message = message;
    return a;
  }

  // stop lets no further extension be asked.
  stop(): Answer {
    this.last = true;
    return this;
  }

  // redirect sends whoever is refused to another page of the tenant.
  redirect(to: string): Answer {
    this.to = to;
    return this;
  }

  write(w: Writer): void {
    w.open();
    if (this.patch.length) w.key("patch").raw(this.patch);
    if (this.last) w.key("stop").truth(true);
    if (this.code.length) {
      w.key("refuse").open().key("code").text(this.code).key("message").text(this.message);
      if (this.to.length) w.key("effect").open().key("kind").text("redirect").key("redirect").text(this.to).close();
      w.close();
    }
    w.close();
  }
}

// Step is what a part of work ends with: done, again with a state (JSON), or failed.
export class Step {
  private constructor(public state: string, public problem: Problem | null) {}
  static done(): Step { return new Step("", null); }
  static again(state: string): Step { return new Step(state, null); }
  static failed(problem: Problem): Step { return new Step("", problem); }
}
