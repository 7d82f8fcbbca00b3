// A subscriber that tells of each event that it hears of by one of its own.
//
//   clang --target=wasm32 -Os -nostdlib -fno-builtin -Wl,--no-entry -Wl,--strip-all -Wl,-z,stack-size=16384 -I ../../../hostapi/guest/c -o recorder.wasm recorder.c
#include "trellis.h"

static tr_u32 hear(tr_value *in) {
  tr_value *person = tr_get(in, TR("person")), *course = tr_get(in, TR("course"));
  tr_out e = {0};
  tr_add(&e, TR("{\"type\":\"test.recorder.heard\",\"person\":"));
  tr_text(&e, tr_is(person, TR_STRING) ? person->text : TR(""));
  tr_add(&e, TR(",\"course\":"));
  tr_text(&e, tr_is(course, TR_STRING) ? course->text : TR(""));
  tr_byte(&e, '}');
  return tr_call(TR("events.emit"), tr_done(&e), 0);
}
TR_HANDLER(hear, hear)
