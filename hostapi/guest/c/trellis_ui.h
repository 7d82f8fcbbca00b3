// trellis_ui.h: what an extension shows in a slot, in C. Include it after trellis.h,
// or instead of it.
//
//   static tr_u32 card(tr_value *in, tr_ui *u) {
//     tr_ui_card(u, TR("Today"));
//     tr_ui_text(u, TR("Twelve people enrolled."));
//     tr_ui_badge(u, TR("Open"), TR_OK);
//     tr_ui_end(u);
//     return 0;
//   }
//   TR_SHOW(card, card)
//
// Nodes are written one after the other: what is opened (a card, stack, row, list,
// details, runs, form) has what follows in it until tr_ui_end. What is still open in
// the end is closed by itself. A text that must say something and does not is a
// dash, so that the platform takes whatever is written.
#ifndef TRELLIS_UI_H
#define TRELLIS_UI_H
#include "trellis.h"

// How something is meant. Of texts, TR_INFO and TR_OFF do not count.
enum { TR_NEUTRAL, TR_OK, TR_WARN, TR_BAD, TR_INFO, TR_MUTED, TR_OFF };

enum { TR_UI_DEPTH = 24 };

typedef struct {
  tr_out out;
  tr_u32 depth, more; // more: something stands before, in what is open
  tr_str close[TR_UI_DEPTH];
} tr_ui;

static tr_str tr_ui_tone(tr_u32 tone) {
  switch (tone) {
  case TR_OK: return TR("ok");
  case TR_WARN: return TR("warn");
  case TR_BAD: return TR("bad");
  case TR_INFO: return TR("info");
  case TR_MUTED: return TR("muted");
  case TR_OFF: return TR("off");
  }
  return TR("");
}

// tr_ui_says returns a text, or a dash if nothing is seen of it.
static tr_str tr_ui_says(tr_str s) {
  for (tr_u32 i = 0; i < s.n; i++) if ((tr_u8)s.p[i] > ' ' && s.p[i] != 0x7f) return s;
  return TR("\xe2\x80\x93");
}

// tr_ui_key adds a key of an object, after the comma that it needs.
static void tr_ui_key(tr_ui *u, tr_str key) {
  if (u->out.n && u->out.p[u->out.n - 1] != '{') tr_byte(&u->out, ',');
  tr_text(&u->out, key);
  tr_byte(&u->out, ':');
}
static void tr_ui_pair(tr_ui *u, tr_str key, tr_str value) {
  tr_ui_key(u, key);
  tr_text(&u->out, value);
}
static void tr_ui_pair_int(tr_ui *u, tr_str key, tr_i64 value) {
  const tr_i64 most = 1000000000000000ll;
  tr_ui_key(u, key);
  tr_int(&u->out, value > most ? most : value < -most ? -most : value);
}
static void tr_ui_pair_given(tr_ui *u, tr_str key, tr_str value) {
  if (value.n) tr_ui_pair(u, key, value);
}

// tr_ui_next begins another one in what is open.
static void tr_ui_next(tr_ui *u) {
  if (u->more) tr_byte(&u->out, ',');
  u->more = 1;
}
static void tr_ui_node(tr_ui *u, tr_str kind) {
  tr_ui_next(u);
  tr_add(&u->out, TR("{\"kind\":"));
  tr_text(&u->out, kind);
}
static void tr_ui_shut(tr_ui *u) { tr_byte(&u->out, '}'); }

// tr_ui_open lets what follows stand in a list of the node. It traps where more is
// open than a tree may have.
static void tr_ui_open(tr_ui *u, tr_str key) {
  if (u->depth == TR_UI_DEPTH) __builtin_trap();
  tr_ui_key(u, key);
  tr_byte(&u->out, '[');
  u->close[u->depth++] = TR("]}");
  u->more = 0;
}

// tr_ui_end closes what was opened last.
static void tr_ui_end(tr_ui *u) {
  if (!u->depth) return;
  tr_add(&u->out, u->close[--u->depth]);
  u->more = 1;
}

// tr_ui_done returns the tree. Nothing written shows nothing.
static tr_str tr_ui_done(tr_ui *u) {
  while (u->depth) tr_ui_end(u);
  if (!u->out.n) return TR("null");
  return tr_done(&u->out);
}

// ---- what has other nodes in it

static void tr_ui_stack(tr_ui *u) { tr_ui_node(u, TR("stack")); tr_ui_open(u, TR("children")); }
static void tr_ui_row(tr_ui *u) {
  tr_ui_node(u, TR("stack"));
  tr_ui_pair(u, TR("direction"), TR("row"));
  tr_ui_open(u, TR("children"));
}
// tr_ui_card opens a card; its title may be empty.
static void tr_ui_card(tr_ui *u, tr_str title) {
  tr_ui_node(u, TR("card"));
  tr_ui_pair_given(u, TR("title"), title);
  tr_ui_open(u, TR("children"));
}
static void tr_ui_details(tr_ui *u, tr_str summary) {
  tr_ui_node(u, TR("details"));
  tr_ui_pair(u, TR("summary"), tr_ui_says(summary));
  tr_ui_open(u, TR("children"));
}
// tr_ui_list opens a list; each node in it is an item.
static void tr_ui_list(tr_ui *u) { tr_ui_node(u, TR("list")); tr_ui_open(u, TR("items")); }
static void tr_ui_numbered(tr_ui *u) {
  tr_ui_node(u, TR("list"));
  tr_ui_key(u, TR("ordered"));
  tr_add(&u->out, TR("true"));
  tr_ui_open(u, TR("items"));
}

// ---- texts

static void tr_ui_heading(tr_ui *u, tr_u32 level, tr_str text) {
  tr_ui_node(u, TR("heading"));
  tr_ui_pair_int(u, TR("level"), level < 1 ? 1 : level > 3 ? 3 : level);
  tr_ui_pair(u, TR("text"), tr_ui_says(text));
  tr_ui_shut(u);
}
static void tr_ui_toned(tr_ui *u, tr_str text, tr_u32 tone) {
  tr_ui_node(u, TR("text"));
  tr_ui_pair(u, TR("text"), text);
  if (tone != TR_INFO && tone != TR_OFF) tr_ui_pair_given(u, TR("tone"), tr_ui_tone(tone));
  tr_ui_shut(u);
}
static void tr_ui_text(tr_ui *u, tr_str text) { tr_ui_toned(u, text, TR_NEUTRAL); }

// tr_ui_runs opens a text of parts, of which only these may follow until tr_ui_end:
// tr_ui_plain, tr_ui_strong, tr_ui_em, tr_ui_code and tr_ui_link.
static void tr_ui_runs(tr_ui *u) { tr_ui_node(u, TR("text")); tr_ui_open(u, TR("runs")); }
static void tr_ui_plain(tr_ui *u, tr_str text) { tr_ui_next(u); tr_text(&u->out, text); }
static void tr_ui_run(tr_ui *u, tr_str text, tr_str key, tr_str value) {
  tr_ui_next(u);
  tr_byte(&u->out, '{');
  tr_ui_pair(u, TR("text"), text);
  tr_ui_pair(u, key, value);
  tr_ui_shut(u);
}
static void tr_ui_strong(tr_ui *u, tr_str text) { tr_ui_run(u, text, TR("style"), TR("strong")); }
static void tr_ui_em(tr_ui *u, tr_str text) { tr_ui_run(u, text, TR("style"), TR("em")); }
static void tr_ui_code(tr_ui *u, tr_str text) { tr_ui_run(u, text, TR("style"), TR("code")); }
// tr_ui_link leads to an address with https:, http: or mailto:, or to a path within
// the tenant. The platform refuses a tree with any other: look before, if it comes
// from the settings.
static void tr_ui_link(tr_ui *u, tr_str text, tr_str to) { tr_ui_run(u, tr_ui_says(text), TR("link"), to); }

// ---- facts

static void tr_ui_badge(tr_ui *u, tr_str text, tr_u32 state) {
  tr_ui_node(u, TR("badge"));
  tr_ui_pair(u, TR("text"), tr_ui_says(text));
  tr_ui_pair_given(u, TR("state"), tr_ui_tone(state == TR_MUTED ? TR_OFF : state));
  tr_ui_shut(u);
}
static void tr_ui_progress(tr_ui *u, tr_str label, tr_i64 value, tr_i64 max) {
  tr_ui_node(u, TR("progress"));
  tr_ui_pair(u, TR("label"), tr_ui_says(label));
  tr_ui_pair_int(u, TR("value"), value);
  tr_ui_pair_int(u, TR("max"), max < 1 ? 1 : max);
  tr_ui_shut(u);
}

typedef struct { tr_str name; const tr_i64 *values; } tr_ui_series;

// tr_ui_chart shows up to three series of n values, at most 200, in bars or lines.
// The title says what can be seen: Most enrol on Mondays.
static void tr_ui_chart(tr_ui *u, int line, tr_str title, const tr_str *labels, tr_u32 n, const tr_ui_series *series, tr_u32 count) {
  if (n > 200) n = 200;
  if (count > 3) count = 3;
  tr_ui_node(u, TR("chart"));
  tr_ui_pair(u, TR("type"), line ? TR("line") : TR("bar"));
  tr_ui_pair(u, TR("title"), tr_ui_says(title));
  tr_ui_key(u, TR("labels"));
  tr_byte(&u->out, '[');
  for (tr_u32 i = 0; i < n; i++) {
    if (i) tr_byte(&u->out, ',');
    tr_text(&u->out, labels[i]);
  }
  tr_add(&u->out, TR("],\"series\":["));
  for (tr_u32 k = 0; k < count; k++) {
    tr_add(&u->out, k ? TR(",{") : TR("{"));
    tr_ui_pair(u, TR("name"), tr_ui_says(series[k].name));
    tr_ui_key(u, TR("values"));
    tr_byte(&u->out, '[');
    for (tr_u32 i = 0; i < n; i++) {
      if (i) tr_byte(&u->out, ',');
      tr_int(&u->out, series[k].values[i]);
    }
    tr_add(&u->out, TR("]}"));
  }
  tr_add(&u->out, TR("]}"));
}

// tr_ui_bars shows one series in bars.
static void tr_ui_bars(tr_ui *u, tr_str title, tr_str name, const tr_str *labels, const tr_i64 *values, tr_u32 n) {
  tr_ui_series s = {name, values};
  tr_ui_chart(u, 0, title, labels, n, &s, 1);
}

// ---- what can be asked

typedef struct { tr_str key, value; } tr_ui_value;

static void tr_ui_ask(tr_ui *u, tr_str action, const tr_ui_value *values, tr_u32 n) {
  tr_ui_pair(u, TR("action"), action);
  if (!n) return;
  tr_ui_key(u, TR("values"));
  tr_byte(&u->out, '{');
  for (tr_u32 i = 0; i < n; i++) tr_ui_pair(u, values[i].key, values[i].value);
  tr_byte(&u->out, '}');
}

// tr_ui_button asks an export, one of the slot's actions in the manifest, with n
// values.
static void tr_ui_button(tr_ui *u, tr_str text, tr_str action, const tr_ui_value *values, tr_u32 n) {
  tr_ui_node(u, TR("button"));
  tr_ui_pair(u, TR("text"), tr_ui_says(text));
  tr_ui_ask(u, action, values, n);
  tr_ui_shut(u);
}

// tr_ui_form opens a form, of which only fields may follow until tr_ui_end.
static void tr_ui_form(tr_ui *u, tr_str action, tr_str submit, const tr_ui_value *values, tr_u32 n) {
  tr_ui_node(u, TR("form"));
  tr_ui_ask(u, action, values, n);
  tr_ui_pair(u, TR("submit"), tr_ui_says(submit));
  tr_ui_open(u, TR("fields"));
}

static void tr_ui_field(tr_ui *u, tr_str type, tr_str name, tr_str label, int required) {
  tr_ui_next(u);
  tr_byte(&u->out, '{');
  tr_ui_pair(u, TR("type"), type);
  tr_ui_pair(u, TR("name"), name);
  tr_ui_pair(u, TR("label"), tr_ui_says(label));
  if (required) { tr_ui_key(u, TR("required")); tr_add(&u->out, TR("true")); }
}

static void tr_ui_text_field(tr_ui *u, tr_str name, tr_str label, int required, tr_str begin) {
  tr_ui_field(u, TR("text"), name, label, required);
  tr_ui_pair_given(u, TR("default"), begin);
  tr_ui_shut(u);
}
static void tr_ui_integer_field(tr_ui *u, tr_str name, tr_str label, int required, tr_i64 min, tr_i64 max) {
  tr_ui_field(u, TR("integer"), name, label, required);
  tr_ui_pair_int(u, TR("min"), min < max ? min : max);
  tr_ui_pair_int(u, TR("max"), min < max ? max : min);
  tr_ui_shut(u);
}
static void tr_ui_checkbox(tr_ui *u, tr_str name, tr_str label, int ticked) {
  tr_ui_field(u, TR("checkbox"), name, label, 0);
  if (ticked) { tr_ui_key(u, TR("default")); tr_add(&u->out, TR("true")); }
  tr_ui_shut(u);
}

typedef struct { tr_str value, label; } tr_ui_option;

static void tr_ui_choice(tr_ui *u, tr_str type, tr_str name, tr_str label, int required, const tr_ui_option *options, tr_u32 n, tr_str chosen) {
  int known = 0;
  tr_ui_field(u, type, name, label, required);
  tr_ui_key(u, TR("options"));
  tr_byte(&u->out, '[');
  for (tr_u32 i = 0; i < n; i++) {
    tr_add(&u->out, i ? TR(",{") : TR("{"));
    tr_ui_pair(u, TR("value"), options[i].value);
    tr_ui_pair(u, TR("label"), options[i].label);
    tr_byte(&u->out, '}');
    known |= tr_eq(options[i].value, chosen);
  }
  tr_byte(&u->out, ']');
  if (known) tr_ui_pair(u, TR("default"), chosen);
  tr_ui_shut(u);
}
// tr_ui_radio is a choice of few, tr_ui_select one of many. There is one option at
// least, each has another value, and none is empty.
static void tr_ui_radio(tr_ui *u, tr_str name, tr_str label, int required, const tr_ui_option *options, tr_u32 n, tr_str chosen) {
  tr_ui_choice(u, TR("radio"), name, label, required, options, n, chosen);
}
static void tr_ui_select(tr_ui *u, tr_str name, tr_str label, int required, const tr_ui_option *options, tr_u32 n, tr_str chosen) {
  tr_ui_choice(u, TR("select"), name, label, required, options, n, chosen);
}

// ---- what an action answers

// tr_ui_say tells the person what has happened; the slot is shown anew, or as the
// tree that u has, if it has one.
static tr_str tr_ui_say(tr_str message, tr_u32 state, tr_ui *u) {
  tr_out o = {0};
  tr_add(&o, TR("{\"message\":"));
  tr_text(&o, tr_ui_says(message));
  tr_add(&o, TR(",\"state\":"));
  tr_text(&o, tr_ui_tone(state == TR_NEUTRAL ? TR_OK : state > TR_INFO ? TR_INFO : state));
  if (u && u->out.n) {
    tr_add(&o, TR(",\"tree\":"));
    tr_add(&o, tr_ui_done(u));
  }
  tr_byte(&o, '}');
  return tr_done(&o);
}
// tr_ui_redirect sends the person to a page of the tenant, by its path.
static tr_str tr_ui_redirect(tr_str path) {
  tr_out o = {0};
  tr_add(&o, TR("{\"redirect\":"));
  tr_text(&o, path);
  tr_byte(&o, '}');
  return tr_done(&o);
}

// ---- exports

// TR_ANSWER exports fn(tr_value *in, tr_str *answer), which returns 0 and an answer,
// or what tr_call returned: the error of that operation then is the answer.
#define TR_ANSWER(name, fn)                                                                 \
  __attribute__((export_name(#name))) tr_u64 tr_hook_##name(tr_u32 ptr, tr_u32 len) {       \
    tr_start();                                                                             \
    tr_str out = TR("{}");                                                                  \
    if (fn(tr_parse((tr_str){(const char *)ptr, len}), &out))                               \
      return (tr_u64)(tr_u32)tr_wrong.p << 32 | 0x80000000u | tr_wrong.n;                   \
    return (tr_u64)(tr_u32)out.p << 32 | out.n;                                             \
  }

// TR_SHOW exports fn(tr_value *in, tr_ui *u), which writes what a slot shows and
// returns 0, or what tr_call returned. What writes nothing shows nothing.
#define TR_SHOW(name, fn)                                                                   \
  static tr_u32 tr_show_##name(tr_value *in, tr_str *answer) {                              \
    tr_ui u = {0};                                                                          \
    tr_u32 kind = fn(in, &u);                                                               \
    *answer = tr_ui_done(&u);                                                               \
    return kind;                                                                            \
  }                                                                                         \
  TR_ANSWER(name, tr_show_##name)
#endif
