// trellis_parse.hpp: the parser of trellis_json.hpp, which includes it.
#ifndef TRELLIS_PARSE_HPP
#define TRELLIS_PARSE_HPP

// What the compiler may ask for by itself, and `new` and `delete`, for programs
// that have no library.
extern "C" {
__attribute__((weak)) void *memcpy(void *to, const void *from, unsigned long n) {
  for (unsigned long i = 0; i < n; i++) static_cast<char *>(to)[i] = static_cast<const char *>(from)[i];
  return to;
}
__attribute__((weak)) void *memset(void *to, int c, unsigned long n) {
  for (unsigned long i = 0; i < n; i++) static_cast<char *>(to)[i] = static_cast<char>(c);
  return to;
}
__attribute__((weak)) void *memmove(void *to, const void *from, unsigned long n) {
  char *t = static_cast<char *>(to);
  const char *f = static_cast<const char *>(from);
  if (t < f)
    for (unsigned long i = 0; i < n; i++) t[i] = f[i];
  else
    while (n--) t[n] = f[n];
  return to;
}
__attribute__((weak)) int memcmp(const void *a, const void *b, unsigned long n) {
  const unsigned char *x = static_cast<const unsigned char *>(a), *y = static_cast<const unsigned char *>(b);
  for (unsigned long i = 0; i < n; i++)
    if (x[i] != y[i]) return x[i] < y[i] ? -1 : 1;
  return 0;
}
__attribute__((weak)) unsigned long strlen(const char *s) {
  unsigned long n = 0;
  while (s[n]) n++;
  return n;
}
__attribute__((weak)) int __cxa_atexit(void (*)(void *), void *, void *) { return 0; } // a module never ends
__attribute__((weak)) void *__dso_handle;
}
__attribute__((weak)) void *operator new(unsigned long n) { return trellis::take(static_cast<trellis::u32>(n)); }
__attribute__((weak)) void *operator new[](unsigned long n) { return trellis::take(static_cast<trellis::u32>(n)); }
__attribute__((weak)) void operator delete(void *) noexcept {}
__attribute__((weak)) void operator delete[](void *) noexcept {}
__attribute__((weak)) void operator delete(void *, unsigned long) noexcept {}
__attribute__((weak)) void operator delete[](void *, unsigned long) noexcept {}

namespace trellis {
namespace inside {

inline void rune(Out &o, u32 c) {
  auto tail = [&](u32 shift) { o.byte(static_cast<char>(0x80 | (c >> shift & 63))); };
  if (c < 0x80) o.byte(static_cast<char>(c));
  else if (c < 0x800) o.byte(static_cast<char>(0xc0 | c >> 6)), tail(0);
  else if (c < 0x10000) o.byte(static_cast<char>(0xe0 | c >> 12)), tail(6), tail(0);
  else o.byte(static_cast<char>(0xf0 | c >> 18)), tail(12), tail(6), tail(0);
}

// utf8 returns how many bytes at the beginning of s are one character, 0 if they
// are none.
inline u32 utf8(Text s) {
  auto at = [&](u32 i) -> u32 { return i < s.size() ? static_cast<u8>(s[i]) : 0; };
  auto tail = [&](u32 i) { return (at(i) & 0xc0) == 0x80; };
  u32 c = at(0);
  if (c < 0x80) return 1;
  if (c >= 0xc2 && c <= 0xdf) return tail(1) ? 2 : 0;
  if (c >= 0xe0 && c <= 0xef) {
    if (!tail(1) || !tail(2) || (c == 0xe0 && at(1) < 0xa0) || (c == 0xed && at(1) > 0x9f)) return 0;
    return 3;
  }
  if (c >= 0xf0 && c <= 0xf4) {
    if (!tail(1) || !tail(2) || !tail(3) || (c == 0xf0 && at(1) < 0x90) || (c == 0xf4 && at(1) > 0x8f)) return 0;
    return 4;
  }
  return 0;
}

class Parser {
 public:
  explicit Parser(Text in) : in_(in) {}

  Value document() {
    Part *root = nullptr, *at = nullptr;
    Text key;
    u32 depth = 0;
    for (;;) { // each round reads one value, where one must stand
      space();
      if (i_ >= in_.size()) return Value();
      Part *v = make(at);
      v->key = key;
      key = Text();
      if (!root) root = v;
      u32 from = i_;
      char c = in_[i_];
      bool open = false;
      if (c == '{' || c == '[') {
        v->type = c == '{' ? Type::object : Type::array;
        if (++depth > 10000) return Value();
        i_++;
        space();
        open = peek() != (c == '{' ? '}' : ']');
        if (!open) i_++, depth--;
      } else if (!scalar(v, c)) return Value();
      v->json = Text(in_.data() + from, i_ - from);
      if (open) at = v;
      else {
        for (;;) { // what may follow a value
          space();
          if (!at) return i_ == in_.size() ? Value(root) : Value();
          c = peek();
          i_++;
          if (c == ',') break;
          if (c != (at->type == Type::object ? '}' : ']')) return Value();
          at->json = Text(at->json.data(), static_cast<u32>(in_.data() + i_ - at->json.data()));
          at = at->up;
          depth--;
        }
        space();
      }
      if (at->type != Type::object) continue;
      if (peek() != '"' || !string(key)) return Value();
      space();
      if (peek() != ':') return Value();
      i_++;
    }
  }

 private:
  // peek returns the next byte, 0 at the end; a 0 within is nothing that may stand.
  char peek() const { return i_ < in_.size() ? in_[i_] : '\0'; }
  void space() {
    for (char c = peek(); c == ' ' || c == '\t' || c == '\n' || c == '\r'; c = peek()) i_++;
  }
  Part *make(Part *up) {
    Part *v = static_cast<Part *>(take(sizeof(Part)));
    *v = Part{};
    v->up = up;
    if (up) (up->last ? up->last->next : up->first) = v, up->last = v;
    return v;
  }
  bool word(Text w) {
    if (!in_.rest(i_).starts_with(w)) return false;
    i_ += w.size();
    return true;
  }
  bool scalar(Part *v, char c) {
    switch (c) {
    case '"': v->type = Type::string; return string(v->text);
    case 't': v->type = Type::boolean; v->truth = true; return word("true");
    case 'f': v->type = Type::boolean; return word("false");
    case 'n': v->type = Type::null; return word("null");
    }
    v->type = Type::number;
    return number(v->text);
  }
  bool digit() const { return peek() >= '0' && peek() <= '9'; }
  bool digits() {
    if (!digit()) return false;
    while (digit()) i_++;
    return true;
  }
  bool number(Text &to) {
    u32 from = i_;
    if (peek() == '-') i_++;
    if (peek() == '0') i_++;
    else if (!digits()) return false;
    if (peek() == '.' && (i_++, !digits())) return false;
    if (peek() == 'e' || peek() == 'E') {
      i_++;
      if (peek() == '+' || peek() == '-') i_++;
      if (!digits()) return false;
    }
    to = Text(in_.data() + from, i_ - from);
    return true;
  }
  bool hex4(u32 &v) {
    v = 0;
    for (u32 k = 0; k < 4; k++, i_++) {
      char c = peek();
      if (c >= '0' && c <= '9') v = v << 4 | static_cast<u32>(c - '0');
      else if (c >= 'a' && c <= 'f') v = v << 4 | static_cast<u32>(c - 'a' + 10);
      else if (c >= 'A' && c <= 'F') v = v << 4 | static_cast<u32>(c - 'A' + 10);
      else return false;
    }
    return true;
  }
  // string reads one, decoded. Most have nothing to decode and are used as they stand.
  bool string(Text &to) {
    u32 from = ++i_; // after the quote
    while (i_ < in_.size() && in_[i_] != '"' && in_[i_] != '\\' && static_cast<u8>(in_[i_]) >= 0x20 && static_cast<u8>(in_[i_]) < 0x80) i_++;
    if (peek() == '"' && i_ < in_.size()) {
      to = Text(in_.data() + from, i_++ - from);
      return true;
    }
    Out o;
    o.add(Text(in_.data() + from, i_ - from));
    while (i_ < in_.size()) {
      u8 c = static_cast<u8>(in_[i_]);
      if (c == '"') {
        i_++;
        to = o.text();
        return true;
      }
      if (c < 0x20) return false;
      if (c == '\\') {
        i_++;
        if (!escape(o)) return false;
      } else if (u32 k = utf8(in_.rest(i_))) o.add(in_.rest(i_).first(k)), i_ += k;
      else rune(o, 0xfffd), i_++;
    }
    return false;
  }
  bool escape(Out &o) {
    char e = peek();
    i_++;
    switch (e) {
    case '"': case '\\': case '/': o.byte(e); return true;
    case 'b': o.byte('\b'); return true;
    case 'f': o.byte('\f'); return true;
    case 'n': o.byte('\n'); return true;
    case 'r': o.byte('\r'); return true;
    case 't': o.byte('\t'); return true;
    case 'u': break;
    default: return false;
    }
    u32 v, low;
    if (!hex4(v)) return false;
    if (v >= 0xd800 && v < 0xe000) {
      u32 after = i_;
      if (v < 0xdc00 && word("\\u") && hex4(low) && low >= 0xdc00 && low < 0xe000) v = 0x10000 + ((v - 0xd800) << 10) + (low - 0xdc00);
      else v = 0xfffd, i_ = after;
    }
    rune(o, v);
    return true;
  }
  Text in_;
  u32 i_ = 0;
};

} // namespace inside

// parse reads one JSON document; what is none gives no value.
inline Value parse(Text in) { return inside::Parser(in).document(); }

} // namespace trellis
#endif
