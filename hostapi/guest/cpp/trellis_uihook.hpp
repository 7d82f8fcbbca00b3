// trellis_uihook.hpp: what slots and actions are told, and what they answer, for
// trellis_ui.hpp, which includes it.
#ifndef TRELLIS_UIHOOK_HPP
#define TRELLIS_UIHOOK_HPP

namespace trellis {

// Viewer is who looks at a page; false where nobody is signed in.
struct Viewer {
  Value roles;                    // in the course, or in the tenant for a page of no course
  Text id, name, email, username; // all but the first empty unless they were granted
  bool enrolled = false;          // in the course of the page, with enrollments:read
  Text mode;                      // of the enrolment; of one who has left, the one she had
  explicit Viewer(Value v) : roles(v["roles"]) {
    v["id"].get(id), v["name"].get(name), v["email"].get(email), v["username"].get(username);
    v["enrolled"]["is_active"].get(enrolled), v["enrolled"]["mode"].get(mode);
  }
  explicit operator bool() const { return id.size(); }
  // has reports whether the viewer has one of some roles here.
  template <class... R> bool has(const R &...names) const {
    for (Value role : roles)
      if ((role.is(names) || ...)) return true;
    return false;
  }
};

// Place is where in which page something is to be shown, and to whom. What it has no
// name for here is in `all`.
struct Place {
  Value all, settings;
  Text slot, tenant, course, locale, trace; // the course is empty on a page of no course
  Viewer person;
  explicit Place(Value v) : all(v), settings(v["settings"]), person(v["person"]) {
    v["slot"].get(slot), v["tenant"].get(tenant), v["course"].get(course), v["locale"].get(locale), v["trace"].get(trace);
  }
};

// Act is what somebody asks for by a button or a form of a slot. Its id is the same
// when a form is sent twice; the values are what was filled in, checked against the
// fields, by their names.
struct Act : Place {
  Value values;
  Text id, action;
  explicit Act(Value v) : Place(v), values(v["values"]) { v["id"].get(id), v["action"].get(action); }
};

// View is what a slot shows: a node, nothing, or an Error.
class View {
 public:
  View() = default;
  View(Error e) : error_(e) {}
  View(Node n) : node_(n) {}
  template <class N, class = decltype(Node(*static_cast<const N *>(nullptr)))> View(const N &n) : node_(n) {}
  friend u64 answer(const View &v) { return v.error_ ? inside::failed(v.error_) : inside::packed(v.node_.json(), false); }

 private:
  Error error_;
  Node node_;
};

// Reply is the answer to an Act: made with show, say or redirect, or an Error. An empty
// one shows the slot anew.
class Reply {
 public:
  Reply() = default;
  Reply(Error e) : error_(e) {}
  // say tells the person what has happened, besides what is shown.
  Reply say(Text message, Tone tone) const {
    Reply r = *this;
    r.message_ = message;
    r.tone_ = tone == Tone::neutral ? Tone::ok : tone == Tone::muted ? Tone::info : tone;
    return r;
  }
  friend u64 answer(const Reply &r) { return r.error_ ? inside::failed(r.error_) : inside::packed(r.json(), false); }

 private:
  friend Reply show(Node tree);
  friend Reply redirect(Text path);
  Text json() const {
    Out out;
    {
      Object o(out);
      if (redirect_.size()) {
        o.add("redirect", redirect_);
      } else {
        if (message_.size()) o.add("message", cut(message_)).add("state", inside::name_of(tone_));
        if (tree_) o.raw("tree", tree_.json());
      }
    }
    return out.text();
  }
  // cut cuts a message to what the platform takes, in one line.
  static Text cut(Text s) {
    Out o;
    u32 n = 0;
    while (s.size()) {
      Text from = s;
      u32 c = inside::next(s);
      bool last = ++n == 500 && s.size();
      if (last) o.add("\u2026");
      else if (c < ' ' || (c >= 0x7f && c < 0xa0)) o.byte(' ');
      else o.add(from.first(from.size() - s.size()));
      if (last) break;
    }
    return o.text();
  }
  Error error_;
  Node tree_;
  Text message_, redirect_;
  Tone tone_ = Tone::ok;
};

// show shows something in the slot, until it is shown anew.
inline Reply show(Node tree) { Reply r; r.tree_ = tree; return r; }
// say tells the person what has happened, and shows the slot anew.
inline Reply say(Text message, Tone tone) { return Reply().say(message, tone); }
// redirect sends the person to a page of the tenant ("/courses/…").
inline Reply redirect(Text path) { Reply r; r.redirect_ = path; return r; }

} // namespace trellis

// TRELLIS_SHOW exports View fn(const Place &), which shows something in a slot,
// TRELLIS_ACT Reply fn(const Act &), which does what a button or a form asks for.
#define TRELLIS_SHOW(name, fn) TRELLIS_EXPORT(name, trellis::Place, fn)
#define TRELLIS_ACT(name, fn) TRELLIS_EXPORT(name, trellis::Act, fn)

#endif
