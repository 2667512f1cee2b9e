// report.js - the pictures of a run's report, from the numbers in the page: curves, histograms over time, a confusion matrix, images.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const COLOURS = ["#2f7fc8", "#d1495b", "#3a9158", "#e39a2d", "#8a63b8", "#1f9fb5", "#a0694a", "#7a8794"];

  const add = (parent, name, attributes = {}, text) => {
    const svg = ["svg", "path", "line", "text", "circle", "rect", "g"].includes(name);
    const e = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
    for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
    if (text !== undefined) e.textContent = text;
    if (parent) parent.append(e);
    return e;
  };
  const show = (x) => x === null ? "–" : Math.abs(x) >= 1e6 || (x !== 0 && Math.abs(x) < 1e-3) ? x.toExponential(3) : String(Number(x.toPrecision(5)));

  // About n round numbers between low and high.
  const ticks = (low, high, n) => {
    const raw = (high - low) / n, size = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].map((k) => k * size).find((s) => s >= raw * 0.999);
    const list = [];
    const first = Math.ceil(low / step - 1e-9); // beyond 2 ** 53 it has no next number: so there are at most 2 n
    for (let k = 0, v; k < 2 * n && (v = (first + k) * step) <= high + step * 1e-9; k++) if (v !== list[list.length - 1]) list.push(v);
    return list;
  };
  // Powers of ten, in logarithms.
  const decades = (low, high) => {
    const list = [], every = Math.max(1, Math.ceil((high - low) / 6));
    for (let k = Math.ceil(low - 1e-9); k <= high + 1e-9; k += every) list.push(k);
    return list.length > 1 ? list : [low, high];
  };

  // Arrow keys, Home and End move a cursor over n places; so does the pointer.
  const cursor = (element, n, place, moved) => {
    let at = n - 1;
    const go = (k) => { at = Math.max(0, Math.min(n - 1, k)); moved(at); };
    element.tabIndex = 0;
    element.addEventListener("keydown", (e) => {
      const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: n - 1, PageUp: at - Math.ceil(n / 10), PageDown: at + Math.ceil(n / 10) }[e.key];
      if (to === undefined) return;
      e.preventDefault();
      go(to);
    });
    element.addEventListener("pointermove", (e) => go(place(e)));
    element.addEventListener("focus", () => go(at));
    element.addEventListener("pointerleave", () => { if (document.activeElement !== element) moved(null); });
    element.addEventListener("blur", () => moved(null));
    moved(null);
  };

  const numbers = (parent, head, rows) => {
    const details = add(parent, "details"), box = (add(details, "summary", {}, "numbers"), add(details, "div", { class: "wide", tabindex: 0 }));
    const table = add(box, "table"), top = add(add(table, "thead"), "tr"), body = add(table, "tbody");
    head.forEach((h) => add(top, "th", { scope: "col" }, h));
    rows.forEach((row) => { const tr = add(body, "tr"); row.forEach((x) => add(tr, "td", {}, typeof x === "string" ? x : show(x))); });
  };

  // One chart: series over the same axis, which may have been measured at different steps.
  const curves = (parent, chart) => {
    const W = 560, H = 260, L = 58, R = 12, T = 10, B = 30;
    const figure = add(parent, "figure"), hidden = new Set();
    add(figure, "h3", {}, chart.name);
    const legend = add(figure, "div", { class: "legend" }), svg = add(figure, "svg", { viewBox: `0 0 ${W} ${H}`, role: "img" }), said = add(figure, "output");
    const steps = [...new Set(chart.series.flatMap((s) => s.step))].sort((a, b) => a - b);
    const at = chart.series.map((s) => new Map(s.step.map((x, i) => [x, s.value[i]])));
    const positive = chart.series.every((s) => s.value.every((y) => y === null || y > 0));
    let log = false, x0 = steps[0], x1 = steps[steps.length - 1];
    if (x0 === x1) { const half = Math.max(0.5, Math.abs(x0) * 1e-15); x0 -= half, x1 += half; }
    const X = (x) => L + (x - x0) / (x1 - x0) * (W - L - R);
    let Y = () => 0, shown = [];

    const draw = () => {
      svg.replaceChildren();
      shown = chart.series.map((s, k) => k).filter((k) => !hidden.has(k));
      const ys = shown.flatMap((k) => chart.series[k].value).filter((y) => y !== null).map((y) => log ? Math.log10(y) : y);
      let low = ys.reduce((a, b) => Math.min(a, b), Infinity), high = ys.reduce((a, b) => Math.max(a, b), -Infinity);
      if (!ys.length) low = 0, high = 1;
      const room = (high - low) * 0.05 || Math.abs(high) * 0.05 || 1;
      low -= room, high += room;
      Y = (y) => T + (high - (log ? Math.log10(y) : y)) / (high - low) * (H - T - B);
      const line = (v) => T + (high - v) / (high - low) * (H - T - B);
      for (const v of log ? decades(low, high) : ticks(low, high, 5)) {
        add(svg, "line", { x1: L, x2: W - R, y1: line(v), y2: line(v), class: "frame" });
        add(svg, "text", { x: L - 6, y: line(v) + 4, "text-anchor": "end" }, show(log ? 10 ** v : v));
      }
      for (const v of ticks(x0, x1, 6).filter(Number.isInteger)) add(svg, "text", { x: X(v), y: H - B + 16, "text-anchor": "middle" }, show(v));
      add(svg, "text", { x: W - R, y: H - 2, "text-anchor": "end" }, "step");
      add(svg, "rect", { x: L, y: T, width: W - L - R, height: H - T - B, class: "frame" });
      for (const k of shown) {
        const s = chart.series[k];
        let d = "", up = true;
        s.step.forEach((x, i) => {
          if (s.value[i] === null) { up = true; return; }
          d += `${up ? "M" : "L"}${X(x).toFixed(1)} ${Y(s.value[i]).toFixed(1)}`;
          up = false;
        });
        add(svg, "path", { d, fill: "none", stroke: COLOURS[k % 8], "stroke-width": 1.8, "stroke-linejoin": "round", ...(k >= 8 && { "stroke-dasharray": "5 3" }) });
        if (s.step.length < 25) s.step.forEach((x, i) => { if (s.value[i] !== null) add(svg, "circle", { cx: X(x), cy: Y(s.value[i]), r: 2.5, fill: COLOURS[k % 8] }); });
      }
      svg.setAttribute("aria-label", `${chart.name}: ` + chart.series.map((s) => `${s.name} ends at ${show(s.value[s.value.length - 1])}`).join(", "));
    };
    const moved = (i) => {
      svg.querySelectorAll(".pointed").forEach((e) => e.remove());
      if (i === null) { said.textContent = ""; return; }
      add(svg, "line", { x1: X(steps[i]), x2: X(steps[i]), y1: T, y2: H - B, class: "cursor pointed" });
      const here = shown.filter((k) => at[k].has(steps[i]) && at[k].get(steps[i]) !== null);
      here.forEach((k) => add(svg, "circle", { cx: X(steps[i]), cy: Y(at[k].get(steps[i])), r: 4, fill: COLOURS[k % 8], class: "pointed" }));
      said.textContent = `step ${steps[i]}: ` + here.map((k) => `${chart.series[k].name} ${show(at[k].get(steps[i]))}`).join(", ");
    };
    chart.series.forEach((s, k) => {
      const b = add(legend, "button", { "aria-pressed": "true" });
      add(b, "i", { style: `background:${COLOURS[k % 8]}` });
      b.append(s.name);
      b.addEventListener("click", () => {
        hidden.has(k) ? hidden.delete(k) : hidden.add(k);
        b.setAttribute("aria-pressed", String(!hidden.has(k)));
        draw();
      });
    });
    if (positive) {
      const b = add(legend, "button", { "aria-label": "logarithmic axis" }, "log");
      b.addEventListener("click", () => { log = !log; b.textContent = log ? "linear" : "log"; draw(); });
    }
    const nearest = (e) => {
      const box = svg.getBoundingClientRect(), x = x0 + ((e.clientX - box.left) / box.width * W - L) / (W - L - R) * (x1 - x0);
      let best = 0;
      steps.forEach((s, i) => { if (Math.abs(s - x) < Math.abs(steps[best] - x)) best = i; });
      return best;
    };
    draw();
    cursor(svg, steps.length, nearest, moved);
    numbers(figure, ["step", ...chart.series.map((s) => s.name)], steps.map((x) => [String(x), ...at.map((m) => m.has(x) ? m.get(x) : null)]));
  };

  // Steps from left to right, values from bottom to top; the darker the more elements.
  const histograms = (parent, h) => {
    const figure = add(parent, "figure"), n = h.step.length, ROWS = 48;
    add(figure, "h3", {}, h.name);
    const low = Math.min(...h.low), high = Math.max(...h.high), range = high - low || 1;
    const canvas = add(figure, "canvas", { width: Math.max(n, 1), height: ROWS, role: "img", "aria-label": `${h.name}: from ${show(low)} to ${show(high)} over ${n} steps`, style: "aspect-ratio:2;image-rendering:pixelated" });
    const said = add(figure, "output"), pen = canvas.getContext("2d");
    const cells = h.count.map((count, k) => {
      const rows = new Array(ROWS).fill(0), width = (h.high[k] - h.low[k]) / count.length;
      count.forEach((c, i) => {
        const v = h.low[k] + (i + 0.5) * width;
        rows[Math.max(0, Math.min(ROWS - 1, Math.floor((v - low) / range * ROWS)))] += c;
      });
      return rows;
    });
    const most = Math.log1p(Math.max(1, ...cells.map((rows) => Math.max(...rows))));
    const paint = () => {
      const shade = getComputedStyle(document.documentElement).getPropertyValue("--shade");
      pen.clearRect(0, 0, n, ROWS);
      cells.forEach((rows, k) => rows.forEach((c, r) => {
        if (!c) return;
        pen.fillStyle = `rgba(${shade}, ${(0.08 + 0.92 * Math.log1p(c) / most).toFixed(3)})`;
        pen.fillRect(k, ROWS - 1 - r, 1, 1);
      }));
    };
    paint();
    repaint.push(paint);
    cursor(canvas, n, (e) => { const box = canvas.getBoundingClientRect(); return Math.floor((e.clientX - box.left) / box.width * n); }, (k) => {
      said.textContent = k === null ? `${show(low)} (bottom) to ${show(high)} (top), steps ${h.step[0]} to ${h.step[n - 1]}` : `step ${h.step[k]}: ${show(h.low[k])} … ${show(h.high[k])}, mean ${show(h.mean[k])}, ${h.count[k].reduce((a, b) => a + b, 0)} elements`;
    });
    numbers(figure, ["step", "smallest", "mean", "largest"], h.step.map((x, k) => [String(x), h.low[k], h.mean[k], h.high[k]]));
  };

  const confusion = (parent, c) => {
    const box = add(parent, "div", { class: "wide", tabindex: 0 }), table = add(box, "table"), most = Math.max(1, ...c.count.flat());
    add(table, "caption", {}, "rows: what it is; columns: what it was taken for");
    const top = add(add(table, "thead"), "tr"), body = add(table, "tbody");
    add(top, "th");
    c.names.forEach((name) => add(top, "th", { scope: "col" }, name));
    c.count.forEach((row, r) => {
      const tr = add(body, "tr");
      add(tr, "th", { scope: "row" }, c.names[r]);
      row.forEach((x) => add(tr, "td", x ? { style: `background:rgba(var(--shade), ${(0.65 * Math.sqrt(x / most)).toFixed(3)})` } : {}, String(x)));
    });
  };

  const pictures = (parent, list) => {
    const box = add(parent, "div", { class: "pictures" });
    list.forEach((p) => {
      const figure = add(box, "figure"), zoom = Math.max(1, Math.round(84 / p.width));
      add(figure, "img", { src: p.src, width: p.width * zoom, height: p.height * zoom, alt: p.caption });
      add(figure, "figcaption", {}, p.caption);
    });
  };

  const repaint = [];
  const into = (id, list, f) => { const place = document.getElementById(id); if (place) list.forEach((x) => f(place, x)); };
  into("curves", data.curves, curves);
  into("histograms", data.histograms, histograms);
  into("confusion", data.confusion ? [data.confusion] : [], confusion);
  into("examples", data.examples.length ? [data.examples] : [], pictures);
  into("pictures", data.pictures.length ? [data.pictures] : [], pictures);

  const theme = document.getElementById("theme"), root = document.documentElement;
  const dark = () => root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const label = () => { theme.textContent = dark() ? "light" : "dark"; };
  theme.addEventListener("click", () => { root.dataset.theme = dark() ? "light" : "dark"; label(); repaint.forEach((f) => f()); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { label(); repaint.forEach((f) => f()); });
  label();
  root.dataset.ready = "yes";
})();
