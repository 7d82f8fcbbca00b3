// trellis_uitext.hpp: what may stand in a tree, for trellis_ui.hpp, which includes it.
#ifndef TRELLIS_UITEXT_HPP
#define TRELLIS_UITEXT_HPP

#include "trellis.hpp"

namespace trellis {
namespace inside {

// next takes a character from the beginning of a text; what is none is U+FFFD.
inline u32 next(Text &s) {
  u32 n = utf8(s), c = static_cast<u8>(s[0]);
  if (n > 1) c &= 0x7fu >> n;
  for (u32 i = 1; i < n; i++) c = c << 6 | (static_cast<u8>(s[i]) & 63);
  s = s.rest(n ? n : 1);
  return n ? c : 0xfffd;
}

// unseen reports whether the platform takes a character out of texts.
inline bool unseen(u32 c) {
  auto in = [c](u32 from, u32 to) { return c >= from && c <= to; };
  if (c < 0x7f) return c < ' ' && c != '\n' && c != '\t';
  if (c < 0x200b) return c < 0xa0 || c == 0xad || c == 0x34f || c == 0x115f || c == 0x1160 || c == 0x17b4 || c == 0x17b5 || c == 0x180e;
  return c == 0x200b || in(0x2028, 0x202e) || in(0x2060, 0x206f) || c == 0x3164 || c == 0xfeff || c == 0xffa0 || in(0xfff9, 0xfffb) ||
         in(0x1bca0, 0x1bca3) || in(0x1d173, 0x1d17a) || in(0xe0000, 0xe0fff);
}

// blank reports whether nothing is seen of a text.
inline bool blank(Text s) {
  while (s.size()) {
    u32 c = next(s);
    bool space = c == ' ' || (c >= 9 && c <= 13) || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x202f || c == 0x205f || c == 0x3000;
    if (!space && !unseen(c)) return false;
  }
  return true;
}

// odd reports whether something stands in a text that no address has.
inline bool odd(Text s, bool spaces) {
  while (s.size()) {
    u32 c = next(s);
    if (c < ' ' || (c == ' ' && !spaces) || c == '\\' || c == 0xfffd || unseen(c)) return true;
  }
  return false;
}

inline bool digit(char c) { return c >= '0' && c <= '9'; }
inline bool letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || digit(c); }

// before returns what stands before the first of some characters.
inline Text before(Text s, Text ends) {
  for (u32 i = 0; i < s.size(); i++)
    for (char e : ends)
      if (s[i] == e) return s.first(i);
  return s;
}

// unescape writes an address without its escapes, and reports whether all of them are
// such.
inline bool unescape(Out &to, Text s) {
  auto hex = [](char c) -> u32 { return digit(c) ? c - '0' : letter(c) ? (c | 0x20) - 'a' + 10 : 16; };
  for (u32 i = 0; i < s.size(); i++) {
    if (s[i] != '%') {
      to.byte(s[i]);
      continue;
    }
    if (i + 2 >= s.size() || hex(s[i + 1]) > 15 || hex(s[i + 2]) > 15) return false;
    to.byte(static_cast<char>(hex(s[i + 1]) << 4 | hex(s[i + 2])));
    i += 2;
  }
  return true;
}

inline bool host(Text s) {
  auto edge = [](char c) { return c == '-' || c == '.'; };
  for (char c : s)
    if (!letter(c) && !edge(c)) return false;
  return s.size() && s.size() <= 253 && !edge(s[0]) && !edge(s[s.size() - 1]);
}

// leads reports whether a link is one that the platform takes: it may come from the
// settings.
inline bool leads(Text link) {
  Out whole, path;
  if (link.size() > 2000 || odd(link, false) || !unescape(whole, link)) return false;
  if (link.starts_with("https://") || link.starts_with("http://")) {
    Text at = before(link.rest(link[4] == 's' ? 8 : 7), "/?#"), name = before(at, ":");
    for (char c : at.rest(name.size() + 1))
      if (!digit(c)) return false;
    return host(name);
  }
  if (link.starts_with("mailto:")) {
    Text to = before(link.rest(7), "?#"), name = before(to, "@");
    for (char c : name)
      if (!letter(c) && c != '-' && c != '_' && c != '.' && c != '+') return false;
    return name.size() && name.size() <= 64 && host(to.rest(name.size() + 1));
  }
  unescape(path, before(link, "?#"));
  Text rest = path.text();
  if (!rest.starts_with("/") || rest.starts_with("//") || odd(rest, true)) return false;
  while (rest.size()) {
    Text step = before(rest = rest.rest(1), "/");
    if (step == "." || step == "..") return false;
    rest = rest.rest(step.size());
  }
  return true;
}

// day returns a day as it was given, or nothing if it is none.
inline Text day(Text s) {
  auto number = [&](u32 from, u32 to) {
    u32 n = 0;
    for (u32 i = from; i < to; i++) n = digit(s[i]) && n < 10000 ? n * 10 + static_cast<u32>(s[i] - '0') : 10000;
    return n;
  };
  if (s.size() != 10 || s[4] != '-' || s[7] != '-') return "";
  u32 year = number(0, 4), month = number(5, 7), day = number(8, 10);
  bool leap = year % 4 == 0 && (year % 100 || year % 400 == 0);
  u32 longest = month == 2 ? 28 + leap : month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
  return year < 10000 && month >= 1 && month <= 12 && day >= 1 && day <= longest ? s : Text();
}

// earlier reports whether a text stands before another.
inline bool earlier(Text a, Text b) {
  for (u32 i = 0; i < a.size() && i < b.size(); i++)
    if (a[i] != b[i]) return static_cast<u8>(a[i]) < static_cast<u8>(b[i]);
  return a.size() < b.size();
}

constexpr double most = 1e15; // the largest number of a tree

inline Text numeral(double x) {
  Out o;
  write(o, x > most ? most : x < -most ? -most : x);
  return o.text();
}

inline void given(Object &o, Text key, Text s) {
  if (s.size()) o.add(key, s);
}
inline void yes(Object &o, Text key, bool is) {
  if (is) o.add(key, true);
}
// said adds a member that must say something: a dash if it does not.
inline void said(Object &o, Text key, Text s) { o.add(key, blank(s) ? Text("\u2013") : s); }

} // namespace inside
} // namespace trellis
#endif
