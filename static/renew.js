/* Pages renew themselves: when they ask, when their answer counts, and what it leaves alone.
   No page needs it: without it a page stays as it was loaded. */
(() => {
  "use strict";
  const on = (name, act) => document.body.addEventListener(name, act);

  /* it leaves what somebody typed, ticked, chose or opened, and a form its op */
  const own = {
    value: (one) => one.name === "op" || ("defaultValue" in one && one.type !== "hidden" && one.value !== one.defaultValue),
    checked: (one) => one.checked !== one.defaultChecked,
    selected: (one) => one.selected !== one.defaultSelected,
    open: (one) => one.localName === "details",
  };
  const loads = (one) => one.firstElementChild && one.firstElementChild.matches("[data-load]");
  if (typeof Idiomorph !== "undefined") {
    Idiomorph.defaults.ignoreActiveValue = true;
    Object.assign(Idiomorph.defaults.callbacks, {
      beforeAttributeUpdated: (name, one) => !(own[name] && own[name](one)),
      beforeNodeMorphed: (old, fresh) => !(old.matches && (loads(fresh) && !loads(old) || old.matches(".split, [data-own]"))),
      beforeNodeRemoved: (one) => !(one.matches && one.matches(".group, .groups > li") && one.contains(document.activeElement)),
    });
  }

  /* tick: every 15 s, every 2 s while something is data-busy, never in a hidden tab */
  let timer;
  const busy = () => document.querySelector("[data-busy]");
  const beat = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      if (!document.hidden) htmx.trigger(document.body, "tick");
      beat();
    }, busy() ? 2000 : 15000);
  };
  beat();
  on("htmx:afterSwap", () => { if (busy()) beat(); });
  on("htmx:configRequest", ({ detail }) => { /* what renews itself is no use of a session */
    if (detail.triggeringEvent?.type === "tick") detail.headers["Clearpost-Tick"] = 1;
  });

  /* What somebody asked for comes first. The answer to a tick shows the page as it was when the tick was asked: once somebody
     asks for something it may be older than what they are shown, so it is left out, and none is asked until theirs is
     there. Left out is also one that comes between the press of a button and its release: it would move the button. */
  const asked = new Set(), ticks = new Set(), late = new WeakSet();
  let pressed = 0; /* since when: a release outside of the window is not told */
  document.addEventListener("pointerdown", () => { pressed = Date.now(); }, true);
  for (const name of ["pointerup", "pointercancel"]) document.addEventListener(name, () => setTimeout(() => { pressed = 0; }), true);
  on("htmx:beforeRequest", (event) => {
    const { elt, target, xhr } = event.detail;
    const renews = (elt.getAttribute("hx-trigger") || "").startsWith("tick"), kind = renews ? ticks : asked;
    if (renews && asked.size) { event.preventDefault(); return; }
    const weigh = ({ detail }) => {
      if (detail.xhr === xhr && (late.has(xhr) || Date.now() - pressed < 2000)) detail.shouldSwap = false;
    };
    kind.add(xhr);
    if (renews) target.addEventListener("htmx:beforeSwap", weigh); /* not at the body: by then it may not stand in it any more */
    else for (const one of ticks) late.add(one);
    xhr.addEventListener("loadend", () => { kind.delete(xhr); target.removeEventListener("htmx:beforeSwap", weigh); });
  });
})();
