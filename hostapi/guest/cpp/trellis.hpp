// trellis.hpp: extensions for Trellis in C++17, without any library.
//
//   clang++ --target=wasm32 -std=c++17 -Os -nostdlib -fno-builtin -fno-exceptions -fno-rtti -Wl,--no-entry -Wl,--strip-all -Wl,-z,stack-size=16384 -o main.wasm main.cpp
//
// A filter takes a question and returns an answer, and is exported by the name
// that the manifest has:
//
//   trellis::Answer check(const trellis::Question &q) {
//     if (q.data["mode"].is("honor")) return trellis::refuse("closed", "Not in this mode.");
//     return trellis::pass();
//   }
//   TRELLIS_FILTER(check, check)
//
// TRELLIS_HANDLE exports what hears of an event, TRELLIS_WORK what works at set
// times, TRELLIS_HOOK anything else. Nothing here throws. Memory is handed out from
// one region and taken back as a whole when the next call begins, `new` included:
// what shall outlast a call is made by a constructor of a global, before the first.
//
// Operations of the host API are asked for with call:
//
//   trellis::Result note = trellis::call("kv.get", R"({"key":"seen"})");
//   if (!note) return note.error();
#ifndef TRELLIS_HPP
#define TRELLIS_HPP

#include "trellis_json.hpp"

namespace trellis {

#define TRELLIS_IMPORT(name) extern "C" __attribute__((import_module("trellis"), import_name(#name)))
TRELLIS_IMPORT(call) u64 trellis_host_call(const char *name, u32 name_len, const char *in, u32 len);
TRELLIS_IMPORT(read) u32 trellis_host_read(char *to, u32 cap, u32 off);
TRELLIS_IMPORT(log) void trellis_host_log(u32 level, const char *text, u32 len);
TRELLIS_IMPORT(now) i64 trellis_host_now();
TRELLIS_IMPORT(random) void trellis_host_random(void *to, u32 len);
#undef TRELLIS_IMPORT

// ---- errors

// Kind says what sort of error it is, by the numbers that the platform uses.
enum class Kind : u32 {
  none,        // it went well
  invalid,     // the input is wrong
  denied,      // the permission is lacking, or it is not for a filter
  refused,     // another extension said no
  not_found,   // not there, or outside of where the extension is enabled
  conflict,    // it has changed meanwhile: look again
  exhausted,   // too much, or too often: try later
  unavailable, // not now: try later
  internal,    // a fault, of the platform or of the extension
};

// name_of returns a kind as messages have it, "" for none.
inline Text name_of(Kind k) {
  switch (k) {
  case Kind::none: return "";
  case Kind::invalid: return "invalid";
  case Kind::denied: return "denied";
  case Kind::refused: return "refused";
  case Kind::not_found: return "not_found";
  case Kind::conflict: return "conflict";
  case Kind::exhausted: return "exhausted";
  case Kind::unavailable: return "unavailable";
  case Kind::internal: break;
  }
  return "internal";
}

// Error is an operation's error, or a hook's answer to the platform. One without a
// kind is none.
struct Error {
  Kind kind = Kind::none;
  Text message;
  explicit operator bool() const { return kind != Kind::none; }
};

// ---- calling the platform

// Result is what an operation answered: true when it went well.
class Result {
 public:
  Result(Kind kind, Text json) : kind_(kind), json_(json), value_(parse(json)) {}
  explicit operator bool() const { return kind_ == Kind::none; }
  Kind kind() const { return kind_; }
  Text json() const { return json_; }
  Value value() const { return value_; }
  Value operator[](Text key) const { return value_[key]; }
  Error error() const {
    Text message = json_;
    if (*this) return {};
    value_["message"].get(message);
    return {kind_, message};
  }

 private:
  Kind kind_;
  Text json_;
  Value value_;
};

// call runs an operation of the host API. The input is JSON, as its documentation
// says.
inline Result call(Text operation, Text in) {
  u64 r = trellis_host_call(operation.data(), operation.size(), in.data(), in.size());
  u32 n = static_cast<u32>(r);
  char *p = static_cast<char *>(take(n));
  trellis_host_read(p, n, 0);
  return {static_cast<Kind>(r >> 32), {p, n}};
}
inline Result call(Text operation, const Out &in) { return call(operation, in.text()); }

enum class Level : u32 { debug, info, warn, error };

// log writes to the extension's log.
inline void log(Level level, Text text) { trellis_host_log(static_cast<u32>(level), text.data(), text.size()); }

// fail says in the log why, and ends the call. The platform discards the instance.
[[noreturn]] inline void fail(Text why) {
  log(Level::error, why);
  __builtin_trap();
}

// now returns the time, in nanoseconds since 1970.
inline i64 now() { return trellis_host_now(); }

// random fills n bytes; they differ from call to call.
inline void random(void *to, u32 n) { trellis_host_random(to, n); }

// ---- what hooks are told

// Question is what a filter is asked. What it has no name for here is in `all`.
struct Question {
  Value all, settings, data;
  Text id, type, tenant, actor, course, trace;
  explicit Question(Value v) : all(v), settings(v["settings"]), data(v["data"]) {
    v["id"].get(id), v["type"].get(type), v["tenant"].get(tenant), v["actor"].get(actor), v["course"].get(course), v["trace"].get(trace);
  }
};

// Event is something that has happened. Its id is the same when it is told again.
struct Event : Question {
  Text source, subject, person;
  i64 position = 0, attempt = 0;
  explicit Event(Value v) : Question(v) {
    v["source"].get(source), v["subject"].get(subject), v["person"].get(person), v["position"].get(position), v["attempt"].get(attempt);
  }
};

// Task is work at a set time or in the background.
struct Task {
  Value all, settings, input, state; // state is what the call before returned
  Text id, name, tenant, trace;
  explicit Task(Value v) : all(v), settings(v["settings"]), input(v["input"]), state(v["state"]) {
    v["id"].get(id), v["name"].get(name), v["tenant"].get(tenant), v["trace"].get(trace);
  }
};

// ---- what they answer

// Answer is what a filter says. Make it with pass, change or refuse.
class Answer {
 public:
  // stop lets no further extension be asked.
  Answer stop() const { Answer a = *this; a.stop_ = true; return a; }
  // redirect sends whoever is refused to another page of the tenant.
  Answer redirect(Text to) const { Answer a = *this; a.redirect_ = to; return a; }
  Text json() const {
    Out out;
    {
      Object o(out);
      if (patch_.size()) o.raw("patch", patch_);
      if (stop_) o.add("stop", true);
      if (code_.size()) {
        Object r(o, "refuse");
        r.add("code", code_).add("message", message_);
        if (redirect_.size()) Object(r, "effect").add("kind", "redirect").add("redirect", redirect_);
      }
    }
    return out.text();
  }

 private:
  friend Answer pass();
  friend Answer change(Text patch);
  friend Answer refuse(Text code, Text message);
  Text patch_, code_, message_, redirect_;
  bool stop_ = false;
};

// pass lets it happen as it is.
inline Answer pass() { return {}; }

// change lets it happen with a change: a merge patch (RFC 7396) of the data, in JSON.
inline Answer change(Text patch) { Answer a; a.patch_ = patch; return a; }
inline Answer change(const Out &patch) { return change(patch.text()); }

// refuse does not let it happen. The message is shown to people.
inline Answer refuse(Text code, Text message) {
  Answer a;
  a.code_ = code, a.message_ = message;
  return a;
}

// Step is what a part of work ends with: done, again with a state (JSON), or an
// Error.
class Step {
 public:
  Step(Error e) : error(e) {}
  static Step done() { return Step(Error{}); }
  static Step again(Text state) { Step s = done(); s.state = state; return s; }
  Error error;
  Text state;
};

// ---- exports

namespace inside {

inline u64 packed(Text answer, bool failed) {
  return static_cast<u64>(reinterpret_cast<u32>(answer.data())) << 32 | (failed ? 0x80000000u : 0u) | answer.size();
}

// A longer message would count as a crash.
constexpr u32 longest_message = 1000;

inline u64 failed(Error e) {
  Text m = e.message;
  if (m.size() > longest_message) {
    u32 n = longest_message - 3;
    while (n && (static_cast<u8>(m[n]) & 0xc0) == 0x80) n--;
    Out cut;
    cut.add(m.first(n)).add("\u2026");
    m = cut.text();
  }
  Out out;
  Object(out).add("kind", name_of(e.kind)).add("message", m);
  return packed(out.text(), true);
}

inline u64 answer(Text json) { return packed(json, false); }
inline u64 answer(const Answer &a) { return packed(a.json(), false); }
inline u64 answer(const Error &e) { return e ? failed(e) : answer("{}"); }
inline u64 answer(const Step &s) {
  if (s.error || !s.state.size()) return answer(s.error);
  Out out;
  Object(out).raw("again", s.state);
  return packed(out.text(), false);
}

template <class In, class F> u64 run(u32 ptr, u32 len, F f) {
  begin();
  Value v = parse({reinterpret_cast<const char *>(ptr), len});
  if (!v) return failed({Kind::invalid, "the input is not JSON"});
  return answer(f(In(v)));
}

} // namespace inside

extern "C" __attribute__((export_name("trellis_alloc"), weak)) u32 trellis_alloc(u32 n) { return inside::input(n); }
extern "C" void __wasm_call_ctors();
extern "C" __attribute__((export_name("_initialize"), weak)) void trellis_initialize() {
  __wasm_call_ctors();
  inside::keep();
}

} // namespace trellis

#define TRELLIS_EXPORT(name, In, fn)                                                                                  \
  extern "C" __attribute__((export_name(#name))) trellis::u64 trellis_hook_##name(trellis::u32 ptr, trellis::u32 len) { \
    return trellis::inside::run<In>(ptr, len, fn);                                                                    \
  }

// TRELLIS_FILTER exports Answer fn(const Question &), TRELLIS_HANDLE Error
// fn(const Event &), whose error has the event told again later, TRELLIS_WORK Step
// fn(const Task &), TRELLIS_HOOK Text fn(Value), which takes and returns any JSON.
// What is no JSON does not come to them.
#define TRELLIS_FILTER(name, fn) TRELLIS_EXPORT(name, trellis::Question, fn)
#define TRELLIS_HANDLE(name, fn) TRELLIS_EXPORT(name, trellis::Event, fn)
#define TRELLIS_WORK(name, fn) TRELLIS_EXPORT(name, trellis::Task, fn)
#define TRELLIS_HOOK(name, fn) TRELLIS_EXPORT(name, trellis::Value, fn)

#endif
