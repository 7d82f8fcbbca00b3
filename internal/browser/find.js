((target) => {
  const shown = (e) => e.checkVisibility({ visibilityProperty: true }) && e.getClientRects().length > 0;
  if (!target.startsWith("=")) return [...document.querySelectorAll(target)].find(shown) ?? null;
  const want = target.slice(1).trim();
  const plain = (text) => (text ?? "").replace(/\s+/g, " ").trim();
  const name = (e) =>
    plain(e.getAttribute("aria-label")) || (e.labels?.length ? plain(e.labels[0].textContent) : "") || plain(e.textContent) || plain(e.getAttribute("title")) || plain(e.placeholder);
  const controls = [...document.querySelectorAll("a[href], button, summary, input:not([type=hidden]), select, textarea, [role=button]")].filter(shown);
  return controls.find((e) => name(e) === want) ?? controls.find((e) => name(e).startsWith(want)) ?? null;
})
