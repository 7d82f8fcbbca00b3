// An enrolment policy: closed courses, allowed modes, people who are not to be
// enrolled. The same as ../enrollment-policy, which is in Go.
//
//   clang++ --target=wasm32 -std=c++17 -Os -nostdlib -fno-builtin -fno-exceptions -fno-rtti -Wl,--no-entry -Wl,--strip-all -Wl,-z,stack-size=16384 -I ../../hostapi/guest/cpp -o main.wasm main.cpp
#include "trellis.hpp"

using namespace trellis;

// each reports whether v is absent or a list of which each is a T.
template <class T> static bool each(Value v) {
  T item{};
  if (v.absent()) return true;
  if (v.type() != Type::array) return false;
  for (Value m : v)
    if (!m.get(item)) return false;
  return true;
}

static bool has(Value list, Text s) {
  for (Value m : list)
    if (m.is(s)) return true;
  return false;
}

static bool has(Value list, i64 n) {
  i64 item;
  for (Value m : list)
    if (m.get(item) && item == n) return true;
  return false;
}

// closed reports whether a pattern of the list takes in the course: a key, or the
// beginning of one and a star.
static bool closed(Value list, Text course) {
  Text p;
  for (Value m : list)
    if (m.get(p) && (p.ends_with("*") ? course.starts_with(p.first(p.size() - 1)) : p == course)) return true;
  return false;
}

static Answer check(const Question &q) {
  Answer wrong = refuse("invalid_settings", "The settings of the policy are not right.");
  Value user = q.data["user"], number = user["number"];
  Text id, course, mode, custom;
  i64 n = 0;
  if (!user["id"].get(id) || !q.data["course_key"].get(course) || !q.data["mode"].get(mode) || (!number.absent() && !number.get(n)))
    return refuse("invalid_question", "The policy does not understand the question.");
  Value s = q.settings, courses = s["closed_courses"], modes = s["allowed_modes"], people = s["blocked_people"], numbers = s["blocked_numbers"];
  Value upgrade = s["upgrade_mode"], message = s["message"];
  if ((!s.absent() && s.type() != Type::object) || !each<Text>(courses) || !each<Text>(modes) || !each<Text>(people) || !each<i64>(numbers) ||
      (!upgrade.absent() && upgrade.type() != Type::object) || (!message.absent() && !message.get(custom)))
    return wrong;
  auto no = [&](Text code, Text before, Text what, Text after) {
    Out usual;
    usual.add(before).add(what).add(after);
    return refuse(code, custom.size() ? custom : usual.text());
  };

  if (has(people, id) || (!number.absent() && has(numbers, n))) return no("person_blocked", "You may not enrol at present.", "", "");
  if (closed(courses, course)) return no("course_closed", "Enrolment in ", course, " is closed.");
  Text next = mode;
  Value to = upgrade[mode];
  if (!to.absent() && !to.get(next)) return wrong;
  if (!modes.empty() && !has(modes, next)) return no("mode_not_allowed", "The mode ", next, " is not offered.");
  if (next == mode) return pass();
  Out patch;
  Object(patch).add("mode", next);
  return change(patch);
}
TRELLIS_FILTER(check, check)
