"use strict";
/* Plays a scene: views of items, and steps that change them. It knows nothing of what they mean.
   All text goes in as textContent; the scene comes as JSON. */
(() => {
  const scene = JSON.parse(document.getElementById("scene").textContent);
  const shared = scene.shared || [];
  const whole = (x) => (typeof x === "number" ? shared[x] : x);
  const $ = (id) => document.getElementById(id);
  const root = document.documentElement;

  const make = (tag, { text, ...attributes } = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    if (text !== undefined) element.textContent = text;
    element.append(...children);
    return element;
  };
  const svg = (tag, attributes = {}, text = "") => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    if (text) element.textContent = text;
    return element;
  };

  // -- sentences ------------------------------------------------------------------------------

  const element = (piece) => {
    if (typeof piece === "string") return piece;
    const span = make("span", { class: (piece.f ? "fraction " : piece.m ? "matrix " : "") + (piece.c || "") });
    if (piece.f) for (const part of piece.f) span.append(make("span", { text: part }));
    else if (piece.m) for (const row of piece.m) {
      span.append(make("span", {}, ...row.map((text) => make("span", { text }))));
    }
    else span.textContent = piece.t;
    if (piece.x) {
      span.title = piece.x;
      span.dataset.full = piece.x;
    }
    return span;
  };
  const line = (pieces) => make("span", {}, ...pieces.map(element));
  const plain = (pieces) =>
    pieces.map((p) => (typeof p === "string" ? p : p.f ? p.f.join("/") : p.m ? listed(p.m) : p.t)).join("");
  const listed = (rows) => `[${rows.map((row) => row.join(", ")).join("; ")}]`;

  // -- the stage: items, and what they show -----------------------------------------------------

  const stage = $("stage");
  const NUMBERS = {
    rect: ["x", "y", "width", "height", "rx"], circle: ["cx", "cy", "r"],
    text: ["x", "y"], line: ["x1", "y1", "x2", "y2"], image: ["x", "y", "width", "height"],
  };
  let key, view, paper, items, step, at = 0;

  const drawn = ([tag, classes, where, text, name]) => {
    const attributes = { class: classes };
    if (typeof where === "string") attributes[tag === "image" ? "href" : "d"] = where;
    else where.forEach((number, i) => (attributes[NUMBERS[tag][i]] = number));
    if (name) attributes["data-slot"] = name;
    return svg(tag, attributes, text);
  };

  function build() {
    items = new Map();
    paper = svg("g");
    for (const data of view.items) {
      const group = svg("g", { "data-key": data.key });
      for (const shape of data.shapes) {
        if (/\be\b/.test(shape[1])) group.append(drawn([shape[0], "hit", shape[2], ""]));
        group.append(drawn(shape));
      }
      const item = { ...data, group, slots: {}, shown: {}, flags: new Set(), now: data.kind };
      for (const part of group.querySelectorAll("[data-slot]")) item.slots[part.dataset.slot] = part;
      if (data.name) {
        const acts = data.opens !== undefined || data.panel;
        group.setAttribute("tabindex", 0);
        group.setAttribute("role", acts ? "button" : "img");
      }
      items.set(data.key, item);
      paper.append(group);
    }
    stage.replaceChildren(paper);
    $("slider").max = view.steps.length - 1;
    const counts = scene.phases.map((_, p) => view.steps.filter((s) => s.phase === p).length);
    $("phases").replaceChildren(
      ...scene.phases.map((name, p) => make("span", { text: name, title: name, style: `flex:${counts[p]} 0 0` })),
    );
    trail();
    describe();
  }

  function show(item, state) {
    for (const [name, value] of Object.entries(state)) {
      if (item.shown[name] === value) continue;
      item.shown[name] = value;
      const [slot, attribute] = name.split(".");
      const shape = item.slots[slot];
      if (!shape || /^on/i.test(attribute)) continue;
      if (attribute) shape.setAttribute(attribute, value);
      else {
        const [short, full] = Array.isArray(value) ? value : [value, value];
        shape.textContent = short;
        shape.dataset.full = full;
      }
    }
    item.now = `${item.kind} ${state.class || ""} ${state.role ? "on-" + state.role : ""}`;
    paint(item);
  }
  /* Marks that belong to the reader, such as what was found, stay through all steps. */
  function flag(item, name, on) {
    item.flags[on ? "add" : "delete"](name);
    paint(item);
  }
  function paint(item) {
    const classes = [item.now, ...item.flags].join(" ");
    if (item.painted !== classes) item.group.setAttribute("class", (item.painted = classes));
  }

  function go(number, quiet) {
    at = Math.max(0, Math.min(view.steps.length - 1, number));
    step = view.steps[at];
    const states = new Map(view.items.map((item) => [item.key, { ...item.state }]));
    for (const earlier of view.steps.slice(0, at + 1)) {
      for (const [k, change] of Object.entries(earlier.set || {})) Object.assign(states.get(k), change);
    }
    for (const [k, role] of Object.entries(step.on || {})) if (states.has(k)) states.get(k).role = role;
    // What an item showed in a later step only goes back to nothing.
    for (const [k, item] of items) {
      const state = states.get(k);
      for (const name of Object.keys(item.shown)) if (!(name in state)) state[name] = "";
      show(item, state);
      item.state_ = state;
    }
    say(quiet);
    if (!quiet) follow();
    if (pointed) tip(pointed);
  }

  function say(quiet) {
    const lines = whole(step.lines), note = whole(step.note) || "";
    const phase = view.steps.filter((s) => s.phase === step.phase);
    const where = `${scene.phases[step.phase]} ${phase.indexOf(step) + 1} of ${phase.length}`;
    const words = lines.map(plain).join(" ");
    $("phase").textContent = where;
    $("formula").replaceChildren(...lines.map(line));
    $("formula").className = "formula" + (words.length > 72 ? " wordy" : "");
    $("note").textContent = note;
    if (!quiet) $("live").textContent = `${where}. ${words}. ${note}`;
    $("slider").value = at;
    $("slider").setAttribute("aria-valuetext", `${where}: ${words}`);
    $("count").textContent = `${at + 1} / ${view.steps.length}`;
    $("back").disabled = $("first").disabled = at === 0;
    $("forward").disabled = $("last").disabled = at === view.steps.length - 1;
    [...$("phases").children].forEach((each, p) => each.classList.toggle("now", p === step.phase));
    root.dataset.step = at;
    root.dataset.view = key;
  }

  // -- time -------------------------------------------------------------------------------------

  let timer = null;
  function play(on) {
    clearTimeout(timer);
    timer = null;
    $("play").setAttribute("aria-label", on ? "Pause" : "Play");
    $("play").classList.toggle("playing", on);
    for (const [name, shown] of [["icon-play", !on], ["icon-pause", on]]) {
      $(name).style.display = shown ? "" : "none";
    }
    if (!on) return;
    if (at === view.steps.length - 1) go(0);
    const tick = () => {
      if (at === view.steps.length - 1) return play(false);
      go(at + 1);
      timer = setTimeout(tick, scene.pace / $("speed").value);
    };
    timer = setTimeout(tick, 600 / $("speed").value);
  }
  const move = (number) => {
    play(false);
    go(number);
  };
  $("play").onclick = () => play(timer === null);
  $("first").onclick = () => move(0);
  $("back").onclick = () => move(at - 1);
  $("forward").onclick = () => move(at + 1);
  $("last").onclick = () => move(view.steps.length - 1);
  $("slider").oninput = (event) => move(+event.target.value);

  // -- views --------------------------------------------------------------------------------------

  function open(next) {
    const time = step ? step.at : -1;
    const focused = stage.contains(document.activeElement);
    const seen = items;
    key = next;
    view = scene.views[key];
    closePanel();
    tip(null);
    build();
    let number = 0;
    view.steps.forEach((each, i) => (number = each.at <= time ? i : number));
    fit();
    go(number);
    if (!seen) return;
    const fresh = [...items.keys()].filter((k) => items.get(k).name && !/^[ef]/.test(k) && !seen.has(k));
    for (const k of fresh) flag(items.get(k), "fresh", true);
    reveal(fresh.slice(0, 12));
    if (focused) (items.get(fresh[0])?.group || stage).focus();
  }

  function trail() {
    const way = [];
    for (let k = key; k !== null && k !== undefined; k = scene.views[k].parent) way.unshift(k);
    const parts = [];
    if (way.length > 1) {
      way.forEach((k, i) => {
        if (i) parts.push("›");
        const last = i === way.length - 1;
        const each = make(last ? "span" : "button", { text: scene.views[k].title });
        if (last) each.setAttribute("aria-current", "true");
        else each.onclick = () => open(k);
        parts.push(each);
      });
    } else parts.push(scene.description);
    $("trail").replaceChildren(...parts);
  }

  // -- pan and zoom ---------------------------------------------------------------------------------

  let camera = { x: 0, y: 0, k: 1 }, moved = false;
  const size = () => [stage.clientWidth || 1, stage.clientHeight || 1];
  const place = () => {
    paper.setAttribute("transform", `translate(${camera.x} ${camera.y}) scale(${camera.k})`);
    root.dataset.zoom = camera.k;
  };
  function fit(all) {
    const [w, h] = size(), [width, height] = view.size;
    let k = Math.min(w / width, (h - (h > 420 ? 36 : 0)) / height, 1.6);
    if (!all && k < 0.62) k = Math.min(0.8, Math.max(k, 0.62)); // readable rather than whole
    camera = { k, x: Math.max((w - width * k) / 2, 0), y: Math.max((h - height * k) / 2, 0) };
    moved = false;
    place();
    if (!all) follow();
  }
  function zoom(factor, x, y) {
    const [w, h] = size();
    x ??= w / 2;
    y ??= h / 2;
    const k = Math.min(8, Math.max(0.05, camera.k * factor));
    camera.x = x - ((x - camera.x) * k) / camera.k;
    camera.y = y - ((y - camera.y) * k) / camera.k;
    camera.k = k;
    moved = true;
    place();
  }
  function reveal(keys) {
    const [w, h] = size();
    let box = null;
    for (const k of keys) {
      const b = items.get(k)?.group.getBBox();
      if (!b || (!b.width && !b.height)) continue;
      const [x0, y0, x1, y1] = [b.x, b.y, b.x + b.width, b.y + b.height];
      box = box
        ? [Math.min(box[0], x0), Math.min(box[1], y0), Math.max(box[2], x1), Math.max(box[3], y1)]
        : [x0, y0, x1, y1];
    }
    if (!box) return;
    const shift = (low, high, offset, space) => {
      const margin = Math.min(40, space / 8), a = low * camera.k + offset, b = high * camera.k + offset;
      if (b - a > space - 2 * margin) return a > margin || b < space - margin ? space / 2 - (a + b) / 2 : 0;
      return a < margin ? margin - a : b > space - margin ? space - margin - b : 0;
    };
    const inside = (offset, length, space) => offset > -1 && offset + length * camera.k < space + 1;
    const dx = inside(camera.x, view.size[0], w) ? 0 : shift(box[0], box[2], camera.x, w);
    const dy = inside(camera.y, view.size[1], h) ? 0 : shift(box[1], box[3], camera.y, h);
    if (!dx && !dy) return;
    camera.x += dx;
    camera.y += dy;
    place();
  }
  /* Keep in sight what the step speaks of; of many things, what is computed. */
  function follow() {
    if (!step) return;
    const on = Object.entries(step.on || {});
    reveal(on.map(([k]) => k).slice(0, 8));
    reveal(on.filter(([, role]) => role === "result").map(([k]) => k));
  }
  $("in").onclick = () => zoom(1.3);
  $("out").onclick = () => zoom(1 / 1.3);
  $("fit").onclick = () => fit(true);

  const fingers = new Map();
  let entered = window === window.top, dragged = false;
  stage.addEventListener("wheel", (event) => {
    // In a frame of a notebook the wheel scrolls the notebook, until the picture is clicked.
    if (!entered && !event.ctrlKey) return;
    event.preventDefault();
    const box = stage.getBoundingClientRect();
    const pixels = event.deltaY * (event.deltaMode === 1 ? 18 : 1);
    zoom(Math.exp(-Math.max(-120, Math.min(120, pixels)) / 400), event.clientX - box.left, event.clientY - box.top);
  }, { passive: false });
  stage.addEventListener("pointerdown", (event) => {
    entered = true;
    if (event.button) return;
    dragged = false;
    fingers.set(event.pointerId, [event.clientX, event.clientY]);
  });
  stage.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId);
    if (!before) return;
    const now = [event.clientX, event.clientY];
    if (fingers.size === 2) {
      const [other] = [...fingers].filter(([id]) => id !== event.pointerId).map(([, p]) => p);
      const box = stage.getBoundingClientRect();
      const ratio = Math.hypot(now[0] - other[0], now[1] - other[1]) /
        (Math.hypot(before[0] - other[0], before[1] - other[1]) || 1);
      zoom(ratio, (now[0] + other[0]) / 2 - box.left, (now[1] + other[1]) / 2 - box.top);
      dragged = true;
    } else if (dragged || Math.hypot(now[0] - before[0], now[1] - before[1]) > 4) {
      if (!dragged) stage.setPointerCapture(event.pointerId);
      dragged = moved = true;
      stage.classList.add("dragged");
      camera.x += now[0] - before[0];
      camera.y += now[1] - before[1];
      place();
    } else return;
    fingers.set(event.pointerId, now);
  });
  for (const name of ["pointerup", "pointercancel"]) {
    stage.addEventListener(name, (event) => {
      fingers.delete(event.pointerId);
      stage.classList.remove("dragged");
    });
  }
  new ResizeObserver(() => (moved ? place() : fit())).observe(stage);

  // -- pointing at items, and choosing them -----------------------------------------------------------

  let pointed = null, marked = null;
  const itemOf = (target) => items.get(target.closest?.("[data-key]")?.dataset.key);

  function facts(item) {
    const lines = [...(whole(item.tip) || [])];
    for (const [name, value] of Object.entries(item.state_ || {})) {
      if (name === "tip" && value) lines.push(value);
      else if (Array.isArray(value)) lines.push(`${name} ${value[1]}`);
    }
    return lines;
  }
  function tip(item, x, y) {
    if (pointed && pointed !== item) flag(pointed, "hover", false);
    pointed = item;
    $("tip").hidden = !item || !facts(item).length;
    if (!item) return;
    $("tip").replaceChildren(...facts(item).map((text) => make("div", { text })));
    const box = item.group.getBoundingClientRect(), own = $("tip").getBoundingClientRect();
    x ??= $("tip").offsetLeft || box.left + box.width / 2;
    y ??= $("tip").offsetTop || box.bottom;
    $("tip").style.left = `${Math.max(4, Math.min(x, innerWidth - own.width - 6))}px`;
    $("tip").style.top = `${Math.max(4, y + own.height > innerHeight - 4 ? y - own.height - 34 : y)}px`;
  }
  stage.addEventListener("pointermove", (event) => {
    if (fingers.size) return tip(null);
    const item = itemOf(event.target);
    if (!item || !item.name) return tip(null);
    flag(item, "hover", true);
    tip(item, event.clientX + 14, event.clientY + 18);
  });
  stage.addEventListener("pointerleave", () => tip(null));
  stage.addEventListener("focusin", (event) => {
    const item = itemOf(event.target);
    if (!item) return;
    item.group.setAttribute("aria-label", [item.name, ...facts(item).slice(1)].join(", "));
    if (!item.group.matches(":focus-visible")) return;
    reveal([item.key]);
    const box = item.group.getBoundingClientRect();
    tip(item, box.left, box.bottom + 6);
  });
  stage.addEventListener("focusout", () => tip(null));
  function choose(item) {
    if (!item) return closePanel();
    if (item.opens !== undefined) return open(item.opens);
    if (item.panel) openPanel(item);
    else tip(item);
  }
  stage.addEventListener("click", (event) => dragged || choose(itemOf(event.target)));
  stage.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    const item = itemOf(event.target);
    if (!item) return;
    event.preventDefault();
    event.stopPropagation();
    choose(item);
  });

  // -- the panel ------------------------------------------------------------------------------------------

  let owner = null;
  function openPanel(item) {
    const data = scene.panels[item.panel];
    owner = item;
    const title = make("h2", { id: "panel-title", tabindex: -1 }, line(data.title));
    const content = [title, ...data.lines.map((each) => make("p", {}, ...each.map(element)))];
    if (data.rows) {
      const cells = ([first, ...rest]) => {
        const body = make("td");
        rest.filter((each) => each !== "").forEach((each, i) =>
          body.append(i ? make("small", { text: each }) : each));
        return [make("td", {}, element(first)), body];
      };
      const row = (each, i) => {
        const tr = make("tr", { tabindex: 0 }, ...cells(each));
        const on = () => {
          marked = item.lights?.[i];
          [...tr.parentElement.children].forEach((other) => other.classList.toggle("chosen", other === tr));
          light();
        };
        tr.onpointerenter = tr.onfocus = tr.onclick = on;
        tr.onpointerleave = tr.onblur = () => {
          tr.classList.remove("chosen");
          marked = null;
          light();
        };
        return tr;
      };
      content.push(make("table", {},
        make("thead", {}, make("tr", {}, ...data.columns.map((text) => make("th", { text, scope: "col" })))),
        make("tbody", {}, ...data.rows.map(row)),
        make("tfoot", {}, ...data.foot.map((each) => make("tr", {}, ...cells(each))))));
    }
    $("content").replaceChildren(...content);
    $("panel").hidden = false;
    for (const each of items.values()) flag(each, "chosen", each === item);
    title.focus();
    requestAnimationFrame(() => {
      if (!moved) fit();
      reveal([item.key]);
    });
  }
  function closePanel() {
    if (!owner) return;
    const back = $("panel").contains(document.activeElement) ? owner.group : null;
    flag(owner, "chosen", false);
    owner = marked = null;
    light();
    $("panel").hidden = true;
    back?.focus?.();
  }
  function light() {
    const on = new Set(marked || []);
    for (const k of [...on]) if (k[0] === "e") on.add("l" + k.slice(1));
    stage.classList.toggle("lighting", !!marked);
    for (const [k, item] of items) flag(item, "lit", on.has(k));
  }
  $("close").onclick = closePanel;

  // -- search -----------------------------------------------------------------------------------------------

  let hits = [], hit = -1;
  function search() {
    const text = $("search").value.trim().toLowerCase();
    hits = text ? view.items.filter((item) => (whole(item.search) || "").toLowerCase().includes(text)) : [];
    hit = -1;
    for (const item of items.values()) flag(item, "found", hits.some((h) => h.key === item.key));
    $("hits").textContent = text ? (hits.length === 1 ? "1 found" : `${hits.length} found`) : "";
    if (hits.length) reveal([hits[0].key]);
  }
  $("search").oninput = search;
  $("search").onkeydown = (event) => {
    if (event.key === "Enter" && hits.length) {
      hit = (hit + (event.shiftKey ? hits.length - 1 : 1)) % hits.length;
      reveal([hits[hit].key]);
      $("hits").textContent = `${hit + 1} of ${hits.length}`;
      const item = items.get(hits[hit].key);
      const box = item.group.getBoundingClientRect();
      tip(item, box.left, box.bottom + 6);
    } else if (event.key === "Escape") {
      $("search").value = "";
      search();
      tip(null);
      stage.focus();
    }
  };

  // -- keys ---------------------------------------------------------------------------------------------------

  const KEYS = {
    " ": () => play(timer === null), ArrowRight: () => move(at + 1), ArrowLeft: () => move(at - 1),
    Home: () => move(0), End: () => move(view.steps.length - 1), "+": () => zoom(1.3), "=": () => zoom(1.3),
    "-": () => zoom(1 / 1.3), 0: () => fit(true), "/": () => $("search").focus(),
    Escape: () => (owner ? closePanel() : key && open(view.parent)),
  };
  document.addEventListener("keydown", (event) => {
    const on = event.target;
    if (event.ctrlKey || event.metaKey || event.altKey || !KEYS[event.key]) return;
    if (on.matches("input[type=search], select") || (event.key === " " && on.matches("button"))) return;
    event.preventDefault();
    KEYS[event.key]();
  });

  // -- the rest of the page -------------------------------------------------------------------------------------

  function describe() {
    stage.setAttribute("aria-label", `${scene.title}. ${scene.description}.`);
  }
  for (const [classes, text] of scene.legend) {
    const sample = classes.startsWith("chip ")
      ? make("i", { class: classes.slice(5) })
      : svg("svg", { class: "stage-colours", viewBox: "0 0 16 11" });
    if (sample.namespaceURI.endsWith("svg")) {
      const group = svg("g", { class: classes });
      group.append(svg("rect", { class: "b", x: 0.6, y: 0.6, width: 14.8, height: 9.8, rx: 3 }));
      sample.append(group);
    }
    $("legend").append(make("li", {}, sample, text));
  }
  $("title").textContent = document.title = scene.title;
  play(false);
  open("");
})();
