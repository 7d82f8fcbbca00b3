// What makes the pages of Trellis smoother: each part hangs on an attribute, and
// every page does its job without it. It takes HTML from this origin only, and reads
// elements through the prototypes, as a field may be named "closest" or "attributes".

const on = (type, hear, options) => document.addEventListener(type, hear, options);
const raw = (node, key) => (node instanceof Element ? Reflect.get(HTMLFormElement.prototype, key, node) : node[key]);
const safe = (node, method, ...args) => raw(node, method).call(node, ...args);
const $ = (selector, root = document) => safe(root, "querySelector", selector);
const $$ = (selector, root = document) => [...safe(root, "querySelectorAll", selector)];
const near = (event, selector) => event.target instanceof Element && safe(event.target, "closest", selector);
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const clock = (from, to) => new Date().toISOString().slice(from, to);
const parse = (html) => new DOMParser().parseFromString(html, "text/html");

function make(tag, properties, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

// made holds what this script put into a page, with what it serves: a swap leaves
// it alone for as long as that is there.
const made = new WeakMap();
const seen = new WeakSet();
const first = (node) => !seen.has(node) && seen.add(node);
const add = (owner, place, node) => (made.set(node, owner), safe(owner, place, node), node);

// say speaks through the page's live region. One change is one announcement.
function say(text) {
  const status = $("#status");
  if (status) status.textContent = status.textContent === text ? text + "\u00a0" : text;
}

// tell shows beside a form what came of it, and speaks that.
const told = new WeakMap();
function tell(form, state, text, trace, link) {
  told.get(form)?.remove();
  if (!text) return;
  const line = make("p", {}, text, ...(trace ? [" Trace ", make("code", { dir: "ltr" }, trace)] : []), ...(link ? [" ", link] : []));
  const note = make("div", { className: "notice" }, line);
  note.dataset.state = state;
  const table = safe(form, "closest", ".scroll");
  told.set(form, add(table ?? form, table ? "before" : "after", note));
  say(line.textContent);
}

const alike = (a, b) => raw(a, "nodeName") === raw(b, "nodeName") && (raw(a, "id") || "") === (raw(b, "id") || "") && !made.has(a);
const kept = (node, name) => name === "open" || (name === "type" && seen.has(node));

// morph makes old equal to want and keeps every node that it can: with them stay
// focus, selection, scroll, open details and what was typed. Nodes are matched by
// id, those without by name and position.
function morph(old, want) {
  if (!(old instanceof Element)) return old.data === want.data || (old.data = want.data);
  for (const { name } of [...raw(old, "attributes")]) if (!safe(want, "hasAttribute", name) && !kept(old, name)) safe(old, "removeAttribute", name);
  for (const { name, value } of raw(want, "attributes")) if (safe(old, "getAttribute", name) !== value && !kept(old, name)) safe(old, "setAttribute", name, value);
  const next = (node) => raw(node, "nextSibling");
  const ids = new Map([...raw(old, "children")].map((child) => [raw(child, "id"), child]));
  let here = raw(old, "firstChild");
  for (const child of [...raw(want, "childNodes")]) {
    while (here && made.has(here)) here = next(here);
    const id = child instanceof Element && raw(child, "id");
    let match = id ? ids.get(id) : here;
    ids.delete(id); // an id that stands twice is matched once
    if (id && match && !alike(match, child)) match = null;
    while (!id && match && !alike(match, child)) match = next(match);
    if (!match) safe(old, "insertBefore", child, here);
    else {
      if (match === here) here = next(here);
      else safe(old, "moveBefore" in Element.prototype ? "moveBefore" : "insertBefore", match, here);
      morph(match, child);
    }
  }
  const rest = [];
  for (; here; here = next(here)) rest.push(here);
  for (const node of rest) if (!made.has(node)) safe(node, "remove");
  for (const node of rest) if (made.has(node) && !raw(made.get(node), "isConnected")) node.remove();
}

// swap is morph, and a home for the focus if its own is gone: what has the same id
// or name, else the slot, else the heading of the page.
function swap(old, want) {
  const active = document.activeElement ?? document.body, { id, name } = active;
  const inside = active !== old && old.contains(active), slot = inside && active.closest(".slot");
  morph(old, want);
  enhance(old);
  if (!inside || document.activeElement === active) return;
  const named = name && $$(`[name="${CSS.escape(name)}"]`).find((node) => (slot?.isConnected ? slot : old).contains(node));
  const takes = (node) => node?.isConnected && (node.focus({ preventScroll: true }), document.activeElement === node);
  if ([active, id && document.getElementById(id), named, slot].some(takes)) return;
  focusOn($("h1"));
  if (slot) say((slot.getAttribute("aria-label") || $(".slot-foot", slot)?.textContent || "A card") + " is gone.");
}

function focusOn(node) {
  if (!node) return;
  if (!node.hasAttribute("tabindex")) node.tabIndex = -1;
  node.focus();
}

// show puts a page that an action answered with in place of this one, whose address
// stays unless the answer is from another.
let shown = location.pathname + location.search;
function show(page, url) {
  if (!$("main", page)) return location.assign(url);
  if (url !== location.href) history.pushState(null, "", url);
  shown = location.pathname + location.search;
  document.title = page.title;
  swap(document.body, page.body);
  reopen(); // the next page may follow something else
  const errors = $(".errors");
  focusOn(errors ?? $("h1"));
  scrollTo(0, 0);
  if (!errors) say($(".notice[data-flash] p")?.textContent ?? "");
}
addEventListener("popstate", () => location.pathname + location.search === shown || location.reload());

const go = (to) => new URL(to, location.href).origin === location.origin && location.assign(to);

const streams = new Set();
let fresh = clock(11, 16), next, ticking;

// follow reads server-sent events while owner is in the page and the page is seen.
// It is no EventSource: that wants the types of events beforehand, and a 500 ends it
// for good. After a loss it waits 1 to 30 s, with jitter, and goes on from the last id.
function follow(owner, key, hear, up) {
  let control, retry, watch, again, tries = 0, id = "";
  const stream = {
    close() {
      control?.abort();
      control = null;
      clearTimeout(retry);
      clearTimeout(watch);
    },
    async open() {
      stream.close();
      const url = owner.isConnected && owner.dataset[key];
      if (!url) return streams.delete(stream) && seen.delete(owner);
      if (document.hidden) return;
      const mine = (control = new AbortController());
      let wait = 0;
      const alive = () => {
        fresh = clock(11, 16);
        clearTimeout(watch);
        watch = setTimeout(() => mine === control && (mine.abort(), stream.fail(0)), 45_000);
      };
      try {
        const headers = { Accept: "text/event-stream", ...(id && { "Last-Event-ID": id }) };
        const answer = await fetch(url, { headers, cache: "no-store", signal: mine.signal });
        wait = +answer.headers.get("Retry-After") || 0;
        if ([401, 403, 404].includes(answer.status) || answer.redirected) return stream.end();
        if (!answer.ok) throw answer.status;
        const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
        let text = "", event = {};
        connected();
        up?.(again);
        again = true;
        alive();
        for (let part = await reader.read(); !part.done; part = await reader.read()) {
          tries = 0;
          alive();
          const lines = (text + part.value).split(/\r?\n/);
          text = lines.pop();
          for (const line of lines) {
            const [, field, value] = /^([^:]*):? ?(.*)$/.exec(line);
            if (field === "id") id = value;
            else if (line) event[field] = field in event ? event[field] + "\n" + value : value;
            else "data" in event && hear(event.event ?? "message", event.data), (event = {});
          }
        }
      } catch {}
      if (mine === control) stream.fail(wait);
    },
    fail(wait) {
      stream.close();
      tries++;
      wait = Math.max(wait, Math.min(30, 2 ** tries) * (0.5 + Math.random() / 2));
      retry = setTimeout(stream.open, wait * 1000);
      if (tries > 1 || !navigator.onLine) disconnected(wait);
    },
    end() {
      stream.close();
      streams.delete(stream);
      clearInterval(ticking);
      notice("This page no longer follows what happens.", "Load it again", () => location.reload());
    },
  };
  streams.add(stream);
  stream.open();
}

const bar = () => $("[data-offline]") ?? document.createElement("div");
const reopen = () => streams.forEach((stream) => stream.open());
const rest = () => streams.forEach((stream) => stream.close());

function notice(text, label, act) {
  if ($("button", bar())?.textContent === label) return void ($("span", bar()).textContent = text);
  bar().replaceChildren(make("span", {}, text), make("button", { type: "button", className: "button small", onclick: act }, label));
  bar().setAttribute("role", "region");
  bar().setAttribute("aria-label", "Connection");
  bar().hidden = false;
  say(text);
}

function disconnected(wait) {
  next = Date.now() + wait * 1000;
  const tick = () => {
    const left = Math.ceil((next - Date.now()) / 1000);
    notice(`Not connected. This is from ${fresh} UTC. ` + (left > 0 ? `Next try in ${left} s.` : "Trying now."), "Try now", reopen);
  };
  clearInterval(ticking);
  ticking = setInterval(tick, 1000);
  tick();
}

function connected() {
  clearInterval(ticking);
  if (bar().hidden) return;
  if (bar().contains(document.activeElement)) focusOn($("main"));
  bar().hidden = true;
  bar().replaceChildren();
  say("Connected again.");
}

on("visibilitychange", () => (document.hidden ? rest() : reopen()));
addEventListener("pagehide", rest);
addEventListener("pageshow", (event) => event.persisted && reopen());
addEventListener("online", reopen);
addEventListener("offline", () => streams.forEach((stream) => stream.fail(0)));

const stale = new Set();
let fetching = false;

// refresh fetches stale slots, one after the other, until none is stale.
async function refresh(...names) {
  names.forEach((name) => stale.add(name));
  if (fetching) return;
  fetching = true;
  while (stale.size) {
    const [name] = stale;
    stale.delete(name);
    try {
      const answer = await fetch(location.href, { headers: { "Trellis-Fragment": name }, cache: "no-store" });
      const old = container(name), want = answer.ok && container(name, parse(await answer.text()));
      if (old && want) swap(old, want);
    } catch {} // the stream notices, and asks for all again
    await sleep(100);
  }
  fetching = false;
}
const container = (name, root) => $(`[data-slots="${CSS.escape(name)}"]`, root);

function live(main) {
  const all = () => refresh(...$$("[data-slots]").map((node) => node.dataset.slots));
  follow(main, "live", (type, data) => type === "stale" && refresh(JSON.parse(data).slot), (again) => again && all());
}

const sending = new WeakSet();
const mark = (button, name, set) => set ? button?.setAttribute(name, "true") : button?.removeAttribute(name);

const goal = (form, by) => new URL(by?.getAttribute("formaction") ?? safe(form, "getAttribute", "action") ?? location.href, location.href).href;
const trace = (header) => header?.split("-")[1];

async function act(form, by) {
  const part = safe(form, "closest", "[data-slots]")?.dataset.slots ?? "";
  const slow = setTimeout(() => (mark(by, "aria-disabled", true), mark(by, "aria-busy", true), say("Still working.")), 1000);
  for (const node of [form, safe(form, "closest", ".slot"), safe(form, "closest", "[data-slots]")]) tell(node);
  try {
    const data = new FormData(form, by);
    const body = /multipart/.test(safe(form, "getAttribute", "enctype")) ? data : new URLSearchParams(data);
    const answer = await fetch(goal(form, by), { method: "POST", body, headers: { "Trellis-Fragment": part } });
    await take(answer, form, part);
  } catch {
    tell(form, "bad", "No answer came, because there is no connection. What you entered is still here.");
  }
  clearTimeout(slow);
  ["aria-disabled", "aria-busy"].forEach((name) => mark(by, name));
}

async function take(answer, form, part) {
  if (/json/.test(answer.headers.get("Content-Type"))) {
    const said = await answer.json();
    if (said.redirect) return go(said.redirect);
    const text = said.message ?? said.detail ?? said.title;
    return tell(form, answer.ok ? (said.state ?? "ok") : "bad", text, answer.ok ? "" : trace(answer.headers.get("Traceparent")));
  }
  const page = parse(await answer.text());
  const want = part && container(part, page);
  if (want) {
    const id = safe(form, "closest", ".slot")?.id;
    safe(form, "reset"); // what was entered and not taken comes back in the answer
    swap(container(part), want);
    const slot = document.getElementById(id) ?? container(part);
    const errors = $(".errors", slot), note = $(".notice", slot) ?? $(":scope > .notice", container(part));
    if (note) told.set(slot, note), made.set(note, slot), setTimeout(() => note.remove(), 60_000); // it outlives what makes the slot stale
    if (errors) focusOn(errors);
    else say(note?.textContent.trim() || "Done.");
  } else if (answer.redirected && $("[autocomplete=current-password]", page) && !$("[autocomplete=current-password]")) {
    tell(form, "warn", "You are signed out. What you entered stays here: sign in in another tab, then send it again.", "", make("a", { href: answer.url, target: "_blank" }, "Sign in"));
  } else if ($("main", page)) show(page, answer.redirected ? answer.url : location.href);
  else tell(form, "bad", `This did not work (${answer.status}). Nothing is lost: try again.`, trace(answer.headers.get("Traceparent")));
}

on("submit", async (event) => {
  const form = event.target, by = event.submitter;
  const is = (selector) => safe(form, "matches", selector);
  if (!is("[method=post i]") || event.defaultPrevented) return;
  if (sending.has(form) || by?.getAttribute("aria-disabled") === "true") return event.preventDefault();
  $$("input[data-shown]", form).forEach((input) => (input.type = "password"));
  sending.add(form);
  if (is("[data-action], [data-upload]")) {
    event.preventDefault();
    await (is("[data-upload]") ? upload(form, by) : act(form, by));
  } else await sleep(3000); // an ordinary post: the next page comes, or a file
  sending.delete(form);
});

const size = (bytes) => (bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`);

async function upload(form, by) {
  const input = $("input[type=file]", form), bar = $("progress", form), file = input.files[0];
  tell(form);
  if (!file) return tell(form, "bad", "Choose a file first."), input.focus();
  const limit = +form.dataset.limit;
  if (limit && file.size > limit) return tell(form, "bad", `${size(file.size)}; the limit is ${size(limit)}.`);
  const request = new XMLHttpRequest();
  const stage = make("output", {}, "Sending");
  const cancel = make("button", { type: "button", className: "button", onclick: () => request.abort() }, "Cancel");
  const row = add(form, "append", make("div", { className: "actions" }, cancel, stage));
  bar.hidden = false;
  mark(by, "aria-disabled", true);
  const end = await new Promise((done) => {
    request.upload.onprogress = (event) => {
      bar.max = event.total;
      bar.value = event.loaded;
      stage.value = `${size(event.loaded)} of ${size(event.total)}`;
    };
    request.upload.onload = () => {
      bar.removeAttribute("value");
      if (cancel === document.activeElement) focusOn(stage);
      cancel.remove();
      stage.value = "Received. It is opened, checked and built now.";
      say(stage.value);
    };
    for (const type of ["load", "error", "abort"]) request["on" + type] = () => done(type);
    request.open("POST", goal(form, by));
    request.responseType = "document";
    request.send(new FormData(form, by));
  });
  row.remove();
  bar.hidden = true;
  mark(by, "aria-disabled");
  if (end === "load" && request.response && $("main", request.response)) return show(request.response, request.responseURL === goal(form, by) ? location.href : request.responseURL);
  if (end === "abort") tell(form, "info", "Cancelled. Nothing was stored.");
  else if (end === "load") tell(form, "bad", `This did not work (${request.status}). Your choice is kept: try again.`, trace(request.getResponseHeader("Traceparent")));
  else {
    const there = await file.stream().getReader().read().then(() => true, () => false);
    tell(form, "bad", there ? "The connection broke. Your choice is kept: try again." : "The file changed on disk. Choose it again.");
  }
  by?.focus();
}

// A file may be dropped anywhere on the zone.
for (const type of ["dragover", "dragleave", "drop"])
  on(type, (event) => {
    const form = near(event, "form[data-upload]");
    if (!form || !event.dataTransfer.types.includes("Files")) return;
    form.toggleAttribute("data-over", type === "dragover");
    if (type === "dragleave" || event.target.type === "file") return;
    if (event.preventDefault(), type !== "drop") return;
    const input = $("input[type=file]", form), data = new DataTransfer();
    data.items.add(event.dataTransfer.files[0]);
    input.files = data.files;
    input.focus();
  });

const most = 500;

function tail(log) {
  const list = $("ol", log);
  const press = (label, act) => make("button", { type: "button", className: "button small", onclick: act }, label);
  let waiting = [], paused = false, count = 0, spoken = 0, dropped = 0, last = clock(11, 19), seconds = 0;
  const pause = press("Pause", () => ((pause.textContent = (paused = !paused) ? "Go on" : "Pause"), flush()));
  const more = press("", () => (log.scrollTo(0, 0), flush(true), pause.focus()));
  const rate = make("output");
  more.hidden = true;
  add(log, "before", make("div", { className: "tail-bar" }, pause, more, rate));

  const flush = (all) => {
    const held = !all && (paused || log.scrollTop > 4 || log.contains(document.activeElement));
    more.hidden = !held || !waiting.length;
    more.textContent = `${waiting.length}${dropped ? " or more" : ""} new`;
    if (held || !waiting.length) return;
    list.prepend(...waiting.reverse());
    waiting = [];
    dropped = 0;
    while (list.children.length > most) list.lastChild.remove();
  };
  const take = (row) => waiting.push(row) > most && (dropped++, waiting.shift());
  const gap = (text) => {
    const row = make("li", {}, text);
    row.dataset.gap = "";
    take(row);
  };
  follow(log, "tail", (type, data) => {
    if (type === "denied") return gap("This has ended: you may no longer see it.");
    if (type === "resync") return gap(`Gap ${last} to ${clock(11, 19)} UTC: what happened between is not shown here.`);
    const event = JSON.parse(data), at = event.time ?? new Date().toISOString();
    last = at.slice(11, 19);
    count++, spoken++;
    take(make("li", {}, make("time", { dateTime: at }, last), make("code", { dir: "ltr" }, event.type ?? type), make("bdi", {}, event.subject ?? "")));
  });
  log.addEventListener("scroll", () => flush());
  log.addEventListener("focusout", () => setTimeout(flush));
  const timer = setInterval(() => {
    if (!log.isConnected) return clearInterval(timer);
    flush();
    if (++seconds % 10 === 0) (rate.value = `${count} a second, ${dropped ? `the newest ${most}` : "all"} shown`), (count = 0);
    if (seconds % 300 === 0 && spoken) say(`${spoken} new events`), (spoken = 0);
  }, 100);
}

async function job(box) {
  for (let spoken = 0, wait = 1; box.isConnected && box.dataset.job; ) {
    await sleep(wait * 1000);
    if (document.hidden) continue;
    try {
      const answer = await fetch(box.dataset.job, { headers: { "Trellis-Fragment": "job" }, cache: "no-store" });
      if (!answer.ok) throw answer.status;
      const page = parse(await answer.text());
      swap(box, page.getElementById(box.id) ?? $("[data-job]", page) ?? page.body.firstElementChild);
      wait = 1;
    } catch {
      wait = Math.min(30, wait * 2);
      continue;
    }
    const bar = $("progress", box), quarter = bar && Math.floor((4 * bar.value) / bar.max);
    if (!bar || !box.dataset.job) return say($("p", box)?.textContent.trim() ?? "Done.");
    if (quarter > spoken) say(`${bar.getAttribute("aria-label") ?? ""} ${(spoken = quarter) * 25} %`);
  }
}

function password(input) {
  const button = make("button", { type: "button", className: "button reveal" }, "Show", make("span", { className: "hidden" }, " password"));
  button.onclick = () => {
    const hide = input.type === "text";
    input.type = hide ? "password" : "text";
    input.toggleAttribute("data-shown", !hide);
    button.firstChild.data = hide ? "Show" : "Hide";
  };
  add(input, "after", button);
}

function copy(source) {
  const button = make("button", { type: "button", className: "button small copy" }, "Copy");
  button.onclick = () => {
    getSelection().selectAllChildren(source); // where the clipboard is closed, the keyboard copies it
    navigator.clipboard?.writeText(source.dataset.copy || source.textContent).then(() => say((button.textContent = "Copied")), () => say("Selected"));
  };
  add(source, "after", button);
}

// A page that only confirms is shown in a dialog, if all goes well.
on("click", async (event) => {
  const link = near(event, "a[data-dialog]"), cancel = near(event, "dialog [data-cancel]");
  if (cancel) event.preventDefault(), cancel.closest("dialog").close();
  if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  try {
    const answer = await fetch(link.href);
    const main = $("main", parse(await answer.text()));
    if (!answer.ok || answer.redirected || !$("form", main)) throw answer.status;
    $$(".crumbs, .status, .errors", main).forEach((node) => node.remove());
    const title = $("h1", main), dialog = make("dialog");
    title?.replaceWith(make("h2", {}, title.textContent));
    dialog.setAttribute("aria-label", title?.textContent ?? link.textContent);
    dialog.append(...main.childNodes);
    $$("form", dialog).forEach((form) => safe(form, "hasAttribute", "action") || safe(form, "setAttribute", "action", link.href));
    dialog.onclose = () => dialog.remove();
    document.body.append(dialog);
    dialog.showModal();
    $("[data-cancel]", dialog)?.focus();
  } catch {
    location.assign(link.href);
  }
});

on("keydown", (event) => {
  const menu = event.key === "Escape" && near(event, "details.menu[open]");
  if (menu) (menu.open = false), $("summary", menu).focus();
});
for (const type of ["pointerdown", "focusin"]) on(type, (event) => $$("details.menu[open]").forEach((menu) => menu.contains(event.target) || (menu.open = false)));

function enhance(root) {
  const each = (selector, act) => [...(root.matches?.(selector) ? [root] : []), ...$$(selector, root)].filter(first).forEach(act);
  each("input[type=password]", password);
  each("[data-copy]:not(button), .ascode pre", copy);
  each("[data-tail]", tail);
  each("[data-job]", job);
  each("main[data-live]", live);
}
enhance(document);
