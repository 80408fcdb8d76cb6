/* The rule editor: colours behind the text area, findings at their lines, names to complete, keys.
   Without it the same form works; nothing here decides. */
(() => {
  "use strict";
  const box = document.querySelector("[data-editor]");
  const area = box && box.querySelector("textarea");
  if (!area) return;
  const make = (tag, name, text) => {
    const made = document.createElement(tag);
    if (name) made.className = name;
    if (text !== undefined) made.textContent = text;
    return made;
  };
  const setOf = (text) => new Set(text.split(" "));
  const words = setOf(box.dataset.words), starts = setOf(box.dataset.declarations);

  /* colours: one line of the text is one row of the drawing, so both have the same places */
  const paint = make("pre", "paint");
  paint.setAttribute("aria-hidden", "true");
  box.prepend(paint);
  box.classList.add("drawn");
  const PARTS = /(#.*)|("(?:[^"\\]|\\.)*"?)|(\b\d[\d.:%-]*\w?\b)|([A-Za-z_]\w*)/g;
  const row = (line) => {
    const made = make("span", "row");
    let at = 0;
    for (const found of line.matchAll(PARTS)) {
      const [text, note, quoted, number, word] = found;
      const kind = note ? "c" : quoted ? "s" : number ? "n"
        : word && found.index === 0 && starts.has(word) ? "d" : words.has(word) ? "k" : "";
      if (!kind) continue;
      made.append(line.slice(at, found.index), make("b", kind, text));
      at = found.index + text.length;
    }
    made.append(line.slice(at) + "\n");
    return made;
  };
  let drawn = [];
  let marks = new Map(); /* line -> what is wrong there */
  const draw = () => {
    const lines = area.value.split("\n");
    let same = 0; /* what did not change stays: rows before, and rows behind */
    while (same < lines.length && same < drawn.length && lines[same] === drawn[same]) same += 1;
    let tail = 0;
    const most = Math.min(lines.length, drawn.length) - same;
    while (tail < most && lines[lines.length - 1 - tail] === drawn[drawn.length - 1 - tail]) tail += 1;
    const rows = [...paint.children];
    for (const gone of rows.slice(same, rows.length - tail)) gone.remove();
    const before = paint.children[same] || null;
    for (const line of lines.slice(same, lines.length - tail)) paint.insertBefore(row(line), before);
    drawn = lines;
    follow();
  };
  const follow = () => { paint.scrollTop = area.scrollTop; paint.scrollLeft = area.scrollLeft; };

  /* findings at their lines: the words beside the line, a wave below the place, and both said below */
  const strip = make("p", "atline");
  strip.setAttribute("role", "status");
  box.after(strip);
  const lineNow = () => area.value.slice(0, area.selectionStart).split("\n").length;
  const mark = () => {
    marks = new Map();
    for (const one of document.querySelectorAll("#findings [data-place]")) {
      const [path, line, column] = one.dataset.place.split(":");
      if (path === box.dataset.path && !marks.has(+line)) {
        marks.set(+line, { bad: one.classList.contains("t-bad"), say: one.dataset.say, from: column - 1, to: one.dataset.end - 1 });
      }
    }
    [...paint.children].forEach((made, index) => {
      const found = marks.get(index + 1), text = drawn[index] || "";
      made.classList.toggle("bad", Boolean(found && found.bad));
      made.classList.toggle("warn", Boolean(found && !found.bad));
      made.querySelector("i")?.remove();
      if (!found) return;
      /* over the line lies the same line, unseen: so the wave and the words are in their places */
      const to = found.to > found.from ? found.to : text.length, over = make("i");
      for (const [name, part] of [["span", text.slice(0, found.from)], ["u", text.slice(found.from, to) || " "], ["span", text.slice(to)], ["em", `   ← ${found.say}`]]) {
        const piece = make(name);
        piece.dataset.text = part;
        over.append(piece);
      }
      made.append(over);
    });
    tell();
  };
  const tell = () => {
    const line = lineNow(), found = marks.get(line);
    const text = found ? `Line ${line}: ${found.say}` : marks.size ? `${marks.size} marked. F8 goes to the next.` : "";
    if (strip.textContent !== text) strip.textContent = text;
    strip.className = found ? `atline ${found.bad ? "t-bad" : "t-warn"}` : "atline";
  };
  const next = (back) => {
    const lines = [...marks.keys()].sort((a, b) => a - b), here = lineNow();
    const ordered = back ? lines.filter((n) => n < here).pop() || lines.pop() : lines.find((n) => n > here) || lines[0];
    if (ordered) go(ordered);
  };
  const begin = (line) => area.value.split("\n").slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
  const go = (line) => {
    area.focus();
    area.setSelectionRange(begin(line), begin(line));
    area.scrollTop = (line - 4) * lineHeight();
    tell();
  };
  const lineHeight = () => parseFloat(getComputedStyle(area).lineHeight);
  document.addEventListener("click", (event) => { /* a place in the list of findings, and its correction */
    const place = event.target.closest("[data-go]"), correct = event.target.closest("[data-correct]");
    if (!place && !correct) return;
    event.preventDefault();
    event.stopPropagation();
    if (place) { go(+place.dataset.go); return; }
    const [, line, column, end, text] = /^(\d+):(\d+):(\d+) (.*)$/.exec(correct.value);
    area.setRangeText(text, begin(+line) + +column - 1, begin(+line) + +end - 1, "end");
    go(+line);
    area.dispatchEvent(new Event("input", { bubbles: true }));
  }, true);
  /* what was tested as it stands needs no quick look, which would take the result of its tests away */
  let tested = null;
  document.body.addEventListener("htmx:confirm", (event) => {
    if (event.target === area) { if (area.value === tested) event.preventDefault(); }
    else if (event.target === area.form) tested = area.value;
  });
  document.body.addEventListener("htmx:afterSwap", (event) => { if (event.target.id === "findings" || document.getElementById("findings")) mark(); });

  /* names to complete */
  const list = make("ul", "choices");
  list.id = "choices";
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", box.dataset.suggestions);
  list.hidden = true;
  box.append(list);
  area.setAttribute("aria-autocomplete", "list");
  area.setAttribute("aria-controls", "choices");
  let chosen = 0, asked = 0, timer = 0;
  const typed = () => /[A-Za-z_]\w*$/.exec(area.value.slice(0, area.selectionStart))?.[0] || "";
  const close = () => {
    clearTimeout(timer);
    asked += 1;
    list.hidden = true;
    list.replaceChildren();
    area.removeAttribute("aria-activedescendant");
  };
  const choose = (index) => {
    const all = [...list.children];
    chosen = (index + all.length) % all.length;
    all.forEach((one, at) => one.setAttribute("aria-selected", String(at === chosen)));
    area.setAttribute("aria-activedescendant", all[chosen].id);
    all[chosen].scrollIntoView({ block: "nearest" });
  };
  const insert = (label) => {
    const end = area.selectionStart, start = end - typed().length;
    close();
    area.setRangeText(label, start, end, "end");
    area.dispatchEvent(new Event("input", { bubbles: true }));
    close();
    area.focus();
  };
  const place = () => { /* below the word: both boxes are in one font of one width */
    const before = area.value.slice(0, area.selectionStart - typed().length).split("\n");
    const one = paint.querySelector(".row"), style = getComputedStyle(area);
    const canvas = place.canvas ||= document.createElement("canvas").getContext("2d");
    canvas.font = `${style.fontSize} ${style.fontFamily}`;
    const left = parseFloat(style.paddingLeft) + canvas.measureText(before.at(-1)).width - area.scrollLeft;
    const top = parseFloat(style.paddingTop) + before.length * (one ? one.offsetHeight : lineHeight()) - area.scrollTop;
    list.style.left = `${Math.max(0, Math.min(left, box.clientWidth - list.offsetWidth))}px`;
    list.style.top = `${Math.min(top, box.clientHeight)}px`;
  };
  const show = (found) => {
    list.replaceChildren(...found.map((one, index) => {
      const made = make("li");
      made.id = `choice${index}`;
      made.setAttribute("role", "option");
      made.append(make("code", "", one.label), make("span", "muted", one.meaning || one.kind));
      made.addEventListener("mousedown", (event) => { event.preventDefault(); insert(one.label); });
      return made;
    }));
    list.hidden = !found.length;
    if (found.length) { place(); choose(0); } else close();
  };
  const ask = async () => {
    const mine = asked += 1;
    const body = new URLSearchParams({ text: area.value, before: area.value.slice(0, area.selectionStart) });
    const headers = JSON.parse(document.body.getAttribute("hx-headers"));
    try {
      const answer = await fetch(box.dataset.suggest, { method: "POST", body, headers });
      if (answer.ok && mine === asked) show(await answer.json());
    } catch { close(); } /* no list is no harm */
  };
  const soon = (wait) => { clearTimeout(timer); asked += 1; timer = setTimeout(ask, wait); };

  area.addEventListener("input", (event) => {
    draw();
    mark();
    const word = typed();
    if (event.isTrusted && (word.length > 1 || area.value[area.selectionStart - 1] === ".")) soon(180); else close();
  });
  area.addEventListener("scroll", () => { follow(); if (!list.hidden) place(); });
  area.addEventListener("blur", close);
  for (const name of ["click", "keyup"]) area.addEventListener(name, tell);
  area.addEventListener("keydown", (event) => {
    const open = !list.hidden;
    const key = event.key;
    if (key === "F8") next(event.shiftKey);
    else if (key === " " && event.ctrlKey) soon(0);
    else if (open && key === "ArrowDown") choose(chosen + 1);
    else if (open && key === "ArrowUp") choose(chosen - 1);
    else if (open && (key === "Enter" || key === "Tab")) insert(list.children[chosen].querySelector("code").textContent);
    else if (open && key === "Escape") { close(); event.stopPropagation(); }
    else return;
    event.preventDefault();
  });
  draw();
  mark();
  if (area.dataset.line) go(+area.dataset.line);
})();
