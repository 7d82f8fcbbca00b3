// A welcome for everybody who is enrolled: counts, looks the person up, and tells
// others by an event of its own. The same as ../welcome, which is in Go.
//
//   clang --target=wasm32 -Os -nostdlib -fno-builtin -Wl,--no-entry -Wl,--strip-all -Wl,-z,stack-size=16384 -I ../../hostapi/guest/c -o main.wasm main.c
#include "trellis.h"

enum { CONFLICT = 5 };

static tr_str json_key(tr_str key) {
  tr_out o = {0};
  tr_add(&o, TR("{\"key\":"));
  tr_text(&o, key);
  tr_byte(&o, '}');
  return tr_done(&o);
}

// seen reports whether the event was counted before, by a delivery that failed
// later on or that is repeated.
static tr_u32 seen(tr_str key, int *is) {
  tr_value *a = 0;
  tr_u32 kind = tr_call(TR("kv.get"), json_key(key), &a);
  tr_i64 version = 0;
  *is = !kind && tr_integer(tr_get(a, TR("version")), &version) && version > 0;
  return kind;
}

static tr_u32 set(tr_str key, tr_i64 value, tr_i64 version, tr_str person) {
  tr_out o = {0};
  tr_add(&o, TR("{\"key\":"));
  tr_text(&o, key);
  tr_add(&o, TR(",\"value\":"));
  tr_int(&o, value);
  tr_add(&o, TR(",\"if_version\":"));
  tr_int(&o, version);
  if (person.n) {
    tr_add(&o, TR(",\"person\":"));
    tr_text(&o, person);
  }
  tr_byte(&o, '}');
  return tr_call(TR("kv.set"), tr_done(&o), 0);
}

// count adds one to the number of welcomes, unless another delivery is doing so
// at this moment: then it looks again.
static tr_u32 count(void) {
  for (int tries = 0; tries < 8; tries++) {
    tr_value *a = 0;
    tr_i64 n = 0, version = 0;
    tr_u32 kind = tr_call(TR("kv.get"), json_key(TR("welcomed")), &a);
    if (kind) return kind;
    tr_integer(tr_get(a, TR("value")), &n);
    tr_integer(tr_get(a, TR("version")), &version);
    kind = set(TR("welcomed"), n + 1, version, TR(""));
    if (kind != CONFLICT) return kind;
  }
  return CONFLICT;
}

static tr_u32 welcome(tr_value *in) {
  tr_value *id = tr_get(in, TR("id")), *person = tr_get(in, TR("person")), *course = tr_get(in, TR("course")), *user = 0;
  if (!tr_is(id, TR_STRING) || !tr_is(person, TR_STRING) || !tr_is(course, TR_STRING)) return 0; // nobody to welcome
  tr_out key = {0};
  tr_add(&key, TR("seen/"));
  tr_add(&key, id->text);
  int done = 0;
  tr_u32 kind = seen(tr_done(&key), &done);
  if (kind) return kind;

  tr_out o = {0};
  tr_add(&o, TR("{\"id\":"));
  tr_text(&o, person->text);
  tr_add(&o, TR(",\"course\":"));
  tr_text(&o, course->text);
  tr_byte(&o, '}');
  if ((kind = tr_call(TR("users.get"), tr_done(&o), &user))) return kind;
  tr_value *name = tr_get(tr_get(user, TR("pii")), TR("name"));

  tr_out e = {0};
  tr_add(&e, TR("{\"type\":\"trellis-demo.welcome-c.greeted\",\"person\":"));
  tr_text(&e, person->text);
  tr_add(&e, TR(",\"course\":"));
  tr_text(&e, course->text);
  tr_add(&e, TR(",\"data\":{\"named\":"));
  tr_add(&e, tr_is(name, TR_STRING) && name->text.n ? TR("true") : TR("false"));
  tr_add(&e, TR("}}"));
  if ((kind = tr_call(TR("events.emit"), tr_done(&e), 0))) return kind;
  if (done) return 0;
  if ((kind = count())) return kind;
  kind = set(tr_done(&key), 1, 0, person->text);
  return kind == CONFLICT ? 0 : kind;
}
TR_HANDLER(welcome, welcome)
