// Everything that trellis_ui.h can write, for its test.
#include "trellis_ui.h"

static tr_str all(tr_value *in) {
  tr_value *text = tr_get(in, TR("text"));
  tr_str s = tr_is(text, TR_STRING) ? text->text : TR("");
  tr_ui u = {0};
  tr_ui_card(&u, s);
  tr_ui_heading(&u, 9, s);
  tr_ui_text(&u, s);
  tr_ui_toned(&u, s, TR_WARN);
  tr_ui_toned(&u, s, TR_INFO);
  tr_ui_runs(&u);
  tr_ui_plain(&u, s);
  tr_ui_strong(&u, s);
  tr_ui_em(&u, s);
  tr_ui_code(&u, s);
  tr_ui_link(&u, s, TR("/courses"));
  tr_ui_end(&u);
  tr_ui_row(&u);
  tr_ui_badge(&u, s, TR_OK);
  tr_ui_badge(&u, s, TR_MUTED);
  tr_ui_badge(&u, s, TR_NEUTRAL);
  tr_ui_end(&u);
  tr_ui_list(&u);
  tr_ui_text(&u, s);
  tr_ui_numbered(&u);
  tr_ui_text(&u, s);
  tr_ui_end(&u);
  tr_ui_end(&u);
  tr_ui_progress(&u, s, 3, 12);
  tr_ui_progress(&u, s, -9223372036854775807ll, 0);
  tr_str labels[2] = {TR("Mon"), s};
  tr_i64 ins[2] = {1, -2}, outs[2] = {0, 3};
  tr_ui_series series[2] = {{s, ins}, {TR("Out"), outs}};
  tr_ui_chart(&u, 1, s, labels, 2, series, 2);
  tr_ui_bars(&u, TR("Nothing"), TR("In"), labels, ins, 0);
  tr_ui_details(&u, s);
  tr_ui_stack(&u);
  tr_ui_end(&u);
  tr_ui_end(&u);
  tr_ui_value values[2] = {{TR("poll"), s}, {TR("n"), TR("2")}};
  tr_ui_button(&u, s, TR("go"), 0, 0);
  tr_ui_button(&u, s, TR("go"), values, 2);
  tr_ui_option options[2] = {{TR("y"), TR("Yes")}, {TR("n"), s}};
  tr_ui_form(&u, TR("vote"), s, values, 1);
  tr_ui_text_field(&u, TR("a"), s, 1, s);
  tr_ui_integer_field(&u, TR("b"), s, 0, 9, 1);
  tr_ui_checkbox(&u, TR("c"), s, 1);
  tr_ui_radio(&u, TR("d"), s, 1, options, 2, TR("n"));
  tr_ui_select(&u, TR("e"), s, 0, options, 2, TR("?"));
  return tr_ui_done(&u); // which ends the form and the card
}
TR_HOOK(all, all)

static tr_str nothing(tr_value *in) {
  tr_ui u = {0};
  tr_ui_end(&u);
  return tr_ui_done(&u);
}
TR_HOOK(nothing, nothing)

static tr_str say(tr_value *in) {
  tr_ui u = {0};
  tr_ui_card(&u, TR("a"));
  return tr_ui_say(TR("Saved."), TR_WARN, &u);
}
TR_HOOK(say, say)

static tr_str say_only(tr_value *in) { return tr_ui_say(TR(""), TR_NEUTRAL, 0); }
TR_HOOK(say_only, say_only)

static tr_str away(tr_value *in) { return tr_ui_redirect(TR("/courses")); }
TR_HOOK(away, away)

static tr_u32 deep(tr_value *in, tr_ui *u) {
  for (int i = 0; i < 25; i++) tr_ui_stack(u);
  return 0;
}
TR_SHOW(deep, deep)

static tr_u32 fails(tr_value *in, tr_ui *u) {
  tr_ui_card(u, TR("not seen"));
  return tr_call(TR("kv.get"), TR("{}"), 0);
}
TR_SHOW(fails, fails)

static tr_u32 open(tr_value *in, tr_ui *u) {
  tr_ui_card(u, TR("a"));
  tr_ui_stack(u);
  tr_ui_text(u, TR("b"));
  return 0;
}
TR_SHOW(open, open)
