// What the policy decides, for the two that call it: this directory, and an Extism
// plug-in (../enrollment-policy-extism-as).
import { Answer, Type, Value, Writer } from "../../hostapi/guest/assemblyscript/assembly/index";

// texts reports whether v is absent or a list of strings.
function texts(v: Value): bool {
  if (v.absent) return true;
  if (v.type != Type.Array) return false;
  return v.items().every((m) => m.type == Type.Text);
}

function wholes(v: Value): bool {
  if (v.absent) return true;
  if (v.type != Type.Array) return false;
  return v.items().every((m) => m.isWhole);
}

function has(list: Value, s: string): bool {
  for (let i = 0, items = list.items(); i < items.length; i++) if (items[i].is(s)) return true;
  return false;
}

function hasNumber(list: Value, n: i64): bool {
  for (let i = 0, items = list.items(); i < items.length; i++) if (items[i].whole == n) return true;
  return false;
}

// closed reports whether a pattern of the list takes in the course: a key, or the
// beginning of one and a star.
function closed(list: Value, course: string): bool {
  for (let i = 0, items = list.items(); i < items.length; i++) {
    const p = items[i].text;
    if (p.endsWith("*") ? course.startsWith(p.substring(0, p.length - 1)) : p == course) return true;
  }
  return false;
}

function wrong(): Answer { return Answer.refuse("invalid_settings", "The settings of the policy are not right."); }

// decide says whether somebody may be enrolled.
export function decide(data: Value, settings: Value): Answer {
  const user = data.get("user"), number = user.get("number");
  const id = user.get("id"), course = data.get("course_key"), mode = data.get("mode");
  if (id.type != Type.Text || course.type != Type.Text || mode.type != Type.Text || !(number.absent || number.isWhole)) {
    return Answer.refuse("invalid_question", "The policy does not understand the question.");
  }
  const courses = settings.get("closed_courses"), modes = settings.get("allowed_modes");
  const people = settings.get("blocked_people"), numbers = settings.get("blocked_numbers");
  const upgrade = settings.get("upgrade_mode"), message = settings.get("message");
  if (
    !(settings.absent || settings.type == Type.Object) || !(upgrade.absent || upgrade.type == Type.Object) ||
    !(message.absent || message.type == Type.Text) || !texts(courses) || !texts(modes) || !texts(people) || !wholes(numbers)
  ) return wrong();

  const custom = message.text;
  if (has(people, id.text) || (!number.absent && hasNumber(numbers, number.whole))) {
    return Answer.refuse("person_blocked", custom.length ? custom : "You may not enrol at present.");
  }
  if (closed(courses, course.text)) {
    return Answer.refuse("course_closed", custom.length ? custom : "Enrolment in " + course.text + " is closed.");
  }
  const to = upgrade.get(mode.text);
  if (!to.absent && to.type != Type.Text) return wrong();
  const next = to.absent ? mode.text : to.text;
  if (modes.items().length && !has(modes, next)) {
    return Answer.refuse("mode_not_allowed", custom.length ? custom : "The mode " + next + " is not offered.");
  }
  if (next == mode.text) return Answer.pass();
  return Answer.change(new Writer().open().key("mode").text(next).close().toString());
}
