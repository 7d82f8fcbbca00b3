// trellis_uiform.hpp: buttons and forms, for trellis_ui.hpp, which includes it.
#ifndef TRELLIS_UIFORM_HPP
#define TRELLIS_UIFORM_HPP

namespace trellis {

namespace inside {

// Ask is what buttons and forms share.
template <class Self> class Ask {
 public:
  // with gives the export a value; keys are letters, digits and _.
  Self &with(Text key, Text value) {
    for (auto *v = values_.first; v; v = v->next)
      if (v->value.key == key) return v->value.value = value, self();
    values_.add({key, value});
    return self();
  }
  // primary makes the button the one that most people will want, danger one for what
  // cannot be undone.
  Self &primary() { style_ = "primary"; return self(); }
  Self &danger() { style_ = "danger"; return self(); }

 protected:
  explicit Ask(Text action) : action_(action) {}
  Ask(const Ask &) = delete;
  bool has(Text key) const {
    for (auto *v = values_.first; v; v = v->next)
      if (v->value.key == key) return true;
    return false;
  }
  void write(Object &o) const {
    o.add("action", action_);
    if (values_.size) {
      Object list(o, "values");
      for (auto *v = values_.first; v; v = v->next) list.add(v->value.key, v->value.value);
    }
    given(o, "style", style_);
  }

 private:
  struct Pair {
    Text key, value;
  };
  Self &self() { return static_cast<Self &>(*this); }
  Text action_, style_;
  Links<Pair> values_;
};

} // namespace inside

// Button is a button that asks an export, which is one of the slot's actions in the
// manifest. The text says what is done to what.
class Button : public inside::Ask<Button> {
 public:
  static constexpr bool in_a_cell = true;
  Button(Text text, Text action) : Ask(action), text_(text) {}
  operator Node() const {
    return inside::node("button", [&](Object &o) {
      inside::said(o, "text", text_);
      write(o);
    });
  }

 private:
  Text text_;
};

// Field is a field of a form: a TextField, Radio or one of their like, below. Of its
// settings those count that its type has.
class Field {
 public:
  // hint helps to answer.
  Field &hint(Text s) { hint_ = s; return *this; }
  // required must be filled in; a checkbox must be ticked.
  Field &required() { required_ = true; return *this; }
  // between bounds a number, both ends included.
  Field &between(double low, double high) {
    bounded_ = true;
    low_ = low < high ? low : high, high_ = low < high ? high : low;
    return *this;
  }
  // days bounds a day (2026-01-31), both ends included; either may be empty.
  Field &days(Text earliest, Text latest) { earliest_ = earliest, latest_ = latest; return *this; }
  // max_length bounds a text, in characters.
  Field &max_length(u32 n) { length_ = n < 16384 ? n : 16384; return *this; }
  // option adds a thing to choose: what the export is given, which is not empty, and
  // what is seen: the value, if that is empty.
  Field &option(Text value, Text label = "") {
    for (auto *o = options_.first; o; o = o->next)
      if (o->value.value == value) return *this;
    if (value.size()) options_.add({value, label});
    return *this;
  }
  // value is what a text or a day begins with, or the option that is chosen; number what
  // a number begins with; a checkbox begins ticked. What could not be entered is not there.
  Field &value(Text s) { value_ = s; return *this; }
  Field &number(double x) { number_ = x, numbered_ = true; return *this; }
  Field &ticked(bool is = true) { ticked_ = is; return *this; }

  Text name() const { return name_; }
  void write(Object &o) const {
    o.add("type", type_).add("name", name_);
    inside::said(o, "label", label_);
    inside::given(o, "hint", hint_);
    inside::yes(o, "required", required_);
    if (type_ == "text" || type_ == "textarea") {
      if (length_) o.add("maxlength", length_);
      inside::given(o, "default", value_);
    } else if (type_ == "checkbox") inside::yes(o, "default", ticked_);
    else if (type_ == "number" || type_ == "integer") write_number(o);
    else if (type_ == "date") write_days(o);
    else write_options(o);
  }

 protected:
  Field(Text type, Text name, Text label) : type_(type), name_(name), label_(label) {}

 private:
  struct Option {
    Text value, label;
  };
  void write_number(Object &o) const {
    bool whole = type_ == "integer";
    double low = bounded_ ? low_ : -inside::most, high = bounded_ ? high_ : inside::most;
    if (whole) low = __builtin_ceil(low), high = __builtin_floor(high);
    if (bounded_ && low <= high) o.raw("min", inside::numeral(low)).raw("max", inside::numeral(high));
    if (!numbered_ || !(__builtin_fabs(number_) <= inside::most) || number_ < low || number_ > high || (whole && number_ != __builtin_trunc(number_))) return;
    o.raw("default", inside::numeral(number_));
  }
  void write_days(Object &o) const {
    Text earliest = inside::day(earliest_), latest = inside::day(latest_), value = inside::day(value_);
    if (earliest.size() && latest.size() && inside::earlier(latest, earliest)) {
      Text first = latest;
      latest = earliest, earliest = first;
    }
    inside::given(o, "earliest", earliest);
    inside::given(o, "latest", latest);
    if (!inside::earlier(value, earliest) && !(latest.size() && inside::earlier(latest, value))) inside::given(o, "default", value);
  }
  void write_options(Object &o) const {
    bool known = false;
    {
      Array list(o, "options");
      if (!options_.size) list.add("\u2013");
      for (auto *p = options_.first; p; p = p->next) {
        if (p->value.label.size()) Object(list).add("value", p->value.value).add("label", p->value.label);
        else list.add(p->value.value);
        known |= p->value.value == value_;
      }
    }
    if (known || (!options_.size && value_ == "\u2013")) o.add("default", value_);
  }
  Text type_, name_, label_, hint_, value_, earliest_, latest_;
  bool required_ = false, bounded_ = false, numbered_ = false, ticked_ = false;
  double low_ = 0, high_ = 0, number_ = 0;
  u32 length_ = 0;
  inside::Links<Option> options_;
};

#define TRELLIS_FIELD(Name, type) \
  class Name : public Field {     \
   public:                        \
    Name(Text name, Text label) : Field(type, name, label) {} \
  };
TRELLIS_FIELD(TextField, "text")       // a line of text; the export is given a string, which may be empty
TRELLIS_FIELD(TextArea, "textarea")    // a text of several lines
TRELLIS_FIELD(NumberField, "number")   // the export is given null if it is left empty
TRELLIS_FIELD(IntegerField, "integer") // a whole number
TRELLIS_FIELD(Checkbox, "checkbox")    // the export is given true or false
TRELLIS_FIELD(Select, "select")        // a choice of many; null if nothing is chosen
TRELLIS_FIELD(Radio, "radio")          // a choice of few, which are all seen
TRELLIS_FIELD(DateField, "date")       // a string like 2026-01-31, or null
#undef TRELLIS_FIELD

// Form asks an export, which is one of the slot's actions in the manifest, with what is
// filled in. Two fields of one name are one: the first.
//
//   Form("vote", Radio("seat", "Where?").option("1", "In front").required()).submit("Vote")
class Form : public inside::Ask<Form> {
 public:
  template <class... F> explicit Form(Text action, const F &...fields) : Ask(action) { add(fields...); }
  // add adds fields.
  template <class... F> Form &add(const F &...fields) {
    (fields_.add(static_cast<const Field &>(fields)), ...);
    return *this;
  }
  // submit is what the form's button says: Send, unless it says otherwise.
  Form &submit(Text s) { submit_ = s; return *this; }
  operator Node() const {
    return inside::node("form", [&](Object &o) {
      write(o);
      {
        Array list(o, "fields");
        for (auto *f = fields_.first; f; f = f->next) {
          if (has(f->value.name()) || named(f)) continue;
          Object field(list);
          f->value.write(field);
        }
      }
      inside::said(o, "submit", submit_);
    });
  }

 private:
  using Fields = inside::Links<Field>;
  // named reports whether a field before has the same name.
  bool named(const Fields::Link *field) const {
    for (auto *f = fields_.first; f != field; f = f->next)
      if (f->value.name() == field->value.name()) return true;
    return false;
  }
  Text submit_ = "Send";
  Fields fields_;
};

} // namespace trellis
#endif
