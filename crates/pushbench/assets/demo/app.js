// The page: builds the rows, starts the clients, and shows what they and the server report.

import { Controls } from './controls.js';
import { said, time } from './figures.js';
import { Row, layerColour } from './row.js';
import { gist, sentence } from './words.js';

const POLL_MS = 1000;
const FRAME_MS = 30;
const NUMBERS_MS = 250;
const WORDS_MS = 1000;
const COUNTS = ['no', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight'];

const $ = (selector) => document.querySelector(selector);
const still = matchMedia('(prefers-reduced-motion: reduce)');

function showError(text) {
  $('#error').textContent = text;
}
addEventListener('error', ({ message }) => showError(`This page broke: ${message}.`));
addEventListener('unhandledrejection', ({ reason }) => showError(`This page broke: ${reason}.`));

class Page {
  constructor({ begun_ns, techniques, layers, controls }) {
    this.layers = layers;
    this.shown = [];
    this.rows = techniques.map((info, place) => new Row(info, place));
    $('#techniques').append(...this.rows.map((row) => row.element));
    $('#ways').textContent = COUNTS[techniques.length] ?? techniques.length;
    this.worker = new Worker('/worker.js', { type: 'module' });
    this.worker.onmessage = ({ data }) => this.take(data);
    this.worker.onerror = ({ message }) => showError(`The clients broke: ${message}.`);
    this.controls = new Controls({ ...controls, poll_ms: POLL_MS }, (values) => this.change(values));
    this.worker.postMessage({ begin: { begun_ns, host: location.hostname, techniques } });
    $('#again').addEventListener('click', () => {
      this.again();
      this.controls.report('Counting again.');
    });
    this.watch();
    this.again();
  }

  /** The server's time in ms since the demo began, precise enough for drawing. */
  now_ms() {
    return performance.now() + (this.ahead_ms ?? 0);
  }

  watch() {
    const figures = new EventSource('/figures');
    figures.onmessage = ({ data }) => this.figures(JSON.parse(data));
    figures.onopen = () => showError('');
    figures.onerror = () => showError('The server does not answer. This page continues when it is back.');
  }

  change({ poll_ms }) {
    this.worker.postMessage({ poll_ms });
    this.again();
  }

  /** Counts again from the next figures on. */
  again() {
    this.renewing = true;
  }

  figures(figures) {
    this.stall = figures.stall;
    figures.techniques.forEach((latest, nth) => (this.rows[nth].latest = latest));
    this.controls.take(figures.controls);
    $('#stall').disabled = this.stall !== undefined && figures.at_ms < this.stall.until_ms;
    $('#viewers').textContent = figures.viewers > 1 ? `${figures.viewers} pages are open; bytes and requests are of all of them.` : '';
    if (!this.renewing) return;
    this.renewing = false;
    this.since_ms = figures.at_ms;
    for (const row of this.rows) row.again();
  }

  /** Takes a report of the clients. */
  take({ error, at_ms, bound_ms, techniques }) {
    if (error) return showError(`The clients broke: ${error}.`);
    // The report that was delayed least gives the best time.
    const ahead_ms = at_ms - performance.now();
    this.ahead_ms = Math.max(ahead_ms, (this.ahead_ms ?? ahead_ms) - 0.01);
    this.bound_ms = bound_ms;
    techniques.forEach((received, nth) => this.rows[nth].take(received, this.stall));
    this.reportClose();
    return undefined;
  }

  /** Reports a close once, when the connection is back. */
  reportClose() {
    for (const { label, close } of this.rows) {
      if (!close || close.reported || close.back_ms === undefined) continue;
      close.reported = true;
      const away = said(time(close.back_ms - close.at_ms));
      this.controls.report(`${label} was closed with ${close.code}, and connected again after ${away}.`);
    }
  }

  /** Whether words change at once: during a stall and right after it, and while a connection is lost. */
  isEventful(now_ms) {
    const stalled = this.stall && now_ms < this.stall.until_ms + WORDS_MS;
    return stalled || this.rows.some(({ close }) => close && (close.back_ms === undefined || now_ms < close.back_ms + WORDS_MS));
  }

  /** Draws tracks as they move, numbers four times a second, words once a second or during an event. */
  run(at, last = { frame: 0, numbers: 0, words: 0 }) {
    const now_ms = this.now_ms();
    const moving = still.matches ? WORDS_MS : FRAME_MS;
    const next = { ...last };
    if (at - last.frame >= moving) {
      for (const row of this.rows) row.track.draw(now_ms, this.stall);
      next.frame = at;
    }
    if (at - last.numbers >= NUMBERS_MS) {
      const words = this.isEventful(now_ms) || at - last.words >= WORDS_MS;
      this.show(now_ms, words);
      next.numbers = at;
      if (words) next.words = at;
    }
    requestAnimationFrame((later) => this.run(later, next));
  }

  show(now_ms, words) {
    const { values } = this.controls;
    const summaries = this.rows.map((row) => row.summary(now_ms, this.stall));
    const most = Math.max(1, ...summaries.map(({ total }) => total));
    const least = Math.min(...summaries.map(({ each }) => each).filter(Number.isFinite));
    summaries.forEach((summary, nth) => this.rows[nth].show(summary, this.layers, most, least));
    if (!words) return;
    summaries.forEach((summary, nth) => (this.rows[nth].part('.words').textContent = sentence(summary, values)));
    write($('#gist'), gist(summaries, values));
    this.legend();
    if ($('#numbers').open) this.table(summaries);
    if (this.since_ms !== undefined) $('#since').textContent = `Counting for ${Math.max(0, Math.round((now_ms - this.since_ms) / 1000))} s.`;
    if (Number.isFinite(this.bound_ms)) $('#clock').textContent = `Clocks agree to ± ${this.bound_ms.toFixed(2)} ms.`;
  }

  /** The layers that have bytes. */
  legend() {
    const shown = this.layers.filter((label) => this.rows.some((row) => row.layer(label) > 0));
    if (shown.join() === this.shown.join()) return;
    this.shown = shown;
    $('#legend').replaceChildren(...shown.map((label) => {
      const entry = document.createElement('span');
      const swatch = document.createElement('i');
      swatch.style.background = layerColour(label);
      entry.append(swatch, label);
      return entry;
    }));
  }

  table(summaries) {
    const each = (row, count) => (row.events > 0 ? (count / row.events).toFixed(1) : '–');
    const line = (cells, kind = 'td') => `<tr><th scope="row">${cells[0]}</th>${cells.slice(1).map((cell) => `<${kind}>${cell}</${kind}>`).join('')}</tr>`;
    const head = `<tr><th scope="col">layer</th>${summaries.map(({ label }) => `<th scope="col">${label}</th>`).join('')}</tr>`;
    const body = this.shown.map((label) => line([label, ...this.rows.map((row) => each(row, row.layer(label)))]));
    const foot = line(['all', ...summaries.map((row) => each(row, row.total))]);
    $('#numbers table').innerHTML = `<thead>${head}</thead><tbody>${body.join('')}</tbody><tfoot>${foot}</tfoot>`;
  }
}

/** Writes text with strong parts, if any. */
function write(element, parts) {
  if (!parts) return;
  element.replaceChildren(...parts.map((part) => {
    if (typeof part === 'string') return part;
    const strong = document.createElement('b');
    strong.textContent = part.strong;
    return strong;
  }));
}

const setup = await (await fetch('/setup')).json();
const page = new Page(setup);
requestAnimationFrame((at) => page.run(at));
