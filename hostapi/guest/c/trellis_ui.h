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
#include "trellis_uitext.h"

// How something is meant. Of texts, TR_INFO and TR_OFF do not count.
enum { TR_NEUTRAL, TR_OK, TR_WARN, TR_BAD, TR_INFO, TR_MUTED, TR_OFF };

enum { TR_UI_DEPTH = 24 };

typedef struct { tr_str key, value; } tr_ui_value;
typedef struct tr_ui_name tr_ui_name;
struct tr_ui_name { tr_str name; tr_ui_name *next; };

typedef struct {
  tr_out out;
  tr_u32 depth, more[TR_UI_DEPTH + 1]; // more: how many stand before, in what is open
  tr_str close[TR_UI_DEPTH];
  tr_u32 columns, row, cut; // of the table that is open; the depth of its row; what is beyond the last column
  tr_ui_name *names;           // of the form that is open, with the keys of its values
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
// tr_ui_number adds a number of a tree: what is none is 0, what is too large the largest.
static void tr_ui_number(tr_ui *u, double x) { tr_real(&u->out, x > 1e15 ? 1e15 : x < -1e15 ? -1e15 : x); }
static void tr_ui_pair_number(tr_ui *u, tr_str key, double x) {
  tr_ui_key(u, key);
  tr_ui_number(u, x);
}
static void tr_ui_pair_yes(tr_ui *u, tr_str key, int is) {
  if (!is) return;
  tr_ui_key(u, key);
  tr_add(&u->out, TR("true"));
}
static void tr_ui_pair_given(tr_ui *u, tr_str key, tr_str value) {
  if (value.n) tr_ui_pair(u, key, value);
}

// tr_ui_next begins another one in what is open.
static void tr_ui_next(tr_ui *u) {
  if (u->row && u->row == u->depth && u->more[u->depth] == u->columns) u->cut = u->out.n;
  if (u->more[u->depth]++) tr_byte(&u->out, ',');
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
  u->more[u->depth] = 0;
}

// tr_ui_end closes what was opened last.
static void tr_ui_end(tr_ui *u) {
  if (!u->depth) return;
  if (u->row == u->depth) {
    if (u->more[u->row] > u->columns) u->out.n = u->cut;
    for (tr_u32 n = u->more[u->row]; n < u->columns; n++) tr_add(&u->out, n ? TR(",\"\"") : TR("\"\""));
    u->row = 0;
  }
  tr_add(&u->out, u->close[--u->depth]);
}

// tr_ui_done returns the tree. Nothing written shows nothing.
static tr_str tr_ui_done(tr_ui *u) {
  while (u->depth) tr_ui_end(u);
  if (!u->out.n) return TR("null");
  return tr_done(&u->out);
}

// ---- what has other nodes in it

// tr_ui_box opens a stack, or a row if row is not 0; TR_TIGHT leaves little room between
// what is in it, TR_WIDE much.
enum { TR_EVEN, TR_TIGHT, TR_WIDE };
static void tr_ui_box(tr_ui *u, int row, tr_u32 gap) {
  tr_ui_node(u, TR("stack"));
  if (row) tr_ui_pair(u, TR("direction"), TR("row"));
  if (gap) tr_ui_pair(u, TR("gap"), gap == TR_TIGHT ? TR("small") : TR("large"));
  tr_ui_open(u, TR("children"));
}
static void tr_ui_stack(tr_ui *u) { tr_ui_box(u, 0, TR_EVEN); }
static void tr_ui_row(tr_ui *u) { tr_ui_box(u, 1, TR_EVEN); }
// tr_ui_card opens a card; its title may be empty.
static void tr_ui_card(tr_ui *u, tr_str title) {
  tr_ui_node(u, TR("card"));
  tr_ui_pair_given(u, TR("title"), title);
  tr_ui_open(u, TR("children"));
}
// tr_ui_fold opens what is hidden until somebody opens it, or is open to begin with.
static void tr_ui_fold(tr_ui *u, tr_str summary, int open) {
  tr_ui_node(u, TR("details"));
  tr_ui_pair(u, TR("summary"), tr_ui_says(summary));
  tr_ui_pair_yes(u, TR("open"), open);
  tr_ui_open(u, TR("children"));
}
static void tr_ui_details(tr_ui *u, tr_str summary) { tr_ui_fold(u, summary, 0); }
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
  tr_ui_pair_number(u, TR("level"), level < 1 ? 1 : level > 3 ? 3 : level);
  tr_ui_pair(u, TR("text"), tr_ui_says(text));
  tr_ui_shut(u);
}
static void tr_ui_toned(tr_ui *u, tr_str text, tr_u32 tone) {
  tr_str name = tone == TR_INFO || tone == TR_OFF ? TR("") : tr_ui_tone(tone);
  if (!name.n && u->depth) { // where many stand, a text may be a string
    tr_ui_next(u);
    tr_text(&u->out, text);
    return;
  }
  tr_ui_node(u, TR("text"));
  tr_ui_pair(u, TR("text"), text);
  tr_ui_pair_given(u, TR("tone"), name);
  tr_ui_shut(u);
}
static void tr_ui_text(tr_ui *u, tr_str text) { tr_ui_toned(u, text, TR_NEUTRAL); }

// tr_ui_runs opens a text of parts, of which only these may follow until tr_ui_end:
// tr_ui_plain, tr_ui_strong, tr_ui_em, tr_ui_code and tr_ui_link.
static void tr_ui_runs_toned(tr_ui *u, tr_u32 tone) {
  tr_ui_node(u, TR("text"));
  if (tone != TR_INFO && tone != TR_OFF) tr_ui_pair_given(u, TR("tone"), tr_ui_tone(tone));
  tr_ui_open(u, TR("runs"));
}
static void tr_ui_runs(tr_ui *u) { tr_ui_runs_toned(u, TR_NEUTRAL); }
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
// the tenant ("/courses/…"). With any other it is a part like the rest.
static void tr_ui_link(tr_ui *u, tr_str text, tr_str to) {
  if (tr_ui_leads(to) && !tr_ui_blank(text)) tr_ui_run(u, text, TR("link"), to);
  else tr_ui_plain(u, text);
}

// ---- facts

static void tr_ui_badge(tr_ui *u, tr_str text, tr_u32 state) {
  tr_ui_node(u, TR("badge"));
  tr_ui_pair(u, TR("text"), tr_ui_says(text));
  tr_ui_pair_given(u, TR("state"), tr_ui_tone(state == TR_MUTED ? TR_OFF : state));
  tr_ui_shut(u);
}
static void tr_ui_progress(tr_ui *u, tr_str label, double value, double max) {
  tr_ui_node(u, TR("progress"));
  tr_ui_pair(u, TR("label"), tr_ui_says(label));
  tr_ui_pair_number(u, TR("value"), value);
  tr_ui_pair_number(u, TR("max"), max > 0 ? max : 1);
  tr_ui_shut(u);
}

// tr_ui_image shows a picture of the bundle, by its path within assets/. Alt is what
// stands for it where it is not seen; width and height are the picture's own.
static void tr_ui_image(tr_ui *u, tr_str asset, tr_str alt, tr_i64 width, tr_i64 height) {
  tr_ui_node(u, TR("image"));
  tr_ui_pair(u, TR("asset"), asset);
  tr_ui_pair(u, TR("alt"), alt);
  tr_ui_pair_number(u, TR("width"), width < 1 ? 1 : width > 4096 ? 4096 : width);
  tr_ui_pair_number(u, TR("height"), height < 1 ? 1 : height > 4096 ? 4096 : height);
  tr_ui_shut(u);
}

typedef struct { tr_str title; int number; } tr_ui_column; // number: its cells are numbers

// tr_ui_table opens a table of n columns, at most 20, of which only rows may follow until
// tr_ui_end. The caption says what it shows, for those who do not see it.
static void tr_ui_table(tr_ui *u, tr_str caption, const tr_ui_column *columns, tr_u32 n) {
  static const tr_ui_column nameless;
  if (!n) { columns = &nameless; n = 1; }
  u->columns = n = n > 20 ? 20 : n;
  tr_ui_node(u, TR("table"));
  tr_ui_pair(u, TR("caption"), tr_ui_says(caption));
  tr_ui_key(u, TR("columns"));
  tr_byte(&u->out, '[');
  for (tr_u32 i = 0; i < n; i++) {
    tr_add(&u->out, i ? TR(",{") : TR("{"));
    tr_ui_pair(u, TR("title"), columns[i].title);
    if (columns[i].number) tr_ui_pair(u, TR("align"), TR("end"));
    tr_ui_shut(u);
  }
  tr_byte(&u->out, ']');
  tr_ui_open(u, TR("rows"));
}
// tr_ui_cells opens a row, of which texts, badges, progress, images and buttons may
// follow until tr_ui_end. The first is its heading; what is missing is empty.
static void tr_ui_cells(tr_ui *u) {
  if (u->depth == TR_UI_DEPTH) __builtin_trap();
  tr_ui_next(u);
  tr_byte(&u->out, '[');
  u->close[u->depth++] = TR("]");
  u->more[u->depth] = 0;
  u->row = u->depth;
}

// tr_ui_series has n values, whole or real ones: for each label if n is 0.
typedef struct { tr_str name; const tr_i64 *values; const double *reals; tr_u32 n; } tr_ui_series;

// tr_ui_chart shows up to three series at n labels, at most 200, in bars or lines. The
// title says what can be seen: Most enrol on Mondays. What is missing of a series, or is
// no number, is 0.
static void tr_ui_chart(tr_ui *u, int line, tr_str title, const tr_str *labels, tr_u32 n, const tr_ui_series *series, tr_u32 count) {
  tr_ui_series nameless = {.name = title};
  if (n > 200) n = 200;
  if (count > 3) count = 3;
  if (!count) { series = &nameless; count = 1; }
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
    const tr_ui_series *s = &series[k];
    tr_add(&u->out, k ? TR(",{") : TR("{"));
    tr_ui_pair(u, TR("name"), tr_ui_says(s->name));
    tr_ui_key(u, TR("values"));
    tr_byte(&u->out, '[');
    for (tr_u32 i = 0; i < n; i++) {
      double x = s->n && i >= s->n ? 0 : s->values ? (double)s->values[i] : s->reals ? s->reals[i] : 0;
      if (i) tr_byte(&u->out, ',');
      tr_ui_number(u, x - x == 0 ? x : 0);
    }
    tr_add(&u->out, TR("]}"));
  }
  tr_add(&u->out, TR("]}"));
}

// tr_ui_bars shows one series in bars.
static void tr_ui_bars(tr_ui *u, tr_str title, tr_str name, const tr_str *labels, const tr_i64 *values, tr_u32 n) {
  tr_ui_series s = {.name = name, .values = values};
  tr_ui_chart(u, 0, title, labels, n, &s, 1);
}

#include "trellis_uiform.h"

// ---- what an action answers

// tr_ui_short cuts a message to what the platform takes, in one line.
static tr_str tr_ui_short(tr_str s) {
  tr_out o = {0};
  for (tr_u32 n = 1; s.n; n++) {
    tr_str from = s;
    tr_u32 c = tr_ui_char(&s);
    if (n == 500 && s.n) { tr_add(&o, TR("\xe2\x80\xa6")); break; }
    if (c < ' ' || (c >= 0x7f && c < 0xa0)) tr_byte(&o, ' ');
    else tr_add(&o, (tr_str){from.p, from.n - s.n});
  }
  return tr_done(&o);
}

// tr_ui_say tells the person what has happened; the slot is shown anew, or as the
// tree that u has, if it has one.
static tr_str tr_ui_say(tr_str message, tr_u32 state, tr_ui *u) {
  tr_out o = {0};
  tr_add(&o, TR("{\"message\":"));
  tr_text(&o, tr_ui_short(tr_ui_says(message)));
  tr_add(&o, TR(",\"state\":"));
  tr_text(&o, tr_ui_tone(state == TR_NEUTRAL ? TR_OK : state > TR_INFO ? TR_INFO : state));
  if (u && u->out.n) {
    tr_add(&o, TR(",\"tree\":"));
    tr_add(&o, tr_ui_done(u));
  }
  tr_byte(&o, '}');
  return tr_done(&o);
}
// tr_ui_shown shows the tree that u has in the slot, until it is shown anew.
static tr_str tr_ui_shown(tr_ui *u) {
  tr_out o = {0};
  tr_add(&o, TR("{\"tree\":"));
  tr_add(&o, tr_ui_done(u));
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

// ---- who looks, and what goes wrong

// tr_ui_has reports whether who looks has a role there: in is what the hook was given.
static int tr_ui_has(tr_value *in, tr_str role) {
  tr_value *roles = tr_get(tr_get(in, TR("person")), TR("roles"));
  for (tr_value *r = tr_is(roles, TR_ARRAY) ? roles->first : 0; r; r = r->next) if (tr_is(r, TR_STRING) && tr_eq(r->text, role)) return 1;
  return 0;
}

// tr_ui_enrolled reports whether who looks is known to be enrolled in the course of the
// page, for which it takes enrollments:read.
static int tr_ui_enrolled(tr_value *in) {
  tr_value *is = tr_get(tr_get(tr_get(in, TR("person")), TR("enrolled")), TR("is_active"));
  return tr_is(is, TR_BOOL) && is->truth;
}

// tr_fail is what a hook returns to answer with an error of a kind ("conflict",
// "not_found"…). The message is cut to 1,000 bytes.
static tr_u32 tr_fail(tr_str kind, tr_str message) {
  tr_out o = {0};
  if (message.n > 1000) for (message.n = 1000; message.n && ((tr_u8)message.p[message.n] & 0xc0) == 0x80;) message.n--;
  tr_add(&o, TR("{\"kind\":"));
  tr_text(&o, kind);
  tr_add(&o, TR(",\"message\":"));
  tr_text(&o, message);
  tr_byte(&o, '}');
  tr_wrong = tr_done(&o);
  return 8; // any kind: the answer has its name
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
