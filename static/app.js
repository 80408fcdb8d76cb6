/* What htmx does not give: dialogs, the bar of a lost network, announcements, keys.
   No page needs it; nothing here decides. */
(() => {
  "use strict";
  const byId = (id) => document.getElementById(id);
  const on = (name, act, first) => document.addEventListener(name, act, first);
  const all = (selector) => [...document.querySelectorAll(selector)];
  const active = () => document.activeElement;
  const stop = (event) => event.preventDefault();
  const shut = (at) => { for (const menu of all("details.menu[open]")) if (!menu.contains(at)) menu.open = false; };

  /* dialog: opened after a swap into it; focus goes back to its opener */
  let opener = null;
  on("click", (event) => {
    const at = event.target;
    const link = at.closest("a, button, summary");
    if (link && !link.closest("dialog")) opener = link;
    if (at.closest("[data-close]")) { stop(event); byId("dialog").close(); }
    if (link && link.getAttribute("aria-disabled") === "true") { stop(event); event.stopPropagation(); }
    if (at.closest("[data-retry]")) retry();
    const copied = at.closest("[data-copy]");
    if (copied) copy(copied.dataset.copy);
    shut(at);
  }, true);
  const dialog = byId("dialog");
  if (dialog) dialog.addEventListener("close", () => {
    dialog.replaceChildren();
    if (opener && opener.isConnected) opener.focus();
  });
  on("htmx:afterSwap", ({ target }) => {
    if (target.id === "dialog" && dialog.childElementCount && !dialog.open) dialog.showModal();
    const wrong = target.querySelector && target.querySelector("[aria-invalid=true]");
    if (wrong) wrong.focus();
    const refused = target.id === "notice" && target.querySelector("[role=alert]");
    if (refused) refused.scrollIntoView({ block: "center" }); /* who clicked far below sees */
    byId("netbar").hidden = true;
  });
  /* a button that was disabled while it was asked has lost the focus: back to it, or to what has its name now */
  on("htmx:beforeRequest", ({ detail: { elt, xhr } }) => { if (elt.contains(active())) xhr.at = active(); });
  on("htmx:afterRequest", ({ detail: { xhr: { at } } }) => {
    const now = at && (at.isConnected ? at : byId(at.id));
    if (now && active() === document.body) now.focus({ preventScroll: true });
  });
  on("done", () => { if (dialog && dialog.open) dialog.close(); });

  /* a lost answer: the same request (same op) again */
  let failed = null;
  const lost = ({ detail: { elt, xhr } }) => {
    failed = elt;
    const bar = byId("netbar"), words = bar.querySelector("span");
    const told = xhr?.status >= 500 && xhr.getResponseHeader("Content-Type")?.startsWith("text/plain"); /* a proxy answers HTML */
    words.textContent = told ? xhr.responseText : byId("announce").dataset.lost;
    bar.hidden = false;
    say(words.textContent);
  };
  const retry = () => {
    byId("netbar").hidden = true;
    if (failed instanceof HTMLFormElement) failed.requestSubmit(); else if (failed) failed.click();
  };
  on("htmx:beforeSwap", ({ detail }) => { /* an answer that knows its place is ours */
    if (detail.xhr.getResponseHeader("HX-Retarget")) Object.assign(detail, { shouldSwap: true, isError: false });
  });
  for (const name of ["htmx:sendError", "htmx:timeout", "htmx:responseError"]) on(name, lost);

  const copy = (text) => navigator.clipboard?.writeText(text).then(() => say(byId("announce").dataset.copied));
  const say = (text) => { byId("announce").textContent = text; };
  on("say", (event) => say(event.detail.value));

  /* a second click on a plain form is the first one again: it is not sent twice */
  on("submit", (event) => {
    const form = event.target, now = Date.now();
    if (form.matches("[hx-post], [hx-get]") || form.method !== "post") return;
    if (now - form.dataset.sent < 2000) stop(event);
    form.dataset.sent = now;
  });

  /* selection: the bar says how many rows are ticked; "all" ticks the rows shown */
  on("change", (event) => {
    const form = event.target.closest("form[data-pick]");
    if (!form) return;
    const boxes = [...form.querySelectorAll("input[name=posting]")];
    if (event.target.matches("[data-all]")) for (const box of boxes) box.checked = event.target.checked;
    const picked = boxes.filter((box) => box.checked).length;
    const told = form.querySelector("[data-picked]");
    if (told) told.textContent = picked ? told.dataset.some.replace("#", picked) : told.dataset.none;
  });

  /* details load what they link to */
  on("toggle", ({ target }) => {
    const source = target.open && target.querySelector("[data-load]");
    if (source) htmx.ajax("GET", source.href.split("#")[0], { source, target, swap: "outerHTML" });
  }, true);

  /* undo: seconds that are left; at none the bar empties itself */
  setInterval(() => {
    for (const left of all("[data-left]")) {
      left.end ||= Date.now() + 1000 * left.dataset.left; /* from when it was shown: clocks differ */
      const seconds = Math.ceil((left.end - Date.now()) / 1000);
      if (seconds > 0) left.textContent = seconds; else byId("undobar").replaceChildren();
    }
  }, 1000);

  /* keys: off in fields, but for those with Ctrl, whose names begin with ^ */
  const places = {
    d: "dashboard", h: "holding", r: "runs", l: "late", u: "rulebook", m: "mappings", t: "connections", a: "audit", o: "operations",
  };
  let leader = false;
  const step = (by, what = "[data-row], .group > summary") => {
    const rows = all(what).filter((row) => row.offsetParent);
    const now = rows.findIndex((row) => row.contains(active()));
    const next = rows[Math.min(Math.max(now + by, 0), rows.length - 1)];
    if (next) (next.matches("a, summary") ? next : next.querySelector("a, summary, button")).focus();
  };
  for (const tab of all(".tabs [aria-current]")) tab.parentElement.scrollLeft = tab.offsetLeft - 99; /* a row may be wider than its page */
  const press = (event, key) => { /* what has this key: of the form, rows that are ticked, the row or hold that is open, its group, the page */
    const at = active(), group = at.closest(".group");
    for (const place of [at.form, group && group.querySelector("form:has([name=posting]:checked)"), at.closest(".split, [data-row]"), group && group.querySelector(".split"), group, document]) {
      const one = place && place.querySelector(`[data-key~="${CSS.escape(key)}"]`);
      if (!one) continue;
      stop(event);
      for (let up = one; up = up.parentElement.closest("details"); ) up.open = true;
      if (!one.matches("a, button")) one.focus();
      one.click();
      return;
    }
  };
  on("keydown", (event) => {
    const { key, target } = event;
    if (event.altKey) return;
    if (key === "Escape") { shut(null); active().blur(); return; }
    if (document.documentElement.dataset.keys === "off" || all("dialog[open]")[0]) return;
    if (event.ctrlKey || event.metaKey) { press(event, "^" + key); return; }
    if (target.matches("input:not([type=radio], [type=checkbox]), textarea, select")) return;
    const go = leader && places[key];
    leader = key === "g";
    if (go) all(`#nav [data-go=${go}]`)[0]?.click();
    else if (key === "/") { stop(event); byId("find").focus(); }
    else if (key === "?") { const help = byId("helpkeys"); if (help) { opener = active(); help.showModal(); } }
    else if (key === "u") byId("undo")?.click();
    else if (key === "y") copy(location.href);
    else if (key === "j") step(1);
    else if (key === "k") step(-1);
    else if (key === "x") active().closest("[data-row]")?.querySelector("input[type=checkbox]")?.click();
    else if (key === "[" || key === "]") step(key === "[" ? -1 : 1, ".group > summary");
    else if (key.length === 1) press(event, key);
  });
})();
