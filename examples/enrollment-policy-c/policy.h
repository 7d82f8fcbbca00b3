// What the policy decides, for the three that call it: this directory, a WASI command
// (../enrollment-policy-command) and an Extism plug-in (../enrollment-policy-extism-c).
// trellis.h is included before.

static tr_str refuse(tr_str code, tr_str message) {
  tr_out o = {0};
  tr_add(&o, TR("{\"refuse\":{\"code\":"));
  tr_text(&o, code);
  tr_add(&o, TR(",\"message\":"));
  tr_text(&o, message);
  tr_add(&o, TR("}}"));
  return tr_done(&o);
}

// text reads a string that must be there.
static int text(tr_value *v, tr_str *out) {
  if (!tr_is(v, TR_STRING)) return 0;
  *out = v->text;
  return 1;
}

// strings reports whether v is absent or an array of strings.
static int strings(tr_value *v) {
  if (tr_absent(v)) return 1;
  if (v->type != TR_ARRAY) return 0;
  for (tr_value *m = v->first; m; m = m->next) if (m->type != TR_STRING) return 0;
  return 1;
}
static int integers(tr_value *v) {
  tr_i64 n;
  if (tr_absent(v)) return 1;
  if (v->type != TR_ARRAY) return 0;
  for (tr_value *m = v->first; m; m = m->next) if (!tr_integer(m, &n)) return 0;
  return 1;
}
static int has(tr_value *list, tr_str s) {
  for (tr_value *m = tr_absent(list) ? 0 : list->first; m; m = m->next) if (tr_eq(m->text, s)) return 1;
  return 0;
}

// closed reports whether a pattern of the list takes in the course: a key, or the
// beginning of one and a star.
static int closed(tr_value *list, tr_str course) {
  for (tr_value *m = tr_absent(list) ? 0 : list->first; m; m = m->next) {
    tr_str p = m->text;
    if (p.n && p.p[p.n - 1] == '*' ? tr_prefix(course, (tr_str){p.p, p.n - 1}) : tr_eq(p, course)) return 1;
  }
  return 0;
}

// check answers a question, 0 if it is no JSON.
static tr_str check(tr_value *in) {
  tr_value *data = tr_get(in, TR("data")), *user = tr_get(data, TR("user")), *settings = tr_get(in, TR("settings"));
  tr_value *number = tr_get(user, TR("number"));
  tr_str id, course, mode, to, custom = TR("");
  tr_i64 n = 0;
  if (!tr_is(user, TR_OBJECT) || !text(tr_get(user, TR("id")), &id) || !text(tr_get(data, TR("course_key")), &course) ||
      !text(tr_get(data, TR("mode")), &mode) || (!tr_absent(number) && !tr_integer(number, &n)))
    return refuse(TR("invalid_question"), TR("The policy does not understand the question."));
  tr_value *courses = tr_get(settings, TR("closed_courses")), *modes = tr_get(settings, TR("allowed_modes"));
  tr_value *people = tr_get(settings, TR("blocked_people")), *numbers = tr_get(settings, TR("blocked_numbers"));
  tr_value *upgrade = tr_get(settings, TR("upgrade_mode")), *message = tr_get(settings, TR("message"));
  if ((!tr_absent(settings) && settings->type != TR_OBJECT) || !strings(courses) || !strings(modes) || !strings(people) || !integers(numbers) ||
      (!tr_absent(upgrade) && upgrade->type != TR_OBJECT) || (!tr_absent(message) && !text(message, &custom)))
    return refuse(TR("invalid_settings"), TR("The settings of the policy are not right."));

  int blocked = has(people, id);
  for (tr_value *m = tr_absent(numbers) || tr_absent(number) ? 0 : numbers->first; m; m = m->next) {
    tr_i64 b;
    if (tr_integer(m, &b) && b == n) blocked = 1;
  }
  if (blocked) return refuse(TR("person_blocked"), custom.n ? custom : TR("You may not enrol at present."));
  if (closed(courses, course)) {
    tr_out o = {0};
    tr_add(&o, TR("Enrolment in "));
    tr_add(&o, course);
    tr_add(&o, TR(" is closed."));
    return refuse(TR("course_closed"), custom.n ? custom : tr_done(&o));
  }
  tr_str next = mode;
  if (!tr_absent(upgrade)) {
    tr_value *m = tr_get(upgrade, mode);
    if (!tr_absent(m)) {
      if (!text(m, &to)) return refuse(TR("invalid_settings"), TR("The settings of the policy are not right."));
      next = to;
    }
  }
  if (!tr_absent(modes) && modes->first && !has(modes, next)) {
    tr_out o = {0};
    tr_add(&o, TR("The mode "));
    tr_add(&o, next);
    tr_add(&o, TR(" is not offered."));
    return refuse(TR("mode_not_allowed"), custom.n ? custom : tr_done(&o));
  }
  if (tr_eq(next, mode)) return TR("{}");
  tr_out o = {0};
  tr_add(&o, TR("{\"patch\":{\"mode\":"));
  tr_text(&o, next);
  tr_add(&o, TR("}}"));
  return tr_done(&o);
}
