// A card beside a course that says how many enrolled today, by the hour, and is new
// a moment after each enrolment. The same as ../live-card, which is in Go and says
// more of why it counts as it does.
//
//   clang --target=wasm32 -Os -nostdlib -fno-builtin -Wl,--no-entry -Wl,--strip-all -Wl,-z,stack-size=16384 -I ../../hostapi/guest/c -o main.wasm main.c
#include "trellis_ui.h"

enum { CONFLICT = 5, SHARDS = 32, TRIES = 8, ID = 8, MAX_IDS = 250, DAY = 10 };

// tally is what a note counts: enrolments by the hour of the day, and which.
typedef struct {
  tr_i64 hours[24], version;
  tr_str ids;
} tally;

static tr_str join(const tr_str *parts, tr_u32 n) {
  tr_out o = {0};
  for (tr_u32 i = 0; i < n; i++) tr_add(&o, parts[i]);
  return tr_done(&o);
}
#define JOIN(...) join((tr_str[]){__VA_ARGS__}, sizeof((tr_str[]){__VA_ARGS__}) / sizeof(tr_str))

// digits writes a number, with a zero before it if it is to have two digits.
static tr_str digits(tr_i64 v, tr_u32 width) {
  tr_out o = {0};
  if (width == 2 && v < 10) tr_byte(&o, '0');
  tr_int(&o, v);
  return tr_done(&o);
}

// when reads the day and the hour of a time, which the platform gives in UTC.
static int when(tr_value *time, tr_str *day, tr_i64 *hour) {
  if (!tr_is(time, TR_STRING) || time->text.n < 14 || time->text.p[10] != 'T') return 0;
  *day = (tr_str){time->text.p, DAY};
  *hour = (time->text.p[11] - '0') * 10 + (time->text.p[12] - '0');
  return *hour >= 0 && *hour < 24;
}

static tally tally_of(tr_value *value) {
  tally t = {0};
  tr_value *hours = tr_get(value, TR("h")), *ids = tr_get(value, TR("ids"));
  tr_u32 i = 0;
  if (tr_is(hours, TR_ARRAY))
    for (tr_value *h = hours->first; h && i < 24; h = h->next) tr_integer(h, &t.hours[i++]);
  if (tr_is(ids, TR_STRING)) t.ids = ids->text;
  return t;
}

static tr_u32 read(tr_str key, tally *t) {
  tr_out o = {0};
  tr_value *note = 0;
  tr_add(&o, TR("{\"key\":"));
  tr_text(&o, key);
  tr_byte(&o, '}');
  tr_u32 kind = tr_call(TR("kv.get"), tr_done(&o), &note);
  *t = tally_of(tr_get(note, TR("value")));
  tr_integer(tr_get(note, TR("version")), &t->version);
  return kind;
}

// write writes a note that has the version that t was read with.
static tr_u32 write(tr_str key, tally *t) {
  tr_out o = {0};
  tr_add(&o, TR("{\"key\":"));
  tr_text(&o, key);
  tr_add(&o, TR(",\"value\":{\"h\":["));
  for (int i = 0; i < 24; i++) {
    if (i) tr_byte(&o, ',');
    tr_int(&o, t->hours[i]);
  }
  tr_add(&o, TR("],\"ids\":"));
  tr_text(&o, t->ids);
  tr_add(&o, TR("},\"if_version\":"));
  tr_int(&o, t->version);
  tr_byte(&o, '}');
  return tr_call(TR("kv.set"), tr_done(&o), 0);
}

static int counted(tr_str ids, tr_str id) {
  for (tr_u32 i = 0; i + ID <= ids.n; i += ID)
    if (tr_eq((tr_str){ids.p + i, ID}, id)) return 1;
  return 0;
}

// add counts what has an ID, unless it was counted before. If another delivery
// writes the note meanwhile, it looks again.
static tr_u32 add(tr_str key, tr_str id, tr_i64 hour) {
  tr_u32 kind = CONFLICT;
  for (int i = 0; i <= TRIES && kind == CONFLICT; i++) {
    tally t;
    if ((kind = read(key, &t)) || counted(t.ids, id)) return kind;
    t.hours[hour]++;
    t.ids = JOIN(t.ids, id);
    if (t.ids.n > MAX_IDS * ID) t.ids = (tr_str){t.ids.p + ID, t.ids.n - ID};
    kind = write(key, &t);
  }
  return kind;
}

// count counts an enrolment, and tells the pages that show the card.
static tr_u32 count(tr_value *in) {
  tr_value *id = tr_get(in, TR("id")), *course = tr_get(in, TR("course"));
  tr_str day;
  tr_i64 hour;
  if (!tr_is(id, TR_STRING) || !tr_is(course, TR_STRING) || !course->text.n || !when(tr_get(in, TR("time")), &day, &hour)) return 0;
  tr_u64 hash = 0xcbf29ce484222325ull; // FNV-1a
  for (tr_u32 i = 0; i < id->text.n; i++) hash = (hash ^ (tr_u8)id->text.p[i]) * 0x100000001b3ull;
  char id6[ID]; // what is kept of it
  for (int i = 0; i < ID; i++) id6[i] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[hash >> (58 - 6 * i) & 63];
  tr_u32 kind = add(JOIN(TR("n/"), course->text, TR("/"), day, TR("/"), digits((tr_i64)(hash % SHARDS), 2)), (tr_str){id6, ID}, hour);
  if (kind) return kind;

  // The ID of this event comes from that of the enrolment: a repeat adds nothing.
  tr_out o = {0};
  tr_add(&o, TR("{\"type\":\"trellis-demo.live-card-c.counted\",\"course\":"));
  tr_text(&o, course->text);
  tr_add(&o, TR(",\"data\":{\"day\":"));
  tr_text(&o, day);
  tr_add(&o, TR("}}"));
  return tr_call(TR("events.emit"), tr_done(&o), 0);
}
TR_HANDLER(count, count)

// list asks for the notes whose keys begin with a prefix.
static tr_u32 list(tr_str prefix, tr_str after, tr_i64 limit, tr_value **answer) {
  tr_out o = {0};
  tr_add(&o, TR("{\"prefix\":"));
  tr_text(&o, prefix);
  if (after.n) {
    tr_add(&o, TR(",\"after\":"));
    tr_text(&o, after);
  }
  tr_add(&o, TR(",\"limit\":"));
  tr_int(&o, limit);
  tr_byte(&o, '}');
  return tr_call(TR("kv.list"), tr_done(&o), answer);
}

// card shows the card.
static tr_u32 card(tr_value *in, tr_ui *u) {
  tr_value *course = tr_get(in, TR("course")), *notes = 0;
  tr_str day;
  tr_i64 now, hours[24] = {0}, sum = 0;
  if (!tr_is(course, TR_STRING) || !course->text.n || !when(tr_get(in, TR("time")), &day, &now)) return 0;
  tr_u32 kind = list(JOIN(TR("n/"), course->text, TR("/"), day, TR("/")), TR(""), SHARDS, &notes);
  if (kind) return kind;
  tr_value *items = tr_get(notes, TR("items"));
  if (tr_is(items, TR_ARRAY))
    for (tr_value *n = items->first; n; n = n->next) {
      tally t = tally_of(tr_get(n, TR("value")));
      for (int i = 0; i < 24; i++) hours[i] += t.hours[i];
    }

  tr_str labels[24];
  int best = 0;
  for (int i = 0; i <= now; i++) {
    labels[i] = JOIN(digits(i, 2), TR(":00"));
    sum += hours[i];
    if (hours[i] > hours[best]) best = i;
  }
  tr_ui_card(u, TR("Enrolled today"));
  if (!sum) {
    tr_ui_toned(u, TR("Nobody has enrolled yet today."), TR_MUTED);
    return 0;
  }
  tr_ui_runs(u);
  tr_ui_strong(u, digits(sum, 1));
  tr_ui_plain(u, sum == 1 ? TR(" person since midnight (UTC)") : TR(" people since midnight (UTC)"));
  tr_ui_end(u);
  tr_ui_bars(u, JOIN(sum == 1 ? TR("The first came after ") : TR("Most came after "), labels[best]), TR("Enrolments"), labels, hours, (tr_u32)now + 1);
  return 0;
}
TR_SHOW(card, card)

// day_of returns the day of a key, which is its last but one part.
static tr_str day_of(tr_str key) {
  tr_u32 end = key.n;
  while (end && key.p[end - 1] != '/') end--;
  return end > DAY + 1 && key.p[end - DAY - 2] == '/' ? (tr_str){key.p + end - 1 - DAY, DAY} : TR("");
}

static int before(tr_str a, tr_str b) {
  for (tr_u32 i = 0; i < a.n && i < b.n; i++)
    if (a.p[i] != b.p[i]) return a.p[i] < b.p[i];
  return 0;
}

// tidy deletes the notes of days before this one. It goes on in the next call, which
// has operations of its own again.
static tr_u32 tidy(tr_value *in, tr_str *answer) {
  tr_value *state = tr_get(in, TR("state"));
  tr_str today, after = tr_is(state, TR_STRING) ? state->text : TR("");
  tr_i64 hour;
  if (!when(tr_get(in, TR("time")), &today, &hour)) return 0;
  for (int used = 0; used < 60; used++) {
    tr_value *notes = 0;
    tr_u32 kind = list(TR("n/"), after, 20, &notes);
    if (kind) return kind;
    tr_value *items = tr_get(notes, TR("items")), *next = tr_get(notes, TR("next"));
    for (tr_value *n = tr_is(items, TR_ARRAY) ? items->first : 0; n; n = n->next) {
      tr_value *key = tr_get(n, TR("key"));
      if (!tr_is(key, TR_STRING) || !day_of(key->text).n || !before(day_of(key->text), today)) continue;
      tr_out o = {0};
      tr_add(&o, TR("{\"key\":"));
      tr_text(&o, key->text);
      tr_byte(&o, '}');
      if ((kind = tr_call(TR("kv.delete"), tr_done(&o), 0))) return kind;
      used++;
    }
    after = tr_is(next, TR_STRING) ? next->text : TR("");
    if (!after.n) return 0;
  }
  tr_out o = {0};
  tr_add(&o, TR("{\"again\":"));
  tr_text(&o, after);
  tr_byte(&o, '}');
  *answer = tr_done(&o);
  return 0;
}
TR_ANSWER(tidy, tidy)
