"use strict";
// Charts, maps, buttons. Text is set as text alone, never as markup.
(() => {
  const charts = JSON.parse(document.getElementById("charts").textContent);
  const maps = JSON.parse(document.getElementById("maps").textContent);
  const root = document.documentElement;
  const scheme = window.matchMedia("(prefers-color-scheme: dark)");
  const figures = new Map();
  const repaints = [];

  const isDark = () => (root.dataset.theme || (scheme.matches ? "dark" : "light")) === "dark";
  const token = (name) => getComputedStyle(root).getPropertyValue(name).trim();

  function paint(figure) {
    const ink = token("--ink"), dim = token("--dim");
    for (const model of figure.references()) {
      if (model.type.endsWith("Axis")) {
        model.setv({axis_label_text_color: dim, major_label_text_color: dim});
      } else if (model.tags.includes("ink")) {
        if (model.type === "Span") model.line_color = ink;
        const glyph = model.glyph;
        if (glyph && glyph.type === "Text") {
          const look = {text_color: {value: ink}, background_fill_color: {value: token("--paper")}};
          for (const one of [glyph, model.selection_glyph, model.nonselection_glyph]) if (one && one.setv) one.setv(look);
        } else if (glyph) glyph.line_color = {value: ink};
      }
    }
  }

  function themed() {
    const button = document.getElementById("theme");
    button.setAttribute("aria-pressed", String(isDark()));
    for (const view of figures.values()) paint(view.model);
    for (const repaint of repaints) repaint();
  }

  const bytesOf = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));

  async function unpacked(text) {
    const stream = new Blob([bytesOf(text)]).stream().pipeThrough(new DecompressionStream("gzip"));
    return JSON.parse(await new Response(stream).text());
  }

  // [x, y] of every point, which are whole numbers between the ends of each axis.
  function coordinates(data) {
    const whole = new Uint16Array(bytesOf(data.points).buffer), count = whole.length / 2;
    return [0, 1].map((axis) => Float64Array.from(whole.subarray(axis * count, (axis + 1) * count),
      (q) => data.low[axis] + (data.high[axis] - data.low[axis]) * q / 65535));
  }

  function element(name, text, className) {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (className) made.className = className;
    return made;
  }

  // A cell of a CSV file: no spreadsheet takes it for a formula, and a number with its sign is none.
  function quoted(text) {
    const number = /^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$/;
    if (/^[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/.test(text) && !number.test(text)) text = "'" + text;
    return /[",\r\n]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text;
  }

  function save(name, text) {
    const url = URL.createObjectURL(new Blob([text], {type: "text/csv;charset=utf-8"}));
    const link = element("a");
    link.href = url;
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  }

  // Picture `i` of an atlas, enlarged by a whole number where it is small.
  function picture(thumb, p, i, text) {
    const zoom = Math.max(1, Math.round(112 / Math.max(p.width, p.height)));
    thumb.style.width = `${p.width * zoom}px`;
    thumb.style.height = `${p.height * zoom}px`;
    thumb.style.backgroundSize = `${p.columns * p.width * zoom}px ${p.rows * p.height * zoom}px`;
    thumb.style.backgroundPosition =
      `${-(i % p.columns) * p.width * zoom}px ${-Math.floor(i / p.columns) * p.height * zoom}px`;
    thumb.setAttribute("aria-label", text);
  }

  async function setUpMap(item, view) {
    const data = {...item, ...await unpacked(item.packed)}, figure = view.model;
    const box = document.querySelector(`[data-map="${data.id}"]`);
    const part = (selector) => box.querySelector(selector);
    const byName = (name) => figure.document.get_model_by_name(name);
    const points = byName("points"), sample = byName("sample"), names = byName("names");
    const tint = byName("tint");
    const ids = data.ids.texts || new Int32Array(bytesOf(data.ids.numbers).buffer);
    const rows = new Int32Array(bytesOf(data.sample).buffer);
    const colourings = data.colourings.map((c) => ({...c, codes: bytesOf(c.codes)}));
    const [x, y] = coordinates(data);
    const stage = part(".stage"), tip = part(".tip"), thumb = part(".thumb"), ring = part(".ring");
    let current = 0, walking = -1;
    sample.data = {x: Float64Array.from(rows, (i) => x[i]), y: Float64Array.from(rows, (i) => y[i])};

    // On a touch screen a finger on the map scrolls the page, until a tool is chosen.
    if (window.matchMedia("(pointer: coarse)").matches) for (const tool of figure.toolbar.tools) {
      if (tool.type === "LassoSelectTool") tool.active = false;
    }
    if (window.innerWidth <= 640) figure.height = 400;

    // What a colouring says of a point, as text; "" where it is unknown.
    function valueOf(c, point) {
      const code = c.codes[point];
      if (c.kind === "classes") return c.names[code];
      return code === 255 ? "" : "≈ " + (c.low + (c.high - c.low) * code / 254).toPrecision(3);
    }

    function recolour() {
      const c = colourings[current];
      const palette = isDark() ? c.dark : c.light;
      if (c.kind === "classes") tint.setv({palette, low: -0.5, high: palette.length - 0.5});
      else tint.setv({palette, low: 0, high: 254, high_color: token("--faint")});
      points.data = {x, y, c: c.codes};
      const middles = Object.entries(c.middles || {});
      names.data = {x: middles.map((m) => m[1][0]), y: middles.map((m) => m[1][1]), text: middles.map((m) => {
        const name = c.names[m[0]];
        return name.length > 14 ? name.slice(0, 13) + "…" : name;
      })};
      legend(c, palette);
    }

    function legend(c, palette) {
      const list = part(".classes");
      list.replaceChildren();
      if (c.kind === "scale") {
        const ramp = element("span", undefined, "ramp");
        ramp.style.background = `linear-gradient(to right, ${palette.filter((_, i) => i % 32 === 0).join(", ")})`;
        const scale = element("span", undefined, "scale");
        scale.append(element("span", c.low.toPrecision(3)), ramp, element("span", c.high.toPrecision(3)));
        list.append(scale, element("span", "1 % to 99 % quantile; unknown in grey", "dim"));
        return;
      }
      c.names.forEach((name, i) => {
        const button = element("button");
        const dot = element("span", undefined, "dot");
        dot.style.background = palette[i];
        button.type = "button";
        button.setAttribute("aria-pressed", "false");
        button.append(dot, element("span", name, "text"), element("span", c.counts[i].toLocaleString("en"), "n"));
        button.addEventListener("click", () => {
          const on = button.getAttribute("aria-pressed") === "true";
          const chosen = [];
          if (!on) c.codes.forEach((code, point) => { if (code === i) chosen.push(point); });
          points.selected.indices = chosen;
          if (!on) button.setAttribute("aria-pressed", "true");
        });
        list.append(button);
      });
    }

    function listed() {
      const chosen = points.selected.indices;
      const many = 500;
      for (const button of box.querySelectorAll(".classes button")) button.setAttribute("aria-pressed", "false");
      part(".count").textContent = chosen.length
        ? `${chosen.length.toLocaleString("en")} of ${ids.length.toLocaleString("en")}` +
          (chosen.length > many ? `; the first ${many} are listed, all are saved` : "")
        : "none";
      const c = colourings[0];
      part(".ids").replaceChildren(...Array.from(chosen).slice(0, many).map((point) =>
        element("li", ids[point] + (c ? "  " + valueOf(c, point) : ""))));
      part(".save").disabled = part(".clear").disabled = !chosen.length;
    }

    function csv() {
      const known = colourings.filter((c) => c.kind === "classes");
      const lines = Array.from(points.selected.indices).map((point) =>
        [String(ids[point]), ...known.map((c) => valueOf(c, point))]);
      return [["id", ...known.map((c) => c.name)], ...lines].map((line) => line.map(quoted).join(",") + "\n").join("");
    }

    // Show what is known of the sample's row `i`, beside its point. A ring of the page's own marks it: one of the
    // chart's would draw every point anew.
    function show(i) {
      const point = rows[i], facts = tip.querySelector("dl");
      facts.replaceChildren();
      const say = (name, value) => { if (value !== "") facts.append(element("dt", name), element("dd", value)); };
      say("id", String(ids[point]));
      say(colourings[0].name, valueOf(colourings[0], point));
      for (const [name, values] of Object.entries(data.facts)) say(name, values[i]);
      thumb.hidden = !data.pictures;
      if (data.pictures) picture(thumb, data.pictures, i, `Thumbnail of row ${ids[point]}`);
      const room = stage.getBoundingClientRect(), canvas = view.canvas_view.el.getBoundingClientRect();
      const left = canvas.left - room.left + view.frame.x_scale.compute(x[point]);
      const top = canvas.top - room.top + view.frame.y_scale.compute(y[point]);
      tip.hidden = ring.hidden = false;
      ring.style.left = `${left}px`;
      ring.style.top = `${top}px`;
      const below = top + 16 + tip.offsetHeight <= room.height;
      tip.style.left = `${Math.max(0, Math.min(left + 14, room.width - tip.offsetWidth))}px`;
      tip.style.top = `${Math.max(0, below ? top + 14 : top - 14 - tip.offsetHeight)}px`;
    }

    function hide() {
      tip.hidden = ring.hidden = true;
    }

    sample.inspect.connect(() => {
      const near = sample.inspected.indices;
      if (near.length) {
        walking = near[near.length - 1];
        show(walking);
      } else hide();
    });
    for (const event of ["pointerleave", "pointerdown", "wheel", "focusout"]) {
      stage.addEventListener(event, hide, {passive: true});
    }
    stage.addEventListener("keydown", (event) => {
      const step = {ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1}[event.key];
      if (event.key === "Escape") hide();
      if (!step || !rows.length) return;
      event.preventDefault();
      walking = walking < 0 && step < 0 ? rows.length - 1 : (walking + step + rows.length) % rows.length;
      show(walking);
    });
    points.selected.change.connect(listed);
    if (part(".by")) part(".by").addEventListener("change", (event) => {
      current = Number(event.target.value);
      recolour();
    });
    part(".save").addEventListener("click", () => save(data.file, csv()));
    part(".clear").addEventListener("click", () => { points.selected.indices = []; });
    repaints.push(recolour);
    recolour();
  }

  document.getElementById("theme").addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    themed();
  });
  scheme.addEventListener("change", themed);

  for (const button of document.querySelectorAll("[data-copy]")) {
    button.addEventListener("click", async () => {
      const block = document.getElementById(button.dataset.copy);
      const copied = navigator.clipboard
        ? await navigator.clipboard.writeText(block.textContent).then(() => true, () => false) : false;
      if (!copied) window.getSelection().selectAllChildren(block);
      button.textContent = copied ? "Copied" : "Selected";
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
  }

  async function begin() {
    for (const [id, item] of Object.entries(charts)) {
      const views = await Bokeh.embed.embed_item(item, id);
      figures.set(id, views.roots[0]);
      paint(views.roots[0].model);
    }
    for (const data of maps) await setUpMap(data, figures.get(data.id));
    themed();
    root.dataset.ready = "true";
  }
  window.aecliCharts = figures;
  begin();
})();
