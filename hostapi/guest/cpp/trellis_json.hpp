// trellis_json.hpp: texts, memory, and the reading and writing of JSON, for
// trellis.hpp, which includes it. It stands alone: a program that is called in
// another way (a WASI command, an Extism plug-in) may include just this.
//
// parse reads what RFC 8259 allows and nothing else, at most 10,000 deep; of a key
// that stands twice the last value counts; bytes that are not UTF-8 and halves of
// surrogate pairs become U+FFFD. It does not recurse, so no input can use up the
// stack.
#ifndef TRELLIS_JSON_HPP
#define TRELLIS_JSON_HPP

namespace trellis {

using u8 = unsigned char;
using u32 = unsigned int;
using i64 = long long;
using u64 = unsigned long long;

// ---- memory

extern "C" u8 __heap_base;

namespace inside {
inline u32 top, base, buffer, room; // base is where what belongs to one call begins

inline u32 start_of_heap() { return (reinterpret_cast<u32>(&__heap_base) + 7) & ~7u; }
inline u32 end() { return static_cast<u32>(__builtin_wasm_memory_size(0)) << 16; }
// keep lets what was taken until now outlast the calls.
inline void keep() { base = top ? top : start_of_heap(); }
// begin takes back what the call before was given.
inline void begin() {
  if (!base) keep();
  top = base;
}
} // namespace inside

// take returns n bytes, aligned to 8, which last until the next call; it traps when
// there are none.
inline void *take(u32 n) {
  using namespace inside;
  if (!top) top = start_of_heap();
  u32 at = top;
  if (n > 0x7fffff00u || at > 0x7fffff00u) __builtin_trap();
  top = (at + n + 7) & ~7u;
  if (top > end() && __builtin_wasm_memory_grow(0, (top - end() + 0xffff) >> 16) == static_cast<unsigned long>(-1)) __builtin_trap();
  return reinterpret_cast<void *>(at);
}

namespace inside {
// input returns the buffer that inputs are written to, which grows when it must;
// 0 when n is too much.
inline u32 input(u32 n) {
  if (n > 0x3fffffffu) return 0;
  if (n > room || !buffer) {
    begin();
    buffer = reinterpret_cast<u32>(take(n ? n : 1));
    room = n;
    keep();
  }
  return buffer;
}
inline void copy(char *to, const char *from, u32 n) {
  for (u32 i = 0; i < n; i++) to[i] = from[i];
}
} // namespace inside

// ---- texts

// Text is bytes that belong to somebody else, as std::string_view is, and is made
// from one, too.
class Text {
 public:
  constexpr Text() = default;
  constexpr Text(const char *p, u32 n) : p_(p), n_(n) {}
  template <unsigned long N> constexpr Text(const char (&s)[N]) : p_(s), n_(N - 1) {}
  template <class S, class = decltype(S::npos)> constexpr Text(const S &s) : p_(s.data()), n_(static_cast<u32>(s.size())) {}
  constexpr const char *data() const { return p_; }
  constexpr u32 size() const { return n_; }
  constexpr const char *begin() const { return p_; }
  constexpr const char *end() const { return p_ + n_; }
  constexpr char operator[](u32 i) const { return p_[i]; }
  // first returns the first n bytes, rest what follows them; both at most all.
  constexpr Text first(u32 n) const { return {p_, n < n_ ? n : n_}; }
  constexpr Text rest(u32 n) const { return n < n_ ? Text(p_ + n, n_ - n) : Text(p_ + n_, 0); }
  constexpr bool starts_with(Text t) const { return n_ >= t.n_ && first(t.n_) == t; }
  constexpr bool ends_with(Text t) const { return n_ >= t.n_ && rest(n_ - t.n_) == t; }
  friend constexpr bool operator==(Text a, Text b) {
    if (a.n_ != b.n_) return false;
    for (u32 i = 0; i < a.n_; i++)
      if (a.p_[i] != b.p_[i]) return false;
    return true;
  }
  friend constexpr bool operator!=(Text a, Text b) { return !(a == b); }

 private:
  const char *p_ = "";
  u32 n_ = 0;
};

// Out is a text that grows.
class Out {
 public:
  Out() = default;
  Out(const Out &) = delete; // two that grow would write over each other
  Out &operator=(const Out &) = delete;
  Out &add(Text s) {
    need(s.size());
    inside::copy(p_ + n_, s.data(), s.size());
    n_ += s.size();
    return *this;
  }
  Out &byte(char c) {
    need(1);
    p_[n_++] = c;
    return *this;
  }
  Text text() const { return {p_, n_}; }

 private:
  void need(u32 more) {
    if (n_ + more <= cap_) return;
    if (n_ > 0x3fffff00u || more > 0x3fffff00u - n_) __builtin_trap();
    u32 cap = (n_ + more) * 2 + 64;
    char *p = static_cast<char *>(take(cap));
    inside::copy(p, p_, n_);
    p_ = p, cap_ = cap;
  }
  char *p_ = nullptr;
  u32 n_ = 0, cap_ = 0;
};

// ---- what was read

enum class Type : u8 { none, null, boolean, number, string, array, object };

namespace inside {
struct Part {
  Type type = Type::none;
  bool truth = false;
  Text text; // of a string, decoded; of a number, as it stands there
  Text key;  // in an object
  Text json; // all of it, as it stands there
  Part *first = nullptr, *last = nullptr, *next = nullptr, *up = nullptr;
};
} // namespace inside

// Value is a value of a document, or none: asking one that is not there, or of
// another type, for anything gives none.
class Value {
 public:
  Value() = default;
  explicit Value(const inside::Part *n) : n_(n) {}
  explicit operator bool() const { return n_; }
  Type type() const { return n_ ? n_->type : Type::none; }
  // absent reports whether it is missing or null.
  bool absent() const { return !n_ || n_->type == Type::null; }
  // get reads a string, a number that is written as a whole one and fits 64 bits, or
  // a boolean. When it is none, `to` stays as it is.
  bool get(Text &to) const { return type() == Type::string && (to = n_->text, true); }
  bool get(bool &to) const { return type() == Type::boolean && (to = n_->truth, true); }
  bool get(i64 &to) const;
  // A number that is written in any other way is as near as 64 bits come, if it has at
  // most 15 digits, and else very near.
  bool get(double &to) const;
  // is reports whether it is this string.
  bool is(Text s) const { return type() == Type::string && n_->text == s; }
  // number returns a number as it is written, "" for what is none.
  Text number() const { return type() == Type::number ? n_->text : Text(); }
  // json returns the value as it stands in the document.
  Text json() const { return n_ ? n_->json : Text(); }
  // Members of objects have keys, which match exactly; of a key that stands twice the
  // last counts.
  Text key() const { return n_ ? n_->key : Text(); }
  Value operator[](Text key) const {
    const inside::Part *found = nullptr;
    if (type() == Type::object)
      for (const inside::Part *m = n_->first; m; m = m->next)
        if (m->key == key) found = m;
    return Value(found);
  }
  // Items of arrays and members of objects: for (Value m : v).
  class Items {
   public:
    explicit Items(const inside::Part *n) : n_(n) {}
    Value operator*() const { return Value(n_); }
    Items &operator++() { n_ = n_->next; return *this; }
    bool operator!=(const Items &o) const { return n_ != o.n_; }

   private:
    const inside::Part *n_;
  };
  Items begin() const { return Items(n_ ? n_->first : nullptr); }
  Items end() const { return Items(nullptr); }
  bool empty() const { return !n_ || !n_->first; }

 private:
  const inside::Part *n_ = nullptr;
};

inline bool Value::get(i64 &to) const {
  Text t = number();
  u32 i = 0;
  bool minus = t.size() && t[0] == '-';
  u64 u = 0;
  if (!t.size()) return false;
  for (i = minus; i < t.size(); i++) {
    u64 d = static_cast<u64>(t[i] - '0');
    if (t[i] < '0' || t[i] > '9' || u > (0xffffffffffffffffull - d) / 10) return false;
    u = u * 10 + d;
  }
  if (u > 0x7fffffffffffffffull + minus) return false;
  to = static_cast<i64>(minus ? 0 - u : u);
  return true;
}

inline bool Value::get(double &to) const {
  Text t = number();
  u64 digits = 0;
  i64 places = 0, exponent = 0; // of the digits, and as it is written
  bool after = false, minus = t.size() && t[0] == '-';
  u32 i = minus;
  if (!t.size()) return false;
  for (; i < t.size() && t[i] != 'e' && t[i] != 'E'; i++) {
    if (t[i] == '.') after = true;
    else if (digits >= 1000000000000000000u) places -= !after;
    else digits = digits * 10 + static_cast<u64>(t[i] - '0'), places += after;
  }
  if (i < t.size()) {
    bool less = t[i + 1] == '-';
    for (i += 1 + (less || t[i + 1] == '+'); i < t.size(); i++)
      if (exponent < 10000) exponent = exponent * 10 + (t[i] - '0');
    if (less) exponent = -exponent;
  }
  exponent -= places;
  double x = static_cast<double>(digits), scale = 1;
  for (i64 n = exponent < 0 ? -exponent : exponent; n && x != 0 && scale < 1e300; n--) scale *= 10;
  to = exponent < 0 ? x / scale : x * scale;
  if (minus) to = -to;
  return true;
}

// ---- writing

namespace inside {
template <class A, class B> struct same {};
template <class A> struct same<A, A> { using yes = int; };

// write adds a JSON string. It escapes what JSON must have escaped, and the two line
// separators that JavaScript once stumbled over.
inline void write(Out &o, Text s) {
  constexpr Text hex = "0123456789abcdef";
  o.byte('"');
  for (u32 i = 0; i < s.size(); i++) {
    u8 c = static_cast<u8>(s[i]);
    if (c == '"' || c == '\\') o.byte('\\').byte(s[i]);
    else if (c == '\n') o.add("\\n");
    else if (c == '\r') o.add("\\r");
    else if (c == '\t') o.add("\\t");
    else if (c == '\b') o.add("\\b");
    else if (c == '\f') o.add("\\f");
    else if (c < 0x20) o.add("\\u00").byte(hex[c >> 4]).byte(hex[c & 15]);
    else if (s.rest(i).starts_with("\u2028") || s.rest(i).starts_with("\u2029")) {
      o.add("\\u202").byte(hex[static_cast<u8>(s[i + 2]) & 15]);
      i += 2;
    } else o.byte(s[i]);
  }
  o.byte('"');
}
inline void write(Out &o, i64 v) {
  char d[24];
  u32 n = 0;
  u64 u = v < 0 ? 0 - static_cast<u64>(v) : static_cast<u64>(v);
  do d[n++] = static_cast<char>('0' + u % 10), u /= 10;
  while (u);
  if (v < 0) o.byte('-');
  while (n) o.byte(d[--n]);
}
// write adds a number with as many digits as it takes to read the same again; what is
// less than 1e-18 counts as nothing, and what is no number is 0.
inline void write(Out &o, double x) {
  double size = __builtin_fabs(x), whole = __builtin_floor(size), scale = 1;
  if (!(size <= 9e18)) return o.add(size > 0 ? (x < 0 ? Text("-9e18") : Text("9e18")) : Text("0")), void();
  if (size == whole) return write(o, static_cast<i64>(x));
  if (x < 0) o.byte('-');
  for (u32 places = 1; places <= 22; places++) {
    scale *= 10;
    double digits = __builtin_floor(size * scale + 0.5);
    if (digits >= 9007199254740992.0) break;
    if (digits / scale != size) continue; // both are exact
    char d[24] = {};
    u32 n = 0;
    for (u64 u = static_cast<u64>(digits); u || n <= places; u /= 10) {
      if (n == places) d[n++] = '.';
      d[n++] = static_cast<char>('0' + u % 10);
    }
    while (n) o.byte(d[--n]);
    return;
  }
  write(o, static_cast<i64>(size));
  o.byte('.');
  u64 rest = static_cast<u64>((size - whole) * 1152921504606846976.0); // in parts of 1/2^60
  for (u32 n = 0; n < 20 && (rest || !n); n++) {
    rest *= 10;
    o.byte(static_cast<char>('0' + (rest >> 60)));
    rest &= 1152921504606846975u;
  }
}
inline void write(Out &o, int v) { write(o, static_cast<i64>(v)); }
inline void write(Out &o, u32 v) { write(o, static_cast<i64>(v)); }
inline void write(Out &o, Value v) { o.add(v ? v.json() : Text("null")); }
inline void write(Out &o, decltype(nullptr)) { o.add("null"); }
template <unsigned long N> void write(Out &o, const char (&s)[N]) { write(o, Text(s)); }
template <class B, typename same<B, bool>::yes = 0> void write(Out &o, B v) { o.add(v ? Text("true") : Text("false")); }
} // namespace inside

class Array;

// Object writes an object, from where it is made to where it goes out of scope:
//
//   Out out;
//   { Object o(out); o.add("a", 1); Array list(o, "b"); list.add("c"); }
//
// What is made within it is closed before anything else is added.
class Object {
 public:
  explicit Object(Out &out) : out_(out) { out_.byte('{'); }
  Object(Object &in, Text key) : Object(in.member(key)) {}
  explicit Object(Array &in);
  Object(const Object &) = delete;
  Object &operator=(const Object &) = delete;
  ~Object() { out_.byte('}'); }
  // add adds a member: a text, a whole number, a truth, null, or a Value as it was
  // read; raw one that is JSON.
  template <class T> Object &add(Text key, const T &v) { inside::write(member(key), v); return *this; }
  Object &raw(Text key, Text json) { member(key).add(json); return *this; }

 private:
  friend class Array;
  Out &member(Text key) {
    if (any_) out_.byte(',');
    any_ = true;
    inside::write(out_, key);
    return out_.byte(':');
  }
  Out &out_;
  bool any_ = false;
};

// Array writes an array, as Object does an object.
class Array {
 public:
  explicit Array(Out &out) : out_(out) { out_.byte('['); }
  Array(Object &in, Text key) : Array(in.member(key)) {}
  explicit Array(Array &in) : Array(in.item()) {}
  Array &operator=(const Array &) = delete;
  ~Array() { out_.byte(']'); }
  template <class T> Array &add(const T &v) { inside::write(item(), v); return *this; }
  Array &raw(Text json) { item().add(json); return *this; }

 private:
  friend class Object;
  Out &item() {
    if (any_) out_.byte(',');
    any_ = true;
    return out_;
  }
  Out &out_;
  bool any_ = false;
};
inline Object::Object(Array &in) : Object(in.item()) {}

} // namespace trellis

#include "trellis_parse.hpp"
#endif
