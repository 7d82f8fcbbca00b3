// trellis_uiform.h: buttons and forms, for trellis_ui.h, which includes it.
#ifndef TRELLIS_UIFORM_H
#define TRELLIS_UIFORM_H

// The style of a button: TR_PRIMARY for the one that most people will want, TR_DANGER
// for what cannot be undone.
enum { TR_USUAL, TR_PRIMARY, TR_DANGER };

// tr_ui_ask writes whom a button or a form asks. Of a key that stands twice the last
// value counts.
static void tr_ui_ask(tr_ui *u, tr_str action, tr_u32 style, const tr_ui_value *values, tr_u32 n) {
  tr_ui_pair(u, TR("action"), action);
  if (style) tr_ui_pair(u, TR("style"), style == TR_PRIMARY ? TR("primary") : TR("danger"));
  if (!n) return;
  tr_ui_key(u, TR("values"));
  tr_byte(&u->out, '{');
  for (tr_u32 i = 0; i < n; i++) {
    tr_u32 again = 0;
    for (tr_u32 k = i + 1; k < n; k++) again |= tr_eq(values[k].key, values[i].key);
    if (!again) tr_ui_pair(u, values[i].key, values[i].value);
  }
  tr_byte(&u->out, '}');
}

// tr_ui_button asks an export, one of the slot's actions in the manifest, with n values.
static void tr_ui_button_as(tr_ui *u, tr_u32 style, tr_str text, tr_str action, const tr_ui_value *values, tr_u32 n) {
  tr_ui_node(u, TR("button"));
  tr_ui_pair(u, TR("text"), tr_ui_says(text));
  tr_ui_ask(u, action, style, values, n);
  tr_ui_shut(u);
}
static void tr_ui_button(tr_ui *u, tr_str text, tr_str action, const tr_ui_value *values, tr_u32 n) {
  tr_ui_button_as(u, TR_USUAL, text, action, values, n);
}

// tr_ui_named reports whether a name stands in the form already, and notes it.
static int tr_ui_named(tr_ui *u, tr_str name) {
  for (tr_ui_name *m = u->names; m; m = m->next) if (tr_eq(m->name, name)) return 1;
  tr_ui_name *m = (tr_ui_name *)tr_take(sizeof(tr_ui_name));
  *m = (tr_ui_name){name, u->names};
  u->names = m;
  return 0;
}

// tr_ui_form opens a form, of which only fields may follow until tr_ui_end. Two of one
// name are one: the first.
static void tr_ui_form_as(tr_ui *u, tr_u32 style, tr_str action, tr_str submit, const tr_ui_value *values, tr_u32 n) {
  tr_ui_node(u, TR("form"));
  tr_ui_ask(u, action, style, values, n);
  tr_ui_pair(u, TR("submit"), tr_ui_says(submit));
  tr_ui_open(u, TR("fields"));
  u->names = 0;
  for (tr_u32 i = 0; i < n; i++) tr_ui_named(u, values[i].key);
}
static void tr_ui_form(tr_ui *u, tr_str action, tr_str submit, const tr_ui_value *values, tr_u32 n) {
  tr_ui_form_as(u, TR_USUAL, action, submit, values, n);
}

typedef struct { tr_str value, label; } tr_ui_option; // no label: what is seen is the value

// The types of fields, with what the export is given.
enum {
  TR_TEXT_FIELD,    // a string, which may be empty
  TR_TEXT_AREA,     // a string of several lines
  TR_NUMBER_FIELD,  // a number, or null if it is left empty
  TR_INTEGER_FIELD, // a whole one
  TR_CHECKBOX,      // true or false
  TR_SELECT,        // the value of one of many options, or null
  TR_RADIO,         // the value of one of few options, which are all seen
  TR_DATE_FIELD,    // a string like 2026-01-31, or null
};

// tr_ui_entry is a field; of its settings those count that its type has.
typedef struct {
  tr_u32 type;
  tr_str name, label, hint;
  int required;             // must be filled in; a checkbox must be ticked
  tr_str value;             // what a text or a day begins with, or the option that is chosen
  int ticked;               // a checkbox begins so
  const double *number;     // what a number begins with
  const double *low, *high; // bounds of a number, both or none
  tr_str earliest, latest;  // bounds of a day
  tr_u32 max_length;        // of a text, in characters
  const tr_ui_option *options;
  tr_u32 n;
} tr_ui_entry;

static void tr_ui_entry_number(tr_ui *u, const tr_ui_entry *e, int whole) {
  double low = -1e15, high = 1e15;
  if (e->low && e->high) {
    low = *e->low < *e->high ? *e->low : *e->high;
    high = *e->low < *e->high ? *e->high : *e->low;
    if (whole) { low = __builtin_ceil(low); high = __builtin_floor(high); }
    if (low <= high) {
      tr_ui_pair_number(u, TR("min"), low);
      tr_ui_pair_number(u, TR("max"), high);
    }
  }
  if (!e->number || !(__builtin_fabs(*e->number) <= 1e15) || *e->number < low || *e->number > high || (whole && *e->number != __builtin_trunc(*e->number))) return;
  tr_ui_pair_number(u, TR("default"), *e->number);
}

static void tr_ui_entry_options(tr_ui *u, const tr_ui_entry *e) {
  tr_u32 any = 0, known = 0;
  tr_ui_key(u, TR("options"));
  tr_byte(&u->out, '[');
  for (tr_u32 i = 0; i < e->n; i++) {
    const tr_ui_option *o = &e->options[i];
    tr_u32 again = !o->value.n;
    for (tr_u32 k = 0; k < i; k++) again |= tr_eq(e->options[k].value, o->value);
    if (again) continue;
    if (any++) tr_byte(&u->out, ',');
    known |= tr_eq(o->value, e->value);
    if (!o->label.n) { tr_text(&u->out, o->value); continue; }
    tr_byte(&u->out, '{');
    tr_ui_pair(u, TR("value"), o->value);
    tr_ui_pair(u, TR("label"), o->label);
    tr_byte(&u->out, '}');
  }
  if (!any) {
    tr_text(&u->out, TR("\xe2\x80\x93"));
    known = tr_eq(e->value, TR("\xe2\x80\x93"));
  }
  tr_byte(&u->out, ']');
  if (known) tr_ui_pair(u, TR("default"), e->value);
}

static void tr_ui_entry_day(tr_ui *u, const tr_ui_entry *e) {
  tr_str earliest = tr_ui_day(e->earliest), latest = tr_ui_day(e->latest), value = tr_ui_day(e->value);
  if (earliest.n && latest.n && tr_ui_earlier(latest, earliest)) {
    tr_str first = latest;
    latest = earliest;
    earliest = first;
  }
  tr_ui_pair_given(u, TR("earliest"), earliest);
  tr_ui_pair_given(u, TR("latest"), latest);
  if (!tr_ui_earlier(value, earliest) && !(latest.n && tr_ui_earlier(latest, value))) tr_ui_pair_given(u, TR("default"), value);
}

// tr_ui_enter adds a field to the form that is open:
//
//   tr_ui_enter(u, &(tr_ui_entry){.type = TR_DATE_FIELD, .name = TR("due"), .label = TR("Due"), .required = 1});
//
// What could not be entered is not what it begins with.
static void tr_ui_enter(tr_ui *u, const tr_ui_entry *e) {
  const tr_str types[] = {TR("text"), TR("textarea"), TR("number"), TR("integer"), TR("checkbox"), TR("select"), TR("radio"), TR("date")};
  if (e->type > TR_DATE_FIELD || tr_ui_named(u, e->name)) return;
  tr_ui_next(u);
  tr_byte(&u->out, '{');
  tr_ui_pair(u, TR("type"), types[e->type]);
  tr_ui_pair(u, TR("name"), e->name);
  tr_ui_pair(u, TR("label"), tr_ui_says(e->label));
  tr_ui_pair_given(u, TR("hint"), e->hint);
  tr_ui_pair_yes(u, TR("required"), e->required);
  switch (e->type) {
  case TR_TEXT_FIELD: case TR_TEXT_AREA:
    if (e->max_length) tr_ui_pair_number(u, TR("maxlength"), e->max_length < 16384 ? e->max_length : 16384);
    tr_ui_pair_given(u, TR("default"), e->value);
    break;
  case TR_NUMBER_FIELD: case TR_INTEGER_FIELD: tr_ui_entry_number(u, e, e->type == TR_INTEGER_FIELD); break;
  case TR_CHECKBOX: tr_ui_pair_yes(u, TR("default"), e->ticked); break;
  case TR_SELECT: case TR_RADIO: tr_ui_entry_options(u, e); break;
  case TR_DATE_FIELD: tr_ui_entry_day(u, e); break;
  }
  tr_ui_shut(u);
}

// The fields that are wanted most, in a line each.
static void tr_ui_text_field(tr_ui *u, tr_str name, tr_str label, int required, tr_str begin) {
  tr_ui_enter(u, &(tr_ui_entry){.type = TR_TEXT_FIELD, .name = name, .label = label, .required = required, .value = begin});
}
static void tr_ui_integer_field(tr_ui *u, tr_str name, tr_str label, int required, tr_i64 min, tr_i64 max) {
  double low = (double)min, high = (double)max;
  tr_ui_enter(u, &(tr_ui_entry){.type = TR_INTEGER_FIELD, .name = name, .label = label, .required = required, .low = &low, .high = &high});
}
static void tr_ui_checkbox(tr_ui *u, tr_str name, tr_str label, int ticked) {
  tr_ui_enter(u, &(tr_ui_entry){.type = TR_CHECKBOX, .name = name, .label = label, .ticked = ticked});
}
// tr_ui_radio is a choice of few, tr_ui_select one of many.
static void tr_ui_radio(tr_ui *u, tr_str name, tr_str label, int required, const tr_ui_option *options, tr_u32 n, tr_str chosen) {
  tr_ui_enter(u, &(tr_ui_entry){.type = TR_RADIO, .name = name, .label = label, .required = required, .options = options, .n = n, .value = chosen});
}
static void tr_ui_select(tr_ui *u, tr_str name, tr_str label, int required, const tr_ui_option *options, tr_u32 n, tr_str chosen) {
  tr_ui_enter(u, &(tr_ui_entry){.type = TR_SELECT, .name = name, .label = label, .required = required, .options = options, .n = n, .value = chosen});
}
#endif
