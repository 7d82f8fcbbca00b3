// trellis.h: extensions for Trellis in C, without a C library.
//
//   clang --target=wasm32 -Os -nostdlib -fno-builtin -Wl,--no-entry -Wl,-z,stack-size=16384 -o main.wasm main.c
//
// Include it in one file. An export is a function that takes the input and
// returns the answer, made with TR_HOOK:
//
//   static tr_str check(tr_value *in) { … return tr_done(&out); }
//   TR_HOOK(check, check)
//
// Memory is handed out from one region and taken back as a whole when the next
// call begins; nothing is freed by hand. Messages are JSON: tr_parse reads what
// RFC 8259 allows and nothing else, at most 10,000 deep; a key that stands twice
// has its last value; bytes that are not UTF-8 and halves of surrogate pairs
// become U+FFFD.
//
// A program that is called in another way (a WASI command, an Extism plug-in) defines
// TR_BARE before it includes this: then there are memory, texts and JSON alone, and
// nothing is imported or exported.
#ifndef TRELLIS_H
#define TRELLIS_H

typedef unsigned char tr_u8;
typedef unsigned int tr_u32;
typedef long long tr_i64;
typedef unsigned long long tr_u64;

#ifndef TR_BARE
#define TR_IMPORT(name) __attribute__((import_module("trellis"), import_name(#name)))
TR_IMPORT(call) tr_u64 tr_host_call(const char *name, tr_u32 name_len, const char *in, tr_u32 len);
TR_IMPORT(read) tr_u32 tr_host_read(char *to, tr_u32 cap, tr_u32 off);
TR_IMPORT(log) void tr_host_log(tr_u32 level, const char *text, tr_u32 len);
#endif

// ---- memory

extern tr_u8 __heap_base;
static tr_u32 tr_top;
#ifndef TR_BARE
static tr_u32 tr_begin, tr_buffer, tr_room;
#endif

static tr_u32 tr_end(void) { return (tr_u32)__builtin_wasm_memory_size(0) << 16; }

// tr_take returns n bytes, aligned to 8; it traps when there are none.
static void *tr_take(tr_u32 n) {
  if (!tr_top) tr_top = ((tr_u32)&__heap_base + 7) & ~7u;
  tr_u32 at = tr_top;
  if (n > 0x7fffff00u || at > 0x7fffff00u) __builtin_trap();
  tr_top = (at + n + 7) & ~7u;
  if (tr_top > tr_end()) {
    tr_u32 pages = (tr_top - tr_end() + 0xffff) >> 16;
    if (__builtin_wasm_memory_grow(0, pages) == (unsigned long)-1) __builtin_trap();
  }
  return (void *)at;
}

#ifndef TR_BARE
// The input has a buffer of its own, which grows when it must.
__attribute__((export_name("trellis_alloc"))) tr_u32 trellis_alloc(tr_u32 n) {
  if (n > 0x3fffffffu) return 0;
  if (n > tr_room || !tr_buffer) {
    tr_top = tr_begin;
    tr_buffer = (tr_u32)tr_take(n ? n : 1);
    tr_room = n;
    tr_begin = tr_top;
  }
  return tr_buffer;
}
#endif

static void tr_copy(char *to, const char *from, tr_u32 n) {
  for (tr_u32 i = 0; i < n; i++) to[i] = from[i];
}
void *memcpy(void *to, const void *from, unsigned long n) {
  tr_copy((char *)to, (const char *)from, (tr_u32)n);
  return to;
}
void *memset(void *to, int c, unsigned long n) {
  for (unsigned long i = 0; i < n; i++) ((char *)to)[i] = (char)c;
  return to;
}

// ---- texts

typedef struct { const char *p; tr_u32 n; } tr_str;
#define TR(s) ((tr_str){"" s, sizeof(s) - 1})

static int tr_eq(tr_str a, tr_str b) {
  if (a.n != b.n) return 0;
  for (tr_u32 i = 0; i < a.n; i++) if (a.p[i] != b.p[i]) return 0;
  return 1;
}
static int tr_prefix(tr_str s, tr_str p) { return s.n >= p.n && tr_eq((tr_str){s.p, p.n}, p); }

// ---- a text that grows

typedef struct { char *p; tr_u32 n, cap; } tr_out;

static void tr_room_for(tr_out *o, tr_u32 more) {
  if (o->n + more <= o->cap) return;
  tr_u32 cap = (o->n + more) * 2 + 64;
  char *p = (char *)tr_take(cap);
  tr_copy(p, o->p, o->n);
  o->p = p;
  o->cap = cap;
}
static void tr_add(tr_out *o, tr_str s) {
  tr_room_for(o, s.n);
  tr_copy(o->p + o->n, s.p, s.n);
  o->n += s.n;
}
static void tr_byte(tr_out *o, char c) {
  tr_room_for(o, 1);
  o->p[o->n++] = c;
}
static tr_str tr_done(tr_out *o) { return (tr_str){o->p, o->n}; }

// tr_text adds a JSON string. It escapes what JSON must have escaped, and the
// two line separators that JavaScript once stumbled over.
static void tr_text(tr_out *o, tr_str s) {
  static const char hex[] = "0123456789abcdef";
  tr_byte(o, '"');
  for (tr_u32 i = 0; i < s.n; i++) {
    tr_u8 c = (tr_u8)s.p[i];
    if (c == '"' || c == '\\') { tr_byte(o, '\\'); tr_byte(o, (char)c); }
    else if (c == '\n') tr_add(o, TR("\\n"));
    else if (c == '\r') tr_add(o, TR("\\r"));
    else if (c == '\t') tr_add(o, TR("\\t"));
    else if (c == '\b') tr_add(o, TR("\\b"));
    else if (c == '\f') tr_add(o, TR("\\f"));
    else if (c < 0x20) { tr_add(o, TR("\\u00")); tr_byte(o, hex[c >> 4]); tr_byte(o, hex[c & 15]); }
    else if (c == 0xe2 && i + 2 < s.n && (tr_u8)s.p[i + 1] == 0x80 && ((tr_u8)s.p[i + 2] & 0xfe) == 0xa8) {
      tr_add(o, TR("\\u202"));
      tr_byte(o, hex[(tr_u8)s.p[i + 2] & 15]);
      i += 2;
    } else tr_byte(o, (char)c);
  }
  tr_byte(o, '"');
}
static void tr_int(tr_out *o, tr_i64 v) {
  char d[24];
  tr_u32 n = 0;
  tr_u64 u = v < 0 ? 0 - (tr_u64)v : (tr_u64)v;
  do { d[n++] = (char)('0' + u % 10); u /= 10; } while (u);
  if (v < 0) tr_byte(o, '-');
  while (n) tr_byte(o, d[--n]);
}

// tr_real adds a number with as many digits as it takes to read the same again; what is
// less than 1e-18 counts as nothing, and what is no number is 0.
static void tr_real(tr_out *o, double x) {
  double size = __builtin_fabs(x), whole = __builtin_floor(size), scale = 1;
  char d[24];
  tr_u32 n = 0;
  if (!(size <= 9e18)) { tr_add(o, size > 0 ? (x < 0 ? TR("-9e18") : TR("9e18")) : TR("0")); return; }
  if (size == whole) { tr_int(o, (tr_i64)x); return; }
  if (x < 0) tr_byte(o, '-');
  for (tr_u32 places = 1; places <= 22; places++) {
    scale *= 10;
    double digits = __builtin_floor(size * scale + 0.5);
    if (digits >= 9007199254740992.0) break;
    if (digits / scale != size) continue; // both are exact
    for (tr_u64 u = (tr_u64)digits; u || n <= places; u /= 10) {
      if (n == places) d[n++] = '.';
      d[n++] = (char)('0' + u % 10);
    }
    while (n) tr_byte(o, d[--n]);
    return;
  }
  tr_int(o, (tr_i64)size);
  tr_byte(o, '.');
  tr_u64 rest = (tr_u64)((size - whole) * 1152921504606846976.0); // in parts of 1/2^60
  for (; n < 20 && (rest || !n); n++) {
    rest *= 10;
    tr_byte(o, (char)('0' + (rest >> 60)));
    rest &= 1152921504606846975u;
  }
}

// ---- JSON

enum { TR_NONE, TR_NULL, TR_BOOL, TR_NUMBER, TR_STRING, TR_ARRAY, TR_OBJECT };

typedef struct tr_value tr_value;
struct tr_value {
  tr_u32 type;
  tr_u32 truth;       // of a boolean
  tr_str text;        // of a string, decoded; of a number, as it stands there
  tr_str key;         // in an object
  tr_value *first, *last, *next, *up;
};

typedef struct { const char *p; tr_u32 n, i, bad; } tr_reader;

static void tr_space(tr_reader *r) {
  while (r->i < r->n && (r->p[r->i] == ' ' || r->p[r->i] == '\t' || r->p[r->i] == '\n' || r->p[r->i] == '\r')) r->i++;
}
static int tr_hex4(tr_reader *r, tr_u32 at, tr_u32 *v) {
  if (at + 4 > r->n) return 0;
  *v = 0;
  for (tr_u32 k = 0; k < 4; k++) {
    char c = r->p[at + k];
    tr_u32 d;
    if (c >= '0' && c <= '9') d = (tr_u32)(c - '0');
    else if (c >= 'a' && c <= 'f') d = (tr_u32)(c - 'a' + 10);
    else if (c >= 'A' && c <= 'F') d = (tr_u32)(c - 'A' + 10);
    else return 0;
    *v = *v << 4 | d;
  }
  return 1;
}
static void tr_rune(tr_out *o, tr_u32 c) {
  if (c < 0x80) tr_byte(o, (char)c);
  else if (c < 0x800) { tr_byte(o, (char)(0xc0 | c >> 6)); tr_byte(o, (char)(0x80 | (c & 63))); }
  else if (c < 0x10000) { tr_byte(o, (char)(0xe0 | c >> 12)); tr_byte(o, (char)(0x80 | (c >> 6 & 63))); tr_byte(o, (char)(0x80 | (c & 63))); }
  else { tr_byte(o, (char)(0xf0 | c >> 18)); tr_byte(o, (char)(0x80 | (c >> 12 & 63))); tr_byte(o, (char)(0x80 | (c >> 6 & 63))); tr_byte(o, (char)(0x80 | (c & 63))); }
}
// tr_utf8 returns how many bytes of s are one character, 0 if they are none.
static tr_u32 tr_utf8(const tr_u8 *s, tr_u32 n) {
  if (s[0] < 0x80) return 1;
  if (s[0] >= 0xc2 && s[0] <= 0xdf) return n > 1 && (s[1] & 0xc0) == 0x80 ? 2 : 0;
  if (s[0] >= 0xe0 && s[0] <= 0xef) {
    if (n < 3 || (s[1] & 0xc0) != 0x80 || (s[2] & 0xc0) != 0x80) return 0;
    if (s[0] == 0xe0 && s[1] < 0xa0) return 0;
    if (s[0] == 0xed && s[1] > 0x9f) return 0;
    return 3;
  }
  if (s[0] >= 0xf0 && s[0] <= 0xf4) {
    if (n < 4 || (s[1] & 0xc0) != 0x80 || (s[2] & 0xc0) != 0x80 || (s[3] & 0xc0) != 0x80) return 0;
    if (s[0] == 0xf0 && s[1] < 0x90) return 0;
    if (s[0] == 0xf4 && s[1] > 0x8f) return 0;
    return 4;
  }
  return 0;
}

static tr_str tr_string(tr_reader *r) {
  tr_out o = {0};
  r->i++; // the quote
  tr_u32 from = r->i, plain = 1;
  for (tr_u32 k = from; k < r->n; k++) { // most strings have nothing to decode
    tr_u8 c = (tr_u8)r->p[k];
    if (c == '"') break;
    if (c == '\\' || c < 0x20 || c >= 0x80) { plain = 0; break; }
  }
  while (r->i < r->n) {
    tr_u8 c = (tr_u8)r->p[r->i];
    if (c == '"') {
      tr_str s = plain ? (tr_str){r->p + from, r->i - from} : tr_done(&o);
      r->i++;
      return s;
    }
    if (c < 0x20) break;
    if (plain) { r->i++; continue; }
    if (c == '\\') {
      if (r->i + 1 >= r->n) break;
      char e = r->p[r->i + 1];
      tr_u32 v, low;
      r->i += 2;
      switch (e) {
      case '"': case '\\': case '/': tr_byte(&o, e); continue;
      case 'b': tr_byte(&o, '\b'); continue;
      case 'f': tr_byte(&o, '\f'); continue;
      case 'n': tr_byte(&o, '\n'); continue;
      case 'r': tr_byte(&o, '\r'); continue;
      case 't': tr_byte(&o, '\t'); continue;
      case 'u':
        if (!tr_hex4(r, r->i, &v)) { r->bad = 1; return TR(""); }
        r->i += 4;
        if (v >= 0xd800 && v < 0xe000) {
          if (v < 0xdc00 && r->i + 6 <= r->n && r->p[r->i] == '\\' && r->p[r->i + 1] == 'u' && tr_hex4(r, r->i + 2, &low) && low >= 0xdc00 && low < 0xe000) {
            r->i += 6;
            v = 0x10000 + ((v - 0xd800) << 10) + (low - 0xdc00);
          } else v = 0xfffd;
        }
        tr_rune(&o, v);
        continue;
      }
      r->bad = 1;
      return TR("");
    }
    tr_u32 k = tr_utf8((const tr_u8 *)r->p + r->i, r->n - r->i);
    if (k) { tr_add(&o, (tr_str){r->p + r->i, k}); r->i += k; }
    else { tr_rune(&o, 0xfffd); r->i++; }
  }
  r->bad = 1;
  return TR("");
}
static int tr_digit(tr_reader *r) { return r->i < r->n && r->p[r->i] >= '0' && r->p[r->i] <= '9'; }
static tr_str tr_number(tr_reader *r) {
  tr_u32 from = r->i;
  if (r->p[r->i] == '-') r->i++;
  if (!tr_digit(r)) { r->bad = 1; return TR(""); }
  if (r->p[r->i] == '0') r->i++;
  else while (tr_digit(r)) r->i++;
  if (r->i < r->n && r->p[r->i] == '.') {
    r->i++;
    if (!tr_digit(r)) { r->bad = 1; return TR(""); }
    while (tr_digit(r)) r->i++;
  }
  if (r->i < r->n && (r->p[r->i] == 'e' || r->p[r->i] == 'E')) {
    r->i++;
    if (r->i < r->n && (r->p[r->i] == '+' || r->p[r->i] == '-')) r->i++;
    if (!tr_digit(r)) { r->bad = 1; return TR(""); }
    while (tr_digit(r)) r->i++;
  }
  return (tr_str){r->p + from, r->i - from};
}
static int tr_word(tr_reader *r, tr_str w) {
  if (r->i + w.n > r->n || !tr_eq((tr_str){r->p + r->i, w.n}, w)) { r->bad = 1; return 0; }
  r->i += w.n;
  return 1;
}
static tr_value *tr_new(tr_value *up, tr_u32 type) {
  tr_value *v = (tr_value *)tr_take(sizeof(tr_value));
  *v = (tr_value){0};
  v->type = type;
  v->up = up;
  if (up) {
    if (up->last) up->last->next = v;
    else up->first = v;
    up->last = v;
  }
  return v;
}

// tr_parse reads one JSON document; 0 if it is none. It does not recurse, so no
// input can use up the stack.
static tr_value *tr_parse(tr_str in) {
  tr_reader r = {in.p, in.n, 0, 0};
  tr_value *root = 0, *at = 0;
  tr_str key = {0};
  tr_u32 depth = 0;
  for (;;) { // each round reads one value, where one must stand
    tr_space(&r);
    if (r.i >= r.n) return 0;
    tr_value *v = tr_new(at, TR_NONE);
    v->key = key;
    key = (tr_str){0};
    if (!root) root = v;
    char c = r.p[r.i];
    if (c == '{' || c == '[') {
      v->type = c == '{' ? TR_OBJECT : TR_ARRAY;
      if (++depth > 10000) return 0;
      r.i++;
      tr_space(&r);
      if (r.i >= r.n) return 0;
      if (r.p[r.i] == (c == '{' ? '}' : ']')) { r.i++; depth--; }
      else { at = v; goto member; }
    } else if (c == '"') { v->type = TR_STRING; v->text = tr_string(&r); }
    else if (c == 't') { v->type = TR_BOOL; v->truth = 1; tr_word(&r, TR("true")); }
    else if (c == 'f') { v->type = TR_BOOL; tr_word(&r, TR("false")); }
    else if (c == 'n') { v->type = TR_NULL; tr_word(&r, TR("null")); }
    else if (c == '-' || (c >= '0' && c <= '9')) { v->type = TR_NUMBER; v->text = tr_number(&r); }
    else return 0;
    if (r.bad) return 0;
    for (;;) { // what may follow a value
      tr_space(&r);
      if (!at) return r.i == r.n ? root : 0;
      if (r.i >= r.n) return 0;
      c = r.p[r.i++];
      if (c == ',') break;
      if (c != (at->type == TR_OBJECT ? '}' : ']')) return 0;
      at = at->up;
      depth--;
    }
    tr_space(&r);
  member:
    if (at->type == TR_OBJECT) {
      if (r.i >= r.n || r.p[r.i] != '"') return 0;
      key = tr_string(&r);
      if (r.bad) return 0;
      tr_space(&r);
      if (r.i >= r.n || r.p[r.i++] != ':') return 0;
    }
  }
}

// tr_get returns the member of an object, or 0. Keys match exactly; of a key that
// stands twice the last counts.
static tr_value *tr_get(tr_value *v, tr_str key) {
  tr_value *found = 0;
  if (!v || v->type != TR_OBJECT) return 0;
  for (tr_value *m = v->first; m; m = m->next) if (tr_eq(m->key, key)) found = m;
  return found;
}
static int tr_is(tr_value *v, tr_u32 type) { return v && v->type == type; }
// tr_absent reports whether a value is missing or null.
static int tr_absent(tr_value *v) { return !v || v->type == TR_NULL; }
// tr_integer reads a number that is written as a whole one and fits 64 bits.
static int tr_integer(tr_value *v, tr_i64 *out) {
  if (!tr_is(v, TR_NUMBER)) return 0;
  tr_u32 i = 0, minus = 0;
  tr_u64 u = 0;
  if (v->text.p[0] == '-') minus = i = 1;
  for (; i < v->text.n; i++) {
    char c = v->text.p[i];
    if (c < '0' || c > '9') return 0;
    tr_u64 d = (tr_u64)(c - '0');
    if (u > (0xffffffffffffffffull - d) / 10) return 0;
    u = u * 10 + d;
  }
  if (u > 0x7fffffffffffffffull + minus) return 0;
  *out = minus ? (tr_i64)(0 - u) : (tr_i64)u;
  return 1;
}
// tr_number_of reads a number however it is written, as near as 64 bits come if it has at
// most 15 digits, and else very near.
static int tr_number_of(tr_value *v, double *out) {
  tr_u64 digits = 0;
  tr_i64 exponent = 0, places = 0;
  tr_u32 i = 0, minus = 0, after = 0;
  if (!tr_is(v, TR_NUMBER)) return 0;
  tr_str t = v->text;
  if (t.p[0] == '-') minus = i = 1;
  for (; i < t.n && (t.p[i] | 0x20) != 'e'; i++) {
    if (t.p[i] == '.') after = 1;
    else if (digits >= 1000000000000000000u) places -= !after;
    else { digits = digits * 10 + (tr_u64)(t.p[i] - '0'); places += after; }
  }
  if (i < t.n) {
    tr_u32 less = t.p[i + 1] == '-';
    for (i += 1 + (less || t.p[i + 1] == '+'); i < t.n; i++) if (exponent < 10000) exponent = exponent * 10 + (t.p[i] - '0');
    if (less) exponent = -exponent;
  }
  exponent -= places;
  double x = (double)digits, scale = 1;
  for (tr_i64 n = exponent < 0 ? -exponent : exponent; n && digits && scale < 1e300; n--) scale *= 10;
  x = exponent < 0 ? x / scale : x * scale;
  *out = minus ? -x : x;
  return 1;
}

#ifndef TR_BARE
// ---- calling the platform

// tr_call runs an operation. It returns 0 and the answer, or the number of the
// kind of error and {"kind", "message"}.
static tr_str tr_wrong; // the answer of the last operation that failed

static tr_u32 tr_call(tr_str operation, tr_str in, tr_value **answer) {
  tr_u64 r = tr_host_call(operation.p, operation.n, in.p, in.n);
  tr_u32 n = (tr_u32)r;
  char *p = (char *)tr_take(n ? n : 1);
  tr_host_read(p, n, 0);
  if (r >> 32) tr_wrong = (tr_str){p, n};
  if (answer) *answer = tr_parse((tr_str){p, n});
  return (tr_u32)(r >> 32);
}
static void tr_log(tr_u32 level, tr_str text) { tr_host_log(level, text.p, text.n); }

// ---- exports

static void tr_start(void) {
  if (!tr_begin) { tr_take(0); tr_begin = tr_top; }
  tr_top = tr_begin;
  // An instance that is kept must not repeat what the call before ended with.
  tr_wrong = TR("{\"kind\":\"internal\",\"message\":\"the handler failed\"}");
}

// TR_HOOK exports fn(tr_value *in), which returns the answer; in is 0 when the
// input is no JSON.
#define TR_HOOK(name, fn)                                                                   \
  __attribute__((export_name(#name))) tr_u64 tr_hook_##name(tr_u32 ptr, tr_u32 len) {       \
    tr_start();                                                                             \
    tr_str out = fn(tr_parse((tr_str){(const char *)ptr, len}));                            \
    return (tr_u64)(tr_u32)out.p << 32 | out.n;                                             \
  }

// TR_HANDLER exports fn(tr_value *in), which returns 0 or what tr_call returned:
// the error of that operation then is the answer, and the delivery is tried again.
#define TR_HANDLER(name, fn)                                                                \
  __attribute__((export_name(#name))) tr_u64 tr_hook_##name(tr_u32 ptr, tr_u32 len) {       \
    tr_start();                                                                             \
    if (fn(tr_parse((tr_str){(const char *)ptr, len})))                                     \
      return (tr_u64)(tr_u32)tr_wrong.p << 32 | 0x80000000u | tr_wrong.n;                   \
    return (tr_u64)(tr_u32)"{}" << 32 | 2;                                                  \
  }
#endif
#endif
