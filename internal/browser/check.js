// What the checks ask the page. Each function returns sentences about what is
// wrong; none says that all is well.
(() => {
  const all = (selector) => [...document.querySelectorAll(selector)];
  const shown = (e) => e.checkVisibility({ visibilityProperty: true }) && e.getClientRects().length > 0;
  const plain = (text) => (text ?? "").replace(/\s+/g, " ").trim();
  const hidden = (e) => !!e.closest(".hidden, .status, [hidden]");
  const at = (e) => {
    const name = plain(e.getAttribute("aria-label") ?? e.innerText).slice(0, 40);
    return e.tagName.toLowerCase() + (e.id ? "#" + e.id : "") + (typeof e.className === "string" && e.className ? "." + e.className.trim().replace(/\s+/g, ".") : "") + (name ? ` “${name}”` : "");
  };
  const name = (e) => plain(e.getAttribute("aria-label")) || (e.labels?.length ? plain(e.labels[0].textContent) : "") || plain(e.textContent) || plain(e.title);

  // Any colour that CSS knows, as red, green, blue and alpha.
  const pen = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    pen.clearRect(0, 0, 1, 1);
    pen.fillStyle = colour;
    pen.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = pen.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = ([r, g, b, a], [x, y, z]) => [r * a + x * (1 - a), g * a + y * (1 - a), b * a + z * (1 - a), 1];
  const light = (c) => [0.2126, 0.7152, 0.0722].reduce((sum, k, i) => sum + k * ((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))(c[i] / 255), 0);
  const ratio = (a, b) => ((x, y) => (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05))(light(a), light(b));
  const ground = (e) => {
    const layers = [];
    for (; e; e = e.parentElement) {
      const c = rgba(getComputedStyle(e).backgroundColor);
      layers.push(c);
      if (c[3] === 1) break;
    }
    return layers.reverse().reduce((below, c) => over(c, below), rgba("Canvas"));
  };
  const transparent = (c) => rgba(c)[3] === 0;

  // Everything that is wider than the window, but what scrolls in a named region.
  const sideways = () => {
    const wrong = [], width = document.documentElement.clientWidth;
    const scrolls = (e) => /auto|scroll/.test(getComputedStyle(e).overflowX);
    if (document.scrollingElement.scrollWidth > width) wrong.push(`the page is ${document.scrollingElement.scrollWidth} px wide in a window of ${width}`);
    for (const e of all("body *")) {
      if (!shown(e) || hidden(e)) continue;
      const named = e.tabIndex === 0 && (e.getAttribute("aria-label") || e.getAttribute("aria-labelledby"));
      if (scrolls(e) && e.scrollWidth > e.clientWidth + 1 && !named && !e.matches("input, textarea, select")) wrong.push(`${at(e)} scrolls sideways, and is no named region that takes the focus`);
      const box = e.getBoundingClientRect();
      if (box.right <= width + 1 && box.left >= -1) continue;
      let inside = e.parentElement;
      while (inside && !/auto|scroll|hidden|clip/.test(getComputedStyle(inside).overflowX)) inside = inside.parentElement;
      if ((!inside || inside === document.documentElement || inside === document.body) && !e.matches(".skip")) wrong.push(`${at(e)} reaches from ${Math.round(box.left)} to ${Math.round(box.right)} px in a window of ${width}`);
    }
    return wrong.slice(0, 12);
  };

  // Text that its own box cuts off.
  const clipped = () =>
    all("body *").flatMap((e) => {
      if (!shown(e) || hidden(e) || !plain(e.textContent) || e.closest("svg") || e.matches("select, option, progress, textarea")) return [];
      const style = getComputedStyle(e);
      const cut = (axis, inner, outer) => /hidden|clip/.test(style["overflow" + axis]) && inner > outer + 1;
      return cut("X", e.scrollWidth, e.clientWidth) || cut("Y", e.scrollHeight, e.clientHeight) ? [`the text of ${at(e)} is cut off`] : [];
    });

  // The distances of WCAG 1.4.12, set by the person.
  const spacing = (on) => {
    const sheet = (window.__spacing ??= new CSSStyleSheet());
    sheet.replaceSync("* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important } p { margin-block-end: 2em !important }");
    document.adoptedStyleSheets = on ? [sheet] : [];
    return [];
  };

  // Edges of controls stand out 3:1 from what they stand on, by border or by fill.
  const edges = () =>
    all("input:not([type=hidden], [type=checkbox], [type=radio], [type=file], [type=range]), select, textarea, .button, .menu > ul, dialog").flatMap((e) => {
      if (!shown(e) || hidden(e) || e.disabled || e.getAttribute("aria-disabled") === "true" || e.matches(".quiet")) return [];
      const style = getComputedStyle(e), below = ground(e.parentElement), inner = ground(e);
      if (e.matches(".menu > ul, dialog")) return [];
      const border = parseFloat(style.borderTopWidth) > 0 && !transparent(style.borderTopColor) ? ratio(over(rgba(style.borderTopColor), below), below) : 0;
      const best = Math.max(border, ratio(inner, below));
      return best < 3 ? [`the edge of ${at(e)} stands out ${best.toFixed(2)}:1, not 3:1`] : [];
    });

  // The focus as it is now: seen, reached by nothing else, and where.
  const focus = () => {
    const e = document.activeElement;
    if (!e || e === document.body || e === document.documentElement) return null;
    const wrong = [], style = getComputedStyle(e), box = e.getBoundingClientRect(), first = e.getClientRects()[0] ?? box;
    if (!e.matches(":focus-visible")) wrong.push(`${at(e)} has the focus, and does not show it`);
    if (style.outlineStyle === "none" || parseFloat(style.outlineWidth) < 2) wrong.push(`${at(e)} has the focus, and no outline of 2 px`);
    else if (style.outlineStyle !== "auto") {
      const best = ratio(over(rgba(style.outlineColor), ground(e.parentElement ?? e)), ground(e.parentElement ?? e));
      if (best < 3) wrong.push(`the outline of ${at(e)} stands out ${best.toFixed(2)}:1, not 3:1`);
    }
    const x = Math.min(Math.max(first.left + first.width / 2, 1), innerWidth - 1), y = Math.min(Math.max(first.top + Math.min(first.height / 2, 20), 1), innerHeight - 1);
    const top = document.elementFromPoint(x, y);
    const label = [...(e.labels ?? [])].some((l) => l.contains(top));
    if (!top || !(e.contains(top) || top.contains(e) || label)) wrong.push(`${at(e)} has the focus behind ${top ? at(top) : "the edge of the window"}`);
    if (e.tabIndex > 0) wrong.push(`${at(e)} has a tabindex of ${e.tabIndex}`);
    const id = (e.__walk ??= (window.__walk = (window.__walk ?? 0) + 1) + "");
    const column = e.closest("aside, .side, li, td, th, article, header, footer, nav, dialog");
    return { ID: id, Name: at(e), Wrong: wrong, Top: box.top + scrollY, Bottom: box.bottom + scrollY, Left: box.left, Right: box.right, RTL: getComputedStyle(document.documentElement).direction === "rtl", Loose: e.matches(".skip") || !!column };
  };

  // Controls of rows have names of their own, which hold the word that is seen.
  const names = () => {
    const wrong = [];
    for (const row of all("table, .cards")) {
      const seen = new Map();
      for (const e of row.querySelectorAll("button, a[href], summary")) {
        if (!shown(e)) continue;
        const key = name(e) + (e.href ? " " + e.href : "");
        if (!e.href && seen.has(name(e))) wrong.push(`two controls of ${at(row).slice(0, 60)} are named “${name(e)}”`);
        seen.set(name(e), key);
      }
    }
    for (const e of all("button, a[href], summary, [role=button]")) {
      if (!shown(e)) continue;
      if (!name(e) && !e.querySelector("img[alt]:not([alt=''])")) wrong.push(`${at(e)} has no name`);
      const label = plain(e.getAttribute("aria-label")).toLowerCase();
      if (label && plain(e.innerText) && !label.includes(plain(e.innerText).toLowerCase())) wrong.push(`${at(e)} is named “${label}” and says “${plain(e.innerText)}”`);
    }
    return wrong;
  };

  // A state is a word, and not a colour alone.
  const states = () => all("[data-state]").flatMap((e) => (shown(e) && !plain(e.innerText) ? [`${at(e)} has the state ${e.dataset.state}, and no word for it`] : []));

  // In forced colours a drawing uses the colours of the system.
  const forced = () => {
    const probe = document.body.appendChild(document.createElement("span"));
    probe.style.forcedColorAdjust = "none";
    const system = new Set(["Canvas", "CanvasText", "LinkText", "VisitedText", "ButtonFace", "ButtonText", "ButtonBorder", "Highlight", "HighlightText", "GrayText", "Field", "FieldText", "Mark", "MarkText"].map((c) => (probe.style.setProperty("color", c), rgba(getComputedStyle(probe).color).join())));
    probe.remove();
    return all("main svg *, header svg *").flatMap((e) => {
      if (!shown(e)) return [];
      return ["fill", "stroke"].flatMap((what) => {
        const c = getComputedStyle(e)[what];
        return c === "none" || c.startsWith("url") || e.matches("g, defs, title, desc") || system.has(rgba(c).join()) ? [] : [`the ${what} of ${at(e)} in a drawing is ${c}, which is no colour of the system`];
      });
    });
  };

  const motion = () => document.getAnimations({ subtree: true }).map((a) => `${a.animationName ?? a.transitionProperty} still moves`);

  // Words that blame, or that only a programmer would say.
  const words = () => {
    const text = document.body.innerText.match(/.{0,30}\b(invalid|oops|failed to)\b.{0,30}/gi) ?? [];
    return text.map((line) => `the page says “${line.trim()}”`);
  };

  // Ids are there once, and what refers to one finds it.
  const ids = () => {
    const wrong = [], seen = new Set();
    for (const e of all("[id]")) seen.has(e.id) ? wrong.push(`the id ${e.id} stands twice`) : seen.add(e.id);
    for (const attribute of ["for", "aria-describedby", "aria-labelledby", "aria-controls"])
      for (const e of all(`[${attribute}]`)) for (const id of e.getAttribute(attribute).split(/\s+/).filter(Boolean)) if (!seen.has(id)) wrong.push(`${at(e)} refers to ${id} by ${attribute}, which is not there`);
    return wrong;
  };

  // Names as people may have them: from the right, turned round, very long.
  const foreign = (rtl) => {
    document.documentElement.dir = rtl ? "rtl" : "ltr";
    const long = "\u202Eabc" + "Donaudampfschifffahrtsgesellschaft".repeat(6).slice(0, 196);
    for (const e of all("bdi")) e.textContent = long;
    return all("bdi").length;
  };

  return { sideways, clipped, spacing, edges, focus, names, states, forced, motion, words, ids, foreign };
})()
