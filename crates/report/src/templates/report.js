// Draws the report's charts and fills in its controls. Everything it shows is in the element #data.
const data = JSON.parse(document.getElementById("data").textContent);
const one = (selector) => document.querySelector(selector);
const esc = (text) => String(text).replace(/[&<>"]/g, (sign) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[sign]);
const technique = Object.fromEntries(data.techniques.map((it) => [it.slug, it]));
const pen = document.createElement("canvas").getContext("2d");
function widthOf(text, weight = 400) {
  pen.font = `${weight} 13px ${getComputedStyle(document.body).fontFamily}`;
  return pen.measureText(text).width;
}
const widest = (texts, weight) => Math.max(0, ...texts.map((text) => widthOf(text, weight)));
const short = (text) => text.split(" [")[0];

// Numbers of axes: units as in the report's text.
const plain = (number) => Number(number.toFixed(3)).toLocaleString("en-US", { maximumFractionDigits: 3 });
const UNITS = {
  time: [["s", 1e9], ["ms", 1e6], ["µs", 1e3], ["ns", 1]],
  bytes: [["GiB", 2 ** 30], ["MiB", 2 ** 20], ["KiB", 2 ** 10], ["B", 1]],
};
function unitFor(unit, value) {
  const units = UNITS[unit];
  return units ? units.find(([, size]) => value >= size * 0.9995) || units[units.length - 1] : ["", 1];
}
function show(unit, value) {
  const [name, size] = unitFor(unit, value);
  return plain(value / size) + (name ? ` ${name}` : unit === "rate" ? "/s" : "");
}

function scaleOf(axis, values, from, to, isTight = false) {
  values = values.filter((value) => Number.isFinite(value) && (value > 0 || !axis.is_log));
  const high = Math.max(...values), low = Math.min(...values);
  let ends = axis.is_log ? [low / 1.15, high * 1.15] : [Math.min(low, 0), high * 1.04 || 1];
  if (isTight) ends = [axis.is_log ? low : ends[0], high];
  const map = axis.is_log ? Math.log : (value) => value;
  const share = (value) => (map(value) - map(ends[0])) / (map(ends[1]) - map(ends[0]) || 1);
  const at = (value) => from + Math.min(1, Math.max(0, value > 0 || !axis.is_log ? share(value) : 0)) * (to - from);
  const [name, size] = unitFor(axis.unit, ends[1]);
  const decades = Array.from({ length: 28 }, (_, place) => 10 ** (place - 12));
  function ticks(most) {
    if (axis.is_log) {
      for (const [steps, every] of [[[1, 2, 5], 1], [[1, 3], 1], [[1], 1], [[1], 3]]) {
        const values = decades.filter((_, place) => place % every === 0).flatMap((ten) => steps.map((step) => ten * step));
        const within = values.filter((value) => value >= ends[0] * 0.9999 && value <= ends[1] * 1.0001);
        if (within.length <= most) return within.map((value) => [value, show(axis.unit, value)]);
      }
      return [];
    }
    const step = decades.flatMap((ten) => [1, 2, 5].map((step) => ten * step * size)).find((step) => (ends[1] - ends[0]) / step < most);
    return Array.from({ length: most + 1 }, (_, place) => place * step)
      .filter((value) => value <= ends[1])
      .map((value) => [value, plain(value / size)]);
  }
  const title = axis.is_log ? `${axis.title}, logarithmic` : axis.unit === "rate" ? `${axis.title}, per second` : name && name !== "B" ? `${axis.title}, ${name}` : axis.title;
  return { at, ticks, title, from, to };
}

// Shapes, as text of SVG.
const line = (points, colour, width, more = "") => `<polyline points="${points.map((at) => at.map((n) => n.toFixed(1))).join(" ")}" fill="none" stroke="${colour}" stroke-width="${width}" stroke-linejoin="round" stroke-linecap="round" ${more}/>`;
const rule = (x1, y1, x2, y2, kind) => `<line x1="${x1.toFixed(1)}" y1="${y1.toFixed(1)}" x2="${x2.toFixed(1)}" y2="${y2.toFixed(1)}" class="${kind}"/>`;
const box = (x, y, width, height, colour, more = "") => `<rect x="${x.toFixed(1)}" y="${y.toFixed(1)}" width="${Math.max(width, 0.5).toFixed(1)}" height="${height}" fill="${colour}" ${more}/>`;
const dot = (x, y, radius, colour) => `<circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="${radius}" fill="${colour}" class="rim"/>`;
const text = (x, y, words, kind = "") => `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" class="${kind}">${esc(words)}</text>`;

function axisUnder(scale, top, bottom, width) {
  let svg = "", free = -Infinity;
  for (const [value, words] of scale.ticks(Math.max(2, Math.floor((scale.to - scale.from) / 60)))) {
    const x = scale.at(value), half = widthOf(words) / 2;
    svg += rule(x, top, x, bottom, "grid");
    const middle = Math.min(Math.max(x, half), width - half);
    if (middle - half < free) continue;
    svg += text(middle, bottom + 14, words, "q mid");
    free = middle + half + 6;
  }
  const half = widthOf(scale.title) / 2;
  return svg + text(Math.max(half, Math.min((scale.from + scale.to) / 2, width - half)), bottom + 34, scale.title, "q mid");
}

function rowsOf(chart) {
  const rows = new Map();
  for (const series of chart.series) {
    for (const mark of series.marks) {
      if (!rows.has(mark.category)) rows.set(mark.category, []);
      rows.get(mark.category).push({ series, mark });
    }
  }
  return rows;
}

// Where names, the plot and figures stand: names above their row where they would take half of the width.
function columns(width, names, figures) {
  const name = widest(names), figure = widest(figures);
  const isAbove = name + figure + 30 > width * 0.58;
  return {
    from: isAbove ? 6 : name + 16, to: isAbove ? width - 6 : width - figure - 16, pitch: isAbove ? 42 : 27,
    draw: (y, name, figure) => {
      const words = isAbove ? y + 10 : y + 13.5;
      return [isAbove ? y + 28 : y + 13.5, text(0, words, name) + text(width, words, figure, "end")];
    },
  };
}

// Each gives height, SVG, and the places of marks.
const KINDS = {
  dots(chart, width) {
    const all = chart.series.flatMap((series) => series.marks);
    const figure = (mark) => (width > 620 ? mark.text : short(mark.text));
    const place = columns(width, chart.series.map((series) => series.name), all.map(figure));
    const scale = scaleOf(chart.x, all.flatMap((mark) => [mark.low ?? mark.value, mark.high ?? mark.value]), place.from, place.to);
    let y = 0, rows = "";
    const marks = [];
    for (const [category, row] of rowsOf(chart)) {
      if (category) {
        rows += box(0, y + 2, widthOf(category, 650) + 4, 24, "var(--card)") + text(0, y + 15, category, "b");
        y += 29;
      }
      for (const { series, mark } of row) {
        const [middle, words] = place.draw(y, series.name, figure(mark));
        const x = scale.at(mark.value);
        rows += words;
        if (mark.low != null) rows += line([[scale.at(mark.low), middle], [scale.at(mark.high), middle]], series.colour, 3);
        rows += dot(x, middle, 5, series.colour);
        marks.push({ x, y: middle, series, mark });
        y += place.pitch;
      }
    }
    return { height: y + 48, svg: axisUnder(scale, 0, y + 4, width) + rows, marks };
  },

  lines(chart, width) {
    const all = chart.series.flatMap((series) => series.marks);
    const isDirect = width > 460, top = 26;
    const bottom = top + Math.max(240, isDirect ? chart.series.length * 18 : 0);
    const up = scaleOf(chart.y, all.flatMap((mark) => [mark.low ?? mark.value, mark.high ?? mark.value]), bottom, top);
    const ticks = up.ticks(6);
    const left = widest(ticks.map(([, words]) => words)) + 8;
    const right = width - (isDirect ? widest(chart.series.map((series) => series.name)) + 30 : 8);
    const along = scaleOf(chart.x, all.map((mark) => mark.x), left, right, true);
    let svg = text(0, 6, up.title, "q");
    for (const [value, words] of ticks) svg += rule(left, up.at(value), right, up.at(value), "grid") + text(left - 8, up.at(value), words, "q end");
    svg += axisUnder(along, bottom, bottom + 4, width);
    const marks = [];
    for (const { colour, marks: own } of chart.series) {
      const known = own.filter((mark) => mark.low != null);
      const band = known.map((mark) => [along.at(mark.x), up.at(mark.low)]).concat(known.map((mark) => [along.at(mark.x), up.at(mark.high)]).reverse());
      if (known.length > 1) svg += `<polygon points="${band.join(" ")}" fill="${colour}" opacity="0.16"/>`;
    }
    for (const series of chart.series) {
      const points = series.marks.map((mark) => [along.at(mark.x), up.at(mark.value)]);
      svg += line(points, series.colour, 2.5) + points.map(([x, y]) => dot(x, y, 4, series.colour)).join("");
      points.forEach(([x, y], place) => marks.push({ x, y, series, mark: series.marks[place] }));
    }
    if (isDirect) {
      const labels = chart.series.map((series) => ({ series, end: along.at(series.marks.at(-1).x), y: up.at(series.marks.at(-1).value) }));
      labels.sort((a, b) => a.y - b.y);
      labels.forEach((label) => { label.at = label.y; });
      labels.reduce((free, label) => (label.at = Math.max(label.at, free)) + 17, top);
      labels.reduceRight((free, label) => (label.at = Math.min(label.at, free)) - 17, bottom);
      for (const { series, end, y, at } of labels) svg += line([[end + 5, y], [right + 10, at], [right + 20, at]], series.colour, 1.5) + text(right + 24, at, series.name);
    }
    return { height: bottom + 48, svg, marks, legend: isDirect ? [] : chart.series };
  },

  bars(chart, width) {
    const rows = rowsOf(chart);
    const total = (row) => row.reduce((sum, { mark }) => sum + mark.value, 0);
    const figure = (row) => `${Math.round(total(row)).toLocaleString("en-US")} B`;
    const place = columns(width, [...rows.keys()], [...rows.values()].map(figure));
    const scale = scaleOf(chart.x, [...rows.values()].map(total), place.from, place.to);
    let y = 0, svg = "";
    const marks = [];
    for (const [category, row] of rows) {
      const [middle, words] = place.draw(y, category, figure(row));
      svg += words;
      let sum = 0;
      for (const { series, mark } of row) {
        const [from, to] = [scale.at(sum), scale.at((sum += mark.value))];
        if (to - from > 1) {
          svg += box(from, middle - 8, to - from - 1, 16, series.colour);
          marks.push({ x: (from + to) / 2, y: middle, series: { name: category, colour: series.colour }, mark });
        }
      }
      y += place.pitch;
    }
    return { height: y + 48, svg: axisUnder(scale, 0, y + 4, width) + svg, marks, legend: chart.series };
  },

  timeline(chart, width) {
    const LANE = 62, grey = chart.series[0].colour;
    const scale = scaleOf(chart.x, chart.series.flatMap((series) => series.marks.map((mark) => mark.value)), 4, width - 4);
    let y = 0, svg = "";
    const marks = [];
    for (const [category, row] of rowsOf(chart)) {
      const middle = y + 40, [name, counts] = category.split(" · ");
      svg += box(0, y + 4, width, 18, "var(--card)") + text(0, y + 14, name, "b") + text(width, y + 14, counts || "", "q end");
      svg += rule(4, middle, width - 4, middle, "axis");
      for (const { series, mark } of row) {
        const [from, to] = [scale.at(mark.x), scale.at(mark.value)];
        if (series.shape === "span") svg += box(from, middle - 4, to - from, 8, series.colour, 'opacity="0.25"');
        else {
          const end = series.shape === "up" ? middle - 11 : middle + 13;
          svg += line([[to, middle], [to, end]], series.colour, 2.2);
          marks.push({ x: to, y: (middle + end) / 2, series: { name: series.name, colour: series.colour }, mark });
        }
      }
      y += LANE;
    }
    const legend = [{ name: "up: client sends", colour: grey }, { name: "down: server sends; in colour, with events", colour: grey }, { name: "pale: no answer yet", colour: `${grey}55` }];
    return { height: y + 44, svg: axisUnder(scale, 0, y, width) + svg, marks: marks.sort((a, b) => a.y - b.y || a.x - b.x), legend };
  },
};

const tip = one("#tip");
function hideTip() { tip.hidden = true; }
function showTip(svg, width, { x, y, series, mark }) {
  const basis = mark.trials ? `${mark.trials} ${mark.trials === 1 ? "trial" : "trials"}, ${mark.runs} ${mark.runs === 1 ? "run" : "runs"}` : "";
  const interval = mark.low == null ? "" : " · 95 % interval in brackets";
  const commit = data.commit ? ` · commit ${data.commit.slice(0, 10)}` : "";
  tip.innerHTML = `<b>${esc(mark.text)}</b>${esc(series.name)}<span>${esc([mark.category, mark.at].filter((it) => it && !it.startsWith(series.name)).join(", "))}</span><span>${basis}${interval}${commit}</span>` + (mark.cite ? `<span><code>${esc(mark.cite)}</code></span>` : "");
  tip.hidden = false;
  const place = svg.getBoundingClientRect(), zoom = place.width / width;
  const left = place.left + x * zoom + 14, room = document.documentElement.clientWidth - tip.offsetWidth - 8;
  tip.style.left = `${Math.max(8, Math.min(left, room)) + scrollX}px`;
  tip.style.top = `${place.top + y * zoom + 14 + scrollY}px`;
}

function tableOf(chart) {
  const isTimeline = chart.kind === "timeline";
  const rows = chart.series.flatMap((series) => series.marks.map((mark) => [series, mark]));
  const figure = chart.kind === "lines" ? chart.y.title : chart.x.title;
  const place = chart.kind === "lines" ? chart.x.title : chart.kind === "dots" ? "scenario" : chart.kind === "bars" ? "of" : "lane";
  const hasPlace = rows.some(([, mark]) => chart.kind === "lines" || mark.category);
  const cells = rows.map(([series, mark]) => {
    const where = chart.kind === "lines" ? show(chart.x.unit, mark.x) : mark.category;
    return `<tr><td>${esc(series.name)}</td>${hasPlace ? `<td>${esc(where)}</td>` : ""}<td class="n">${esc(mark.text)}</td>${isTimeline ? "" : `<td class="n">${mark.trials}</td><td class="n">${mark.runs}</td>`}${mark.cite ? `<td><code>${esc(mark.cite)}</code></td>` : ""}</tr>`;
  });
  const head = `<th scope="col">${chart.kind === "bars" ? "layer" : isTimeline ? "what" : "technique"}</th>${hasPlace ? `<th scope="col">${esc(place)}</th>` : ""}<th scope="col" class="n">${esc(isTimeline ? "flight" : figure)}</th>${isTimeline ? "" : '<th scope="col" class="n">trials</th><th scope="col" class="n">runs</th>'}${rows.some(([, mark]) => mark.cite) ? '<th scope="col">name</th>' : ""}`;
  return `<div class="scroll" tabindex="0" role="region" aria-label="${esc(figure)}"><table><thead><tr>${head}</tr></thead><tbody>${cells.join("")}</tbody></table></div>`;
}

// Puts a chart into its figure, at the width that is there.
function draw(figure, chart) {
  const width = Math.max(240, figure.clientWidth - parseFloat(getComputedStyle(figure).paddingLeft) * 2);
  const { height, svg, marks, legend = [] } = KINDS[chart.kind](chart, width);
  const holder = figure.querySelector(".holder");
  holder.innerHTML = `${legend.length ? `<ul class="legend">${legend.map(({ name, colour }) => `<li style="--ink:${colour}">${esc(name)}</li>`).join("")}</ul>` : ""}<svg class="plot" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" tabindex="0" role="img" aria-label="${esc(chart.title)}. Arrow keys move through its ${marks.length} marks.">${svg}<circle class="at" r="8" visibility="hidden"/></svg>`;
  const plot = holder.querySelector("svg"), ring = plot.querySelector(".at");
  let at = -1;
  const select = (place) => {
    at = place;
    ring.setAttribute("visibility", at < 0 ? "hidden" : "visible");
    if (at < 0) return hideTip();
    ring.setAttribute("cx", marks[at].x);
    ring.setAttribute("cy", marks[at].y);
    showTip(plot, width, marks[at]);
  };
  plot.onpointermove = plot.onpointerdown = (event) => {
    const place = plot.getBoundingClientRect(), zoom = place.width / width;
    const far = ({ x, y }) => Math.hypot(event.clientX - place.left - x * zoom, 1.5 * (event.clientY - place.top - y * zoom));
    const nearest = marks.reduce((best, mark, index) => (best < 0 || far(mark) < far(marks[best]) ? index : best), -1);
    select(nearest >= 0 && far(marks[nearest]) < 48 ? nearest : -1);
  };
  plot.onpointerleave = plot.onblur = () => select(-1);
  plot.onkeydown = (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape") select(-1);
    if (!step || !marks.length) return;
    event.preventDefault();
    select((at + step + marks.length + (at < 0 && step < 0 ? 1 : 0)) % marks.length);
  };
}

function figureOf(chart) {
  const figure = document.createElement("figure");
  figure.innerHTML = `<figcaption>${esc(chart.title)}</figcaption><div class="holder"></div><details><summary>As a table</summary>${tableOf(chart)}</details>`;
  return figure;
}

const shown = new Map();
const sizes = new ResizeObserver((entries) => entries.forEach(({ target }) => {
  const chart = shown.get(target);
  if (chart && target.drawnAt !== target.clientWidth) {
    target.drawnAt = target.clientWidth;
    draw(target, chart);
  }
}));
function put(place, charts) {
  hideTip();
  for (const child of place.querySelectorAll("figure")) { sizes.unobserve(child); shown.delete(child); }
  place.replaceChildren(...charts.map((chart) => {
    const figure = figureOf(chart);
    shown.set(figure, chart);
    sizes.observe(figure);
    return figure;
  }));
}

// Filters.
const off = new Set();
function filtered(chart, scenario) {
  const words = scenario.replaceAll("-", " ");
  const isShown = (mark) => !off.has(mark.technique) && (!scenario || chart.kind !== "dots" || chart.scenarios.length < 2 || mark.category === words);
  return { ...chart, series: chart.series.map((series) => ({ ...series, marks: series.marks.filter(isShown) })).filter((series) => series.marks.length) };
}
function showCharts() {
  const scenario = one("#scenario").value;
  one("#question").textContent = data.scenarios.find((it) => it.name === scenario)?.question ?? "";
  put(one("#cards"), data.charts.filter((chart) => !scenario || chart.scenarios.includes(scenario)).map((chart) => filtered(chart, scenario)).filter((chart) => chart.series.length));
}

// All figures: one metric of one scenario.
function showFigures() {
  const scenario = one("#of-scenario").value, metric = data.metrics.find((it) => it.key === one("#of-metric").value);
  one("#of-question").textContent = data.scenarios.find((it) => it.name === scenario)?.question ?? "";
  const series = new Map();
  for (const point of data.points) {
    const figure = point.scenario === scenario && !off.has(point.technique) && metric && point.figures[metric.key];
    if (!figure) continue;
    const [value, interval, words, trials, runs] = figure;
    if (!series.has(point.name)) series.set(point.name, { name: point.name, colour: technique[point.technique].colour, marks: [] });
    series.get(point.name).marks.push({ technique: point.technique, category: point.at, x: 0, value, low: interval?.[0], high: interval?.[1], text: words, trials, runs, cite: point.cite && point.cite + metric.key });
  }
  const all = [...series.values()], values = all.flatMap((it) => it.marks.map((mark) => mark.value));
  const isLog = Math.min(...values) > 0 && Math.max(...values) / Math.min(...values) > 20;
  const label = metric ? metric.label[0].toUpperCase() + metric.label.slice(1) : "";
  const chart = { name: "", kind: "dots", title: `${label}, ${scenario}: ${metric?.less_is_better ? "less" : "more"} is better`, scenarios: [scenario], x: { title: metric?.label, unit: metric?.unit, is_log: isLog }, y: {}, series: all };
  put(one("#explorer"), values.length ? [chart] : []);
  if (!values.length) return;
  const panel = document.createElement("div");
  panel.className = "panel";
  panel.innerHTML = tableOf(chart);
  one("#explorer figure details").remove();
  one("#explorer").append(panel);
}
function fillMetrics() {
  const scenario = one("#of-scenario").value, before = one("#of-metric").value;
  const isThere = ({ key }) => data.points.some((point) => point.scenario === scenario && key in point.figures);
  one("#of-metric").innerHTML = data.metrics.filter(isThere).map(({ key, label }) => `<option value="${esc(key)}">${esc(label)}</option>`).join("");
  one("#of-metric").value = before;
  if (!one("#of-metric").value) one("#of-metric").selectedIndex = 0;
  showFigures();
}

for (const it of data.techniques) {
  const chip = document.createElement("button");
  Object.assign(chip, { type: "button", textContent: it.label, title: it.about });
  chip.style.setProperty("--ink", it.colour);
  chip.setAttribute("aria-pressed", "true");
  chip.onclick = () => {
    off.has(it.slug) ? off.delete(it.slug) : off.add(it.slug);
    chip.setAttribute("aria-pressed", String(!off.has(it.slug)));
    showCharts();
    showFigures();
  };
  one("#chips").append(chip);
}
const options = (scenarios) => scenarios.map(({ name }) => `<option>${esc(name)}</option>`).join("");
one("#scenario").insertAdjacentHTML("beforeend", options(data.scenarios.filter(({ name }) => data.charts.some((chart) => chart.scenarios.includes(name)))));
one("#of-scenario").innerHTML = options(data.scenarios);
one("#scenario").onchange = showCharts;
one("#of-scenario").onchange = fillMetrics;
one("#of-metric").onchange = showFigures;

// The chooser's controls. Each slider runs over powers of ten, but for the round trip, which may be zero.
const digits2 = (number) => Number(number.toPrecision(2));
const SLIDERS = [
  { key: "rate", label: "Events to each subscriber", low: 0.01, high: 1000, start: 1, show: (it) => `${plain(it)}/s` },
  { key: "payload", label: "Payload", low: 16, high: 65536, start: 300, show: (it) => show("bytes", it) },
  { key: "subscribers", label: "Subscribers", low: 10, high: 100000, start: 1000, show: (it) => plain(it) },
  { key: "within", label: "99 of 100 events within", low: 1e7, high: 6e10, start: 2.5e8, show: (it) => show("time", it) },
  { key: "roundTrip", label: "Round trip", low: 0, high: 3e8, start: 0, step: 5e6, show: (it) => (it ? show("time", it) : "none") },
  { key: "twoWay", label: "Messages from each subscriber", low: 0.01, high: 10, start: 0.01, show: (it) => (it ? `${plain(it)}/s` : "none") },
];
const CHECKS = [["browser", "In browsers", true], ["tls", "TLS", false], ["apart", "To each its own events", false]];

function valueOf({ key, low, high, step }) {
  const at = Number(one(`#of-${key}`).value);
  if (step) return at;
  if (key === "twoWay" && at === 0) return 0;
  const value = low * (high / low) ** (at / 1000);
  return key === "subscribers" || key === "payload" ? Math.round(digits2(value)) : digits2(value);
}

/** The controls as `advise` takes them. */
function situationOf(chosen) {
  return {
    subscribers: chosen.subscribers, channels: chosen.apart ? chosen.subscribers : 1, rate_per_s: chosen.rate, message_bytes: chosen.payload,
    uplink_per_s: chosen.twoWay, uplink_bytes: chosen.payload, is_to_channel: false,
    transit_ns: [chosen.roundTrip / 2, chosen.roundTrip / 2], headers: chosen.browser ? "browser" : "minimal", tls: chosen.tls,
    ...data.defaults, coalescing_ns: 0, is_constant: false,
    // Events of a day come before the one that is sized, half of them in the mean.
    events_before: chosen.rate * 43200,
  };
}

/** The same question on the command line. */
function commandOf({ rate, payload, subscribers, within, roundTrip, twoWay, browser, tls, apart }) {
  const more = [twoWay && `--two-way ${twoWay}/s`, roundTrip && `--round-trip ${roundTrip / 1e6}ms`, apart && `--channels ${subscribers}`, browser && "--browser", tls && "--tls"];
  return [`pushbench advise --subscribers ${subscribers} --rate ${rate}/s --payload ${payload}B --within ${within / 1e6}ms`, ...more.filter(Boolean)].join(" ");
}

const significant = (number) => (number >= 99.95 ? Math.round(number).toLocaleString("en-US") : number < 0.01 ? number.toPrecision(2) : number.toPrecision(3));
/** A value, and where it may lie, in one unit. */
function scaled(unit, value, spread) {
  const [name, size] = unitFor(unit, value), words = (value) => significant(value / size);
  if (spread == null) return `${words(value)} ${name}`;
  // WIDEST_SPREAD of `cost_model.rs`.
  if (spread > 0.3465) return `≈ ${words(value)} ${name}`;
  return `${words(value)} ${name} [${words(value / Math.exp(spread))}–${words(value * Math.exp(spread))}]`;
}

function startChooser(model) {
  one("#sliders").innerHTML = SLIDERS.map(({ key, label, low, high, start, step }) => {
    const at = step ? start : Math.round((1000 * Math.log(start / low)) / Math.log(high / low));
    return `<div class="slider"><label for="of-${key}">${label}</label><output id="out-${key}" for="of-${key}"></output><input type="range" id="of-${key}" min="${step ? low : 0}" max="${step ? high : 1000}" step="${step ?? 1}" value="${at}"></div>`;
  }).join("") + `<div class="checks">${CHECKS.map(([key, label, isOn]) => `<label><input type="checkbox" id="of-${key}"${isOn ? " checked" : ""}>${label}</label>`).join("")}</div><p class="small">On the command line: <code id="command"></code></p>`;
  const update = () => {
    const chosen = Object.fromEntries(SLIDERS.map((slider) => [slider.key, valueOf(slider)]));
    for (const [key] of CHECKS) chosen[key] = one(`#of-${key}`).checked;
    for (const { key, show } of SLIDERS) {
      one(`#out-${key}`).textContent = show(chosen[key]);
      const input = one(`#of-${key}`);
      input.setAttribute("aria-valuetext", show(chosen[key]));
      input.style.setProperty("--fill", `${(100 * (input.value - input.min)) / (input.max - input.min)}%`);
    }
    one("#command").innerHTML = commandOf(chosen).replace(/(--\S+)( [^-]\S*)?/g, "<span>$&</span>");
    showRanking(advise(model, situationOf(chosen), chosen.within), show("time", chosen.within));
  };
  one("#sliders").oninput = update;
  one("#sliders").onsubmit = (event) => event.preventDefault();
  update();
}

function showRanking(all, within) {
  const best = all.filter((it) => it.is_best), next = all.find((it) => !it.is_best && !it.is_late);
  const cheapest = all[0]?.cost ?? 1, most = Math.max(...all.map((it) => it.cost));
  const times = (it) => `${significant(it.cost / cheapest)} ×`;
  one("#verdict").textContent = !best.length ? `No technique brings 99 of 100 events within ${within}.`
    : best.map((it) => it.label).join(" ≈ ") + (next ? `. Next is ${next.label}, at ${times(next)} the cost.` : ".");
  one("#ranking").innerHTML = all.map((it) => {
    const { bytes, cpu_ns, memory_bytes, p50_ns, p99_ns } = it.expected, [cpu, memory, p50, p99] = it.spreads;
    const figures = [
      ["a day", scaled("bytes", bytes * 86400)], ["cores", scaled("", cpu_ns / 1e9, cpu)],
      ["memory", memory_bytes == null ? "not measured" : scaled("bytes", memory_bytes, memory)], ["p50", scaled("time", p50_ns, p50)], ["p99", scaled("time", p99_ns, p99)],
      ["basis", Array.isArray(it.basis) ? `extrapolated (${it.basis.join(", ")})` : it.basis],
    ];
    const name = it.label + (it.interval_ns ? `, every ${show("time", it.interval_ns)}` : "");
    return `<li class="${it.is_late ? "late" : ""}" style="--ink:${technique[it.slug]?.colour ?? "var(--quiet)"}"><div class="head"><b>${esc(name)}</b><span>${it.is_late ? "too late" : it.is_best && it !== all[0] ? `≈ best, ${times(it)}` : times(it)}</span></div><div class="cost" style="width:${(100 * it.cost) / most}%"></div><dl>${figures.map(([term, words]) => `<div><dt>${term}</dt><dd>${esc(words)}</dd></div>`).join("")}</dl></li>`;
  }).join("");
  one("#basis").textContent = "Bars are costs: CPU, traffic and memory at list prices. In brackets, where four of five measurements lay; ≈ where that is wider than a factor of 2.";
}

// Light and dark: the system's, until the button chooses.
const root = document.documentElement;
const kept = { get: () => { try { return localStorage.getItem("theme"); } catch { return null; } }, set: (theme) => { try { localStorage.setItem("theme", theme); } catch { /* a file may have no storage */ } } };
if (kept.get()) root.dataset.theme = kept.get();
one("#theme").onclick = () => {
  const isDark = (root.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  root.dataset.theme = isDark ? "light" : "dark";
  kept.set(root.dataset.theme);
};

for (const part of document.querySelectorAll(".of-model")) part.hidden = !data.model;
if (data.model) startChooser(data.model);
showCharts();
fillMetrics();
