// trellis_ui.hpp: what an extension shows in a slot, in C++. Include it after
// trellis.hpp, or instead of it.
//
//   trellis::View draw(const trellis::Place &p) {
//     trellis::Card card("Today", trellis::Paragraph("Twelve people ").bold("enrolled").plain("."));
//     if (p.person.has("staff")) card.add(trellis::Button("Wave", "wave").primary());
//     return card;
//   }
//   TRELLIS_SHOW(card, draw)
//
// A tree is made of nodes; a text is one, too. What takes nodes takes an empty Node,
// which is left out. The platform takes whatever can be built here: a text that must
// say something and does not is a dash. It refuses a tree of more than 2,000 nodes, of
// more than 24 within each other, or with more than 16 KiB of text in one of them.
#ifndef TRELLIS_UI_HPP
#define TRELLIS_UI_HPP

#include "trellis_uitext.hpp"

namespace trellis {

// Tone is how something is meant. It is shown by a word or a shape as well as by a
// colour.
enum class Tone : u8 {
  neutral,
  ok,
  warn,
  bad,
  info,  // of badges and messages; a text has none
  muted, // of less weight; as a badge: off
};

namespace inside {
inline Text name_of(Tone t) {
  constexpr Text names[] = {"", "ok", "warn", "bad", "info", "muted"};
  return names[static_cast<u8>(t)];
}
} // namespace inside

// Node is a node of a tree, made of one of the classes below or of a text.
class Node {
 public:
  Node() = default;
  Node(Text text) {
    Out o;
    inside::write(o, text);
    inner_ = o.text();
  }
  // of returns a node that is JSON.
  static Node of(const Out &json) {
    Node n;
    n.inner_ = json.text();
    return n;
  }
  explicit operator bool() const { return inner_.size(); }
  // inner returns the node as it stands in an array, where a text is a string.
  Text inner() const { return inner_; }
  Text json() const {
    if (!inner_.size()) return "null";
    if (inner_[0] != '"') return inner_;
    Out o;
    Object(o).add("kind", "text").raw("text", inner_);
    return o.text();
  }

 private:
  Text inner_;
};

// Cell is what may stand in a table: a text, Paragraph, Badge, Progress, Image or
// Button.
class Cell {
 public:
  Cell() = default;
  Cell(Text text) : node_(text) {}
  template <class N, class = decltype(N::in_a_cell)> Cell(const N &node) : node_(node) {}
  Text inner() const { return node_ ? node_.inner() : Text("\"\""); }

 private:
  Node node_;
};

namespace inside {

template <class F> Node node(Text kind, F fill) {
  Out out;
  {
    Object o(out);
    o.add("kind", kind);
    fill(o);
  }
  return Node::of(out);
}

// Holder is what has other nodes in it.
template <class Self> class Holder {
 public:
  // add adds nodes.
  template <class... N> Self &add(const N &...nodes) {
    (push(Node(nodes)), ...);
    return static_cast<Self &>(*this);
  }

 protected:
  Text nodes() const {
    Out o;
    o.byte('[').add(nodes_.text()).byte(']');
    return o.text();
  }

 private:
  void push(Node n) {
    if (n && nodes_.text().size()) nodes_.byte(',');
    nodes_.add(n.inner());
  }
  Out nodes_;
};

} // namespace inside

// Stack shows nodes one below the other, Row beside each other, as far as there is
// room.
class Stack : public inside::Holder<Stack> {
 public:
  template <class... N> explicit Stack(const N &...nodes) { add(nodes...); }
  // tight leaves little room between the nodes, wide much.
  Stack &tight() { gap_ = "small"; return *this; }
  Stack &wide() { gap_ = "large"; return *this; }
  operator Node() const {
    return inside::node("stack", [&](Object &o) {
      inside::given(o, "direction", direction_);
      inside::given(o, "gap", gap_);
      o.raw("children", nodes());
    });
  }

 protected:
  Text direction_, gap_;
};
class Row : public Stack {
 public:
  template <class... N> explicit Row(const N &...nodes) : Stack(nodes...) { direction_ = "row"; }
};

// Card frames nodes. The title may be empty.
class Card : public inside::Holder<Card> {
 public:
  template <class... N> explicit Card(Text title, const N &...nodes) : title_(title) { add(nodes...); }
  operator Node() const {
    return inside::node("card", [&](Object &o) {
      inside::given(o, "title", title_);
      o.raw("children", nodes());
    });
  }

 private:
  Text title_;
};

// Heading is a heading; its level is 1 to 3 and counts within the slot.
class Heading {
 public:
  Heading(int level, Text text) : level_(level < 1 ? 1 : level > 3 ? 3 : level), text_(text) {}
  operator Node() const {
    return inside::node("heading", [&](Object &o) {
      o.add("level", level_);
      inside::said(o, "text", text_);
    });
  }

 private:
  int level_;
  Text text_;
};

// Paragraph is a text, or what stands in a cell or is an item of a list. Parts may be
// added to it.
class Paragraph {
 public:
  static constexpr bool in_a_cell = true;
  Paragraph(Text text) : text_(text) {}
  // plain adds a part that is like the rest, bold one that matters, emphasis one that is
  // stressed, code one for machines: an ID, a key.
  Paragraph &plain(Text s) { return part(s, "", ""); }
  Paragraph &bold(Text s) { return part(s, "style", "strong"); }
  Paragraph &emphasis(Text s) { return part(s, "style", "em"); }
  Paragraph &code(Text s) { return part(s, "style", "code"); }
  // link adds a part that leads somewhere: to an address with https:, http: or mailto:,
  // or to a path within the tenant ("/courses/…"). With any other it is a part like the
  // rest.
  Paragraph &link(Text s, Text to) { return part(s, "link", inside::leads(to) && !inside::blank(s) ? to : Text()); }
  // tone says how the text is meant.
  Paragraph &tone(Tone t) { tone_ = t == Tone::info ? Tone::neutral : t; return *this; }
  operator Node() const {
    if (tone_ == Tone::neutral && !parts_.text().size()) return Node(text_);
    return inside::node("text", [&](Object &o) {
      if (parts_.text().size()) {
        Array runs(o, "runs");
        if (text_.size()) runs.add(text_);
        runs.raw(parts_.text());
      } else o.add("text", text_);
      inside::given(o, "tone", inside::name_of(tone_));
    });
  }

 private:
  Paragraph &part(Text s, Text key, Text value) {
    if (parts_.text().size()) parts_.byte(',');
    if (value.size()) Object(parts_).add("text", s).add(key, value);
    else inside::write(parts_, s);
    return *this;
  }
  Text text_;
  Out parts_;
  Tone tone_ = Tone::neutral;
};

// List has a point before each item, Numbered a number.
class List : public inside::Holder<List> {
 public:
  template <class... N> explicit List(const N &...items) { add(items...); }
  operator Node() const {
    return inside::node("list", [&](Object &o) {
      inside::yes(o, "ordered", ordered_);
      o.raw("items", nodes());
    });
  }

 protected:
  bool ordered_ = false;
};
class Numbered : public List {
 public:
  template <class... N> explicit Numbered(const N &...items) : List(items...) { ordered_ = true; }
};

// Details hides nodes until somebody opens them.
class Details : public inside::Holder<Details> {
 public:
  template <class... N> explicit Details(Text summary, const N &...nodes) : summary_(summary) { add(nodes...); }
  // opened is open to begin with.
  Details &opened() { open_ = true; return *this; }
  operator Node() const {
    return inside::node("details", [&](Object &o) {
      inside::said(o, "summary", summary_);
      inside::yes(o, "open", open_);
      o.raw("children", nodes());
    });
  }

 private:
  Text summary_;
  bool open_ = false;
};

// Badge is a word for a state.
class Badge {
 public:
  static constexpr bool in_a_cell = true;
  Badge(Text text, Tone tone) : text_(text), tone_(tone) {}
  operator Node() const {
    return inside::node("badge", [&](Object &o) {
      inside::said(o, "text", text_);
      inside::given(o, "state", tone_ == Tone::muted ? Text("off") : inside::name_of(tone_));
    });
  }

 private:
  Text text_;
  Tone tone_;
};

// Progress shows how far something is on its way from 0 to max.
class Progress {
 public:
  static constexpr bool in_a_cell = true;
  Progress(Text label, double value, double max) : label_(label), value_(value), max_(max > 0 ? max : 1) {} // nothing is to be done, and so nothing is
  operator Node() const {
    return inside::node("progress", [&](Object &o) {
      inside::said(o, "label", label_);
      o.raw("value", inside::numeral(value_)).raw("max", inside::numeral(max_));
    });
  }

 private:
  Text label_;
  double value_, max_;
};

// Image is a picture of the bundle, by its path within assets/. Alt is what stands for
// it where it is not seen; it is empty for an ornament. Width and height are the
// picture's own.
class Image {
 public:
  static constexpr bool in_a_cell = true;
  Image(Text asset, Text alt, int width, int height) : asset_(asset), alt_(alt), width_(size(width)), height_(size(height)) {}
  operator Node() const {
    return inside::node("image", [&](Object &o) { o.add("asset", asset_).add("alt", alt_).add("width", width_).add("height", height_); });
  }

 private:
  static int size(int n) { return n < 1 ? 1 : n > 4096 ? 4096 : n; }
  Text asset_, alt_;
  int width_, height_;
};

} // namespace trellis

#include "trellis_uidata.hpp"
#include "trellis_uiform.hpp"
#include "trellis_uihook.hpp"
#endif
