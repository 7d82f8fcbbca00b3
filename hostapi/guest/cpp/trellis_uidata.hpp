// trellis_uidata.hpp: tables and charts, for trellis_ui.hpp, which includes it.
#ifndef TRELLIS_UIDATA_HPP
#define TRELLIS_UIDATA_HPP

namespace trellis {

namespace inside {
// make returns a copy of something, which lasts until the next call.
template <class T> T *make(const T &v) {
  T *p = static_cast<T *>(take(sizeof(T)));
  copy(reinterpret_cast<char *>(p), reinterpret_cast<const char *>(&v), sizeof(T));
  return p;
}

// Links is a list, in the order in which things were added.
template <class T> struct Links {
  struct Link {
    T value;
    Link *next;
  };
  Link *first = nullptr, *last = nullptr;
  u32 size = 0;
  void add(const T &v) {
    Link *l = make(Link{v, nullptr});
    (last ? last->next : first) = l;
    last = l;
    size++;
  }
};
} // namespace inside

// Table is a table. The caption says what it shows, for those who do not see it.
//
//   Table("People").column("Name").numbers("Points").row("Ada", Badge("On", Tone::ok))
class Table {
 public:
  explicit Table(Text caption) : caption_(caption) {}
  Table(const Table &) = delete;
  Table &operator=(const Table &) = delete;
  // column adds a column, numbers one whose cells are numbers, which stand at the end;
  // the twenty-first and those after it are not shown.
  Table &column(Text title) { return add(title, ""); }
  Table &numbers(Text title) { return add(title, "end"); }
  // row adds a row. Its first cell is its heading; cells that are missing are empty.
  template <class... C> Table &row(const C &...cells) {
    rows_.add({});
    (cell(Cell(cells)), ...);
    return *this;
  }
  // cell adds a cell to the row that was added last.
  Table &cell(const Cell &c) {
    if (!rows_.last) row();
    rows_.last->value.add(c.inner());
    return *this;
  }
  operator Node() const {
    return inside::node("table", [&](Object &o) {
      u32 width = columns_.size ? columns_.size : 1;
      inside::said(o, "caption", caption_);
      {
        Array list(o, "columns");
        if (!columns_.size) Object(list).add("title", "");
        for (auto *c = columns_.first; c; c = c->next) {
          Object column(list);
          column.add("title", c->value.title);
          inside::given(column, "align", c->value.align);
        }
      }
      Array list(o, "rows");
      for (auto *r = rows_.first; r; r = r->next) {
        Array cells(list);
        auto *c = r->value.first;
        for (u32 i = 0; i < width; i++) {
          cells.raw(c ? c->value : Text("\"\""));
          if (c) c = c->next;
        }
      }
    });
  }

 private:
  struct Column {
    Text title, align;
  };
  Table &add(Text title, Text align) {
    if (columns_.size < 20) columns_.add({title, align});
    return *this;
  }
  Text caption_;
  inside::Links<Column> columns_;
  inside::Links<inside::Links<Text>> rows_;
};

// Chart is a picture of up to three series with up to 200 points each; what is more is
// not shown. Its title says what can be seen in it, as a sentence. It has bars, or lines.
//
//   Chart("Most enrol on Mondays.", "Enrolled", "Left").point("Mon", 12, 3).point("Tue", 4)
class Chart {
 public:
  template <class... S> explicit Chart(Text title, const S &...series) : title_(title) { (name(series), ...); }
  Chart(const Chart &) = delete;
  Chart &operator=(const Chart &) = delete;
  Chart &lines() { lines_ = true; return *this; }
  // point adds a point, with a value for each series; what is missing, or is no number,
  // is 0.
  template <class... V> Chart &point(Text label, const V &...values) {
    if (points_ >= 200) return *this;
    double all[sizeof...(values) + 1] = {static_cast<double>(values)...};
    if (points_) labels_.byte(',');
    inside::write(labels_, label);
    for (u32 i = 0; i < 3; i++) {
      double x = i < sizeof...(values) ? all[i] : 0;
      if (points_) values_[i].byte(',');
      values_[i].add(inside::numeral(x - x == 0 ? x : 0));
    }
    points_++;
    return *this;
  }
  operator Node() const {
    return inside::node("chart", [&](Object &o) {
      o.add("type", lines_ ? Text("line") : Text("bar"));
      inside::said(o, "title", title_);
      Array(o, "labels").raw(labels_.text());
      Array list(o, "series");
      for (u32 i = 0; i < 3 && (i < series_ || !i); i++) {
        Object one(list);
        inside::said(one, "name", series_ ? names_[i] : title_);
        Array(one, "values").raw(values_[i].text());
      }
    });
  }

 private:
  void name(Text s) {
    if (series_ < 3) names_[series_++] = s;
  }
  Text title_, names_[3];
  Out labels_, values_[3];
  u32 series_ = 0, points_ = 0;
  bool lines_ = false;
};

} // namespace trellis
#endif
