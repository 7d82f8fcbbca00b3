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
  tr_ui_progress(&u, s, -9e18, 0);
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

// ---- the tree that a recipe describes, which is in uitrees_test.go what the other
// languages build, too

static tr_str text_of(tr_value *v, tr_str key) {
  tr_value *m = tr_get(v, key);
  return tr_is(m, TR_STRING) ? m->text : TR("");
}
static double real_of(tr_value *v) {
  double x = __builtin_nan("");
  tr_number_of(v, &x);
  return x;
}
static int truth_of(tr_value *v, tr_str key) {
  tr_value *m = tr_get(v, key);
  return tr_is(m, TR_BOOL) && m->truth;
}
static tr_u32 tone_of(tr_value *v) {
  for (tr_u32 t = TR_OK; t <= TR_MUTED; t++) if (tr_eq(text_of(v, TR("tone")), tr_ui_tone(t))) return t;
  return TR_NEUTRAL;
}
static tr_u32 style_of(tr_value *v) {
  tr_str s = text_of(v, TR("style"));
  return tr_eq(s, TR("primary")) ? TR_PRIMARY : tr_eq(s, TR("danger")) ? TR_DANGER : TR_USUAL;
}
static tr_u32 count(tr_value *v) {
  tr_u32 n = 0;
  for (tr_value *m = v ? v->first : 0; m; m = m->next) n++;
  return n;
}
static tr_ui_value *values_of(tr_value *v, tr_u32 *n) {
  tr_value *list = tr_get(v, TR("values"));
  tr_ui_value *values = tr_take(sizeof(tr_ui_value) * (count(list) + 1));
  *n = 0;
  for (tr_value *m = list ? list->first : 0; m; m = m->next) values[(*n)++] = (tr_ui_value){m->key, m->text};
  return values;
}

static void build_text(tr_ui *u, tr_value *v) {
  tr_value *runs = tr_get(v, TR("runs"));
  tr_str text = text_of(v, TR("text"));
  if (!runs) { tr_ui_toned(u, text, tone_of(v)); return; }
  tr_ui_runs_toned(u, tone_of(v));
  if (text.n) tr_ui_plain(u, text);
  for (tr_value *r = runs->first; r; r = r->next) {
    tr_str s = text_of(r, TR("text")), style = text_of(r, TR("style"));
    if (tr_get(r, TR("link"))) tr_ui_link(u, s, text_of(r, TR("link")));
    else if (tr_eq(style, TR("strong"))) tr_ui_strong(u, s);
    else if (tr_eq(style, TR("em"))) tr_ui_em(u, s);
    else if (tr_eq(style, TR("code"))) tr_ui_code(u, s);
    else tr_ui_plain(u, s);
  }
  tr_ui_end(u);
}

static void build_chart(tr_ui *u, tr_value *v) {
  tr_value *labels = tr_get(v, TR("labels")), *list = tr_get(v, TR("series"));
  tr_u32 n = 0, k = 0;
  tr_str *names = tr_take(sizeof(tr_str) * (count(labels) + 1));
  tr_ui_series *series = tr_take(sizeof(tr_ui_series) * (count(list) + 1));
  for (tr_value *l = labels ? labels->first : 0; l; l = l->next) names[n++] = l->text;
  for (tr_value *s = list ? list->first : 0; s; s = s->next) {
    tr_value *values = tr_get(s, TR("values"));
    double *x = tr_take(sizeof(double) * (count(values) + 1));
    tr_u32 i = 0;
    for (tr_value *m = values ? values->first : 0; m; m = m->next) x[i++] = real_of(m);
    series[k++] = (tr_ui_series){.name = text_of(s, TR("name")), .reals = i ? x : 0, .n = i};
  }
  tr_ui_chart(u, truth_of(v, TR("line")), text_of(v, TR("title")), names, n, series, k);
}

static void build_field(tr_ui *u, tr_value *v) {
  const tr_str types[] = {TR("text"), TR("textarea"), TR("number"), TR("integer"), TR("checkbox"), TR("select"), TR("radio"), TR("date")};
  tr_value *options = tr_get(v, TR("options")), *value = tr_get(v, TR("value"));
  double low = real_of(tr_get(v, TR("low"))), high = real_of(tr_get(v, TR("high"))), number = real_of(value);
  tr_ui_option *all = tr_take(sizeof(tr_ui_option) * (count(options) + 1));
  tr_ui_entry e = {.name = text_of(v, TR("name")), .label = text_of(v, TR("label")), .hint = text_of(v, TR("hint")), .required = truth_of(v, TR("required")),
    .value = text_of(v, TR("value")), .ticked = truth_of(v, TR("value")), .earliest = text_of(v, TR("earliest")), .latest = text_of(v, TR("latest")), .options = all};
  for (tr_value *o = options ? options->first : 0; o; o = o->next) all[e.n++] = (tr_ui_option){text_of(o, TR("value")), text_of(o, TR("label"))};
  if (tr_get(v, TR("low"))) { e.low = &low; e.high = &high; }
  if (tr_is(value, TR_NUMBER)) e.number = &number;
  if (tr_get(v, TR("maxlength"))) e.max_length = (tr_u32)real_of(tr_get(v, TR("maxlength")));
  while (e.type < 7 && !tr_eq(types[e.type], text_of(v, TR("type")))) e.type++;
  tr_ui_enter(u, &e);
}

static void build_node(tr_ui *u, tr_value *v);
static void build_all(tr_ui *u, tr_value *list) {
  for (tr_value *m = list ? list->first : 0; m; m = m->next) build_node(u, m);
}

static void build_table(tr_ui *u, tr_value *v) {
  tr_value *columns = tr_get(v, TR("columns")), *rows = tr_get(v, TR("rows"));
  tr_ui_column *all = tr_take(sizeof(tr_ui_column) * (count(columns) + 1));
  tr_u32 n = 0;
  for (tr_value *c = columns ? columns->first : 0; c; c = c->next) all[n++] = (tr_ui_column){text_of(c, TR("title")), truth_of(c, TR("number"))};
  tr_ui_table(u, text_of(v, TR("caption")), all, n);
  for (tr_value *r = rows ? rows->first : 0; r; r = r->next) {
    tr_ui_cells(u);
    for (tr_value *c = r->first; c; c = c->next) {
      if (tr_absent(c)) tr_ui_text(u, TR(""));
      else build_node(u, c);
    }
    tr_ui_end(u);
  }
  tr_ui_end(u);
}

static void build_node(tr_ui *u, tr_value *v) {
  tr_str kind = text_of(v, TR("kind")), text = text_of(v, TR("text"));
  tr_u32 n;
  if (tr_absent(v)) return;
  if (tr_eq(kind, TR("stack"))) {
    tr_str gap = text_of(v, TR("gap"));
    tr_ui_box(u, tr_eq(text_of(v, TR("direction")), TR("row")), tr_eq(gap, TR("small")) ? TR_TIGHT : tr_eq(gap, TR("large")) ? TR_WIDE : TR_EVEN);
    build_all(u, tr_get(v, TR("children")));
    tr_ui_end(u);
  } else if (tr_eq(kind, TR("card"))) {
    tr_ui_card(u, text_of(v, TR("title")));
    build_all(u, tr_get(v, TR("children")));
    tr_ui_end(u);
  } else if (tr_eq(kind, TR("list"))) {
    if (truth_of(v, TR("ordered"))) tr_ui_numbered(u);
    else tr_ui_list(u);
    build_all(u, tr_get(v, TR("items")));
    tr_ui_end(u);
  } else if (tr_eq(kind, TR("details"))) {
    tr_ui_fold(u, text_of(v, TR("summary")), truth_of(v, TR("open")));
    build_all(u, tr_get(v, TR("children")));
    tr_ui_end(u);
  } else if (tr_eq(kind, TR("form"))) {
    tr_ui_value *values = values_of(v, &n);
    tr_ui_form_as(u, style_of(v), text_of(v, TR("action")), tr_get(v, TR("submit")) ? text_of(v, TR("submit")) : TR("Send"), values, n);
    for (tr_value *f = tr_get(v, TR("fields")) ? tr_get(v, TR("fields"))->first : 0; f; f = f->next) build_field(u, f);
    tr_ui_end(u);
  } else if (tr_eq(kind, TR("button"))) {
    tr_ui_value *values = values_of(v, &n);
    tr_ui_button_as(u, style_of(v), text, text_of(v, TR("action")), values, n);
  } else if (tr_eq(kind, TR("heading"))) tr_ui_heading(u, tr_get(v, TR("level")) ? (tr_u32)real_of(tr_get(v, TR("level"))) : 0, text);
  else if (tr_eq(kind, TR("badge"))) tr_ui_badge(u, text, tone_of(v));
  else if (tr_eq(kind, TR("progress"))) tr_ui_progress(u, text_of(v, TR("label")), real_of(tr_get(v, TR("value"))), real_of(tr_get(v, TR("max"))));
  else if (tr_eq(kind, TR("image"))) {
    tr_value *w = tr_get(v, TR("width")), *h = tr_get(v, TR("height"));
    tr_ui_image(u, text_of(v, TR("asset")), text_of(v, TR("alt")), w ? (tr_i64)real_of(w) : 0, h ? (tr_i64)real_of(h) : 0);
  } else if (tr_eq(kind, TR("table"))) build_table(u, v);
  else if (tr_eq(kind, TR("chart"))) build_chart(u, v);
  else build_text(u, v);
}

static tr_u32 build(tr_value *in, tr_ui *u) {
  build_node(u, tr_get(in, TR("settings")));
  return 0;
}
TR_SHOW(build, build)

// place says who looks at what, and where.
static tr_u32 place(tr_value *in, tr_ui *u) {
  tr_value *person = tr_get(in, TR("person"));
  const tr_str keys[] = {TR("slot"), TR("tenant"), TR("course"), TR("locale"), TR("trace")}, own[] = {TR("id"), TR("name"), TR("email"), TR("username")};
  tr_out o = {0};
  if (tr_eq(text_of(in, TR("slot")), TR("nowhere"))) return tr_fail(TR("not_found"), TR("no such place"));
  if (tr_absent(person)) return 0;
  for (tr_u32 i = 0; i < 5; i++) { tr_add(&o, text_of(in, keys[i])); tr_byte(&o, ' '); }
  for (tr_u32 i = 0; i < 4; i++) { tr_add(&o, text_of(person, own[i])); tr_byte(&o, ' '); }
  tr_add(&o, tr_ui_has(in, TR("staff")) ? TR("staff ") : TR("others "));
  tr_add(&o, tr_ui_enrolled(in) ? TR("in ") : TR("out "));
  tr_add(&o, text_of(tr_get(person, TR("enrolled")), TR("mode")));
  tr_byte(&o, ' ');
  tr_add(&o, text_of(tr_get(in, TR("settings")), TR("a")));
  tr_ui_text(u, tr_done(&o));
  return 0;
}
TR_SHOW(place, place)

static tr_u32 act(tr_value *in, tr_str *answer) {
  tr_str action = text_of(in, TR("action")), said = text_of(tr_get(in, TR("values")), TR("say"));
  tr_ui u = {0};
  tr_out to = {0};
  if (tr_eq(action, TR("say"))) *answer = tr_ui_say(said, TR_NEUTRAL, 0);
  if (tr_eq(action, TR("muted"))) *answer = tr_ui_say(said, TR_MUTED, 0);
  if (tr_eq(action, TR("show"))) {
    tr_ui_card(&u, text_of(in, TR("id")));
    *answer = tr_ui_say(said, TR_WARN, &u);
  }
  if (tr_eq(action, TR("tree"))) {
    tr_ui_text(&u, said);
    *answer = tr_ui_shown(&u);
  }
  if (tr_eq(action, TR("away"))) {
    tr_add(&to, TR("/courses/"));
    tr_add(&to, text_of(in, TR("course")));
    *answer = tr_ui_redirect(tr_done(&to));
  }
  return tr_eq(action, TR("fail")) ? tr_fail(TR("conflict"), said) : 0;
}
TR_ANSWER(act, act)
