// trellis_uitext.h: what may stand in a tree, for trellis_ui.h, which includes it.
#ifndef TRELLIS_UITEXT_H
#define TRELLIS_UITEXT_H

// tr_ui_char takes a character from the beginning of a text; what is none is U+FFFD.
static tr_u32 tr_ui_char(tr_str *s) {
  tr_u32 n = tr_utf8((const tr_u8 *)s->p, s->n), c = (tr_u8)s->p[0];
  if (n > 1) c &= 0x7fu >> n;
  for (tr_u32 i = 1; i < n; i++) c = c << 6 | ((tr_u8)s->p[i] & 63);
  if (!n) c = 0xfffd;
  s->p += n ? n : 1;
  s->n -= n ? n : 1;
  return c;
}

// tr_ui_unseen reports whether the platform takes a character out of texts.
static int tr_ui_unseen(tr_u32 c) {
  if (c < 0x7f) return c < ' ' && c != '\n' && c != '\t';
  if (c < 0x200b) return c < 0xa0 || c == 0xad || c == 0x34f || c == 0x115f || c == 0x1160 || c == 0x17b4 || c == 0x17b5 || c == 0x180e;
  return c == 0x200b || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0x3164 || c == 0xfeff || c == 0xffa0 ||
         (c >= 0xfff9 && c <= 0xfffb) || (c >= 0x1bca0 && c <= 0x1bca3) || (c >= 0x1d173 && c <= 0x1d17a) || (c >= 0xe0000 && c <= 0xe0fff);
}

// tr_ui_blank reports whether nothing is seen of a text.
static int tr_ui_blank(tr_str s) {
  while (s.n) {
    tr_u32 c = tr_ui_char(&s);
    if (c == ' ' || (c >= 9 && c <= 13) || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x202f || c == 0x205f || c == 0x3000) continue;
    if (!tr_ui_unseen(c)) return 0;
  }
  return 1;
}

// tr_ui_says returns a text, or a dash if nothing is seen of it.
static tr_str tr_ui_says(tr_str s) { return tr_ui_blank(s) ? TR("\xe2\x80\x93") : s; }

// tr_ui_odd reports whether something stands in a text that no address has.
static int tr_ui_odd(tr_str s, int spaces) {
  while (s.n) {
    tr_u32 c = tr_ui_char(&s);
    if (c < ' ' || (c == ' ' && !spaces) || c == '\\' || c == 0xfffd || tr_ui_unseen(c)) return 1;
  }
  return 0;
}

static int tr_ui_digit(char c) { return c >= '0' && c <= '9'; }
static int tr_ui_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || tr_ui_digit(c); }
static tr_str tr_ui_rest(tr_str s, tr_u32 n) { return n < s.n ? (tr_str){s.p + n, s.n - n} : TR(""); }

// tr_ui_before returns what stands before the first of some characters.
static tr_str tr_ui_before(tr_str s, tr_str ends) {
  for (tr_u32 i = 0; i < s.n; i++)
    for (tr_u32 k = 0; k < ends.n; k++)
      if (s.p[i] == ends.p[k]) return (tr_str){s.p, i};
  return s;
}

static tr_u32 tr_ui_hex(char c) { return tr_ui_digit(c) ? (tr_u32)(c - '0') : tr_ui_letter(c) ? (tr_u32)((c | 0x20) - 'a' + 10) : 16; }

// tr_ui_unescape writes an address without its escapes, and reports whether all of them
// are such.
static int tr_ui_unescape(tr_out *to, tr_str s) {
  for (tr_u32 i = 0; i < s.n; i++) {
    if (s.p[i] != '%') { tr_byte(to, s.p[i]); continue; }
    if (i + 2 >= s.n || tr_ui_hex(s.p[i + 1]) > 15 || tr_ui_hex(s.p[i + 2]) > 15) return 0;
    tr_byte(to, (char)(tr_ui_hex(s.p[i + 1]) << 4 | tr_ui_hex(s.p[i + 2])));
    i += 2;
  }
  return 1;
}

static int tr_ui_host(tr_str s) {
  for (tr_u32 i = 0; i < s.n; i++)
    if (!tr_ui_letter(s.p[i]) && s.p[i] != '-' && s.p[i] != '.') return 0;
  return s.n && s.n <= 253 && tr_ui_letter(s.p[0]) && tr_ui_letter(s.p[s.n - 1]);
}

// tr_ui_leads reports whether a link is one that the platform takes: it may come from
// the settings.
static int tr_ui_leads(tr_str link) {
  tr_out whole = {0}, path = {0};
  if (link.n > 2000 || tr_ui_odd(link, 0) || !tr_ui_unescape(&whole, link)) return 0;
  if (tr_prefix(link, TR("https://")) || tr_prefix(link, TR("http://"))) {
    tr_str at = tr_ui_before(tr_ui_rest(link, link.p[4] == 's' ? 8 : 7), TR("/?#")), name = tr_ui_before(at, TR(":"));
    for (tr_u32 i = name.n + 1; i < at.n; i++) if (!tr_ui_digit(at.p[i])) return 0;
    return tr_ui_host(name);
  }
  if (tr_prefix(link, TR("mailto:"))) {
    tr_str to = tr_ui_before(tr_ui_rest(link, 7), TR("?#")), name = tr_ui_before(to, TR("@"));
    for (tr_u32 i = 0; i < name.n; i++)
      if (!tr_ui_letter(name.p[i]) && name.p[i] != '-' && name.p[i] != '_' && name.p[i] != '.' && name.p[i] != '+') return 0;
    return name.n && name.n <= 64 && tr_ui_host(tr_ui_rest(to, name.n + 1));
  }
  tr_ui_unescape(&path, tr_ui_before(link, TR("?#")));
  tr_str rest = tr_done(&path);
  if (!tr_prefix(rest, TR("/")) || tr_prefix(rest, TR("//")) || tr_ui_odd(rest, 1)) return 0;
  while (rest.n) {
    tr_str step = tr_ui_before(tr_ui_rest(rest, 1), TR("/"));
    if (tr_eq(step, TR(".")) || tr_eq(step, TR(".."))) return 0;
    rest = tr_ui_rest(rest, step.n + 1);
  }
  return 1;
}

// tr_ui_day returns a day as it was given (2026-01-31), or nothing if it is none.
static tr_str tr_ui_day(tr_str s) {
  tr_u32 part[3] = {0}, at = 0;
  if (s.n != 10) return TR("");
  for (tr_u32 i = 0; i < s.n; i++) {
    if (i == 4 || i == 7) {
      if (s.p[i] != '-') return TR("");
      at++;
    } else if (!tr_ui_digit(s.p[i])) return TR("");
    else part[at] = part[at] * 10 + (tr_u32)(s.p[i] - '0');
  }
  tr_u32 year = part[0], month = part[1], leap = year % 4 == 0 && (year % 100 || year % 400 == 0);
  tr_u32 longest = month == 2 ? 28 + leap : month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
  return month >= 1 && month <= 12 && part[2] >= 1 && part[2] <= longest ? s : TR("");
}
// tr_ui_earlier reports whether a day stands before another.
static int tr_ui_earlier(tr_str a, tr_str b) {
  for (tr_u32 i = 0; i < a.n && i < b.n; i++) if (a.p[i] != b.p[i]) return a.p[i] < b.p[i];
  return a.n < b.n;
}
#endif
