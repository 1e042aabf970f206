// The sliders and buttons: they send control requests, and report the result.

import { bytes, said, span } from './figures.js';

const SLIDERS = [
  {
    key: 'rate_per_s', label: 'Events', stops: [0.5, 1, 2, 5, 10, 20, 50, 100, 200],
    text: (value) => `${value} a second`,
  },
  {
    key: 'payload_bytes', label: 'Payload', stops: [16, 50, 100, 200, 500, 1000, 2000, 5000, 16_384],
    text: (value) => said(bytes(value)),
  },
  {
    key: 'poll_ms', label: 'Short polling asks', stops: [100, 200, 500, 1000, 2000, 5000, 10_000],
    text: (value) => `every ${span(value)}`,
  },
  {
    key: 'delay_ms', label: 'Added delay', stops: [0, 5, 10, 20, 50, 100, 200, 500],
    text: (value) => (value === 0 ? 'none' : `${span(value)} each way`),
  },
];
const SETTLED_MS = 150;
/** For so long after a slider was moved here, figures may still show what the server had before. */
const UNDER_WAY_MS = 2000;

/** The controls; `changed(values)` is called after a change that the server has accepted. */
export class Controls {
  constructor(values, changed) {
    this.values = values;
    this.changed = changed;
    this.status = document.querySelector('#status');
    this.inputs = SLIDERS.map((slider) => this.slider(slider));
    this.button('#stall', { stall_ms: 1000 }, 'The server stands still; events keep falling due.');
    document.querySelector('#close').addEventListener('click', () => this.closeSocket());
    document.querySelector('#controls').addEventListener('submit', (event) => event.preventDefault());
  }

  slider({ key, label, stops, text }) {
    const row = document.createElement('div');
    row.className = 'slider';
    row.innerHTML = `<label for="${key}">${label}</label><output for="${key}"></output>
      <input type="range" id="${key}" min="0" max="${stops.length - 1}" step="1">`;
    const [input, output] = [row.querySelector('input'), row.querySelector('output')];
    const show = () => {
      output.textContent = text(stops[input.value]);
      input.setAttribute('aria-valuetext', output.textContent);
      input.style.setProperty('--fill', `${(100 * input.value) / input.max}%`);
    };
    let settling;
    let moved = -Infinity;
    input.addEventListener('input', () => {
      moved = performance.now();
      show();
      clearTimeout(settling);
      settling = setTimeout(() => this.move(key, stops[input.value], `${label}: ${output.textContent}.`), SETTLED_MS);
    });
    document.querySelector('#sliders').append(row);
    const set = (value) => {
      input.value = stops.findIndex((stop) => stop >= value);
      show();
    };
    set(this.values[key]);
    return { key, set, input, isUnderWay: () => performance.now() - moved < UNDER_WAY_MS };
  }

  /** Shows what another page has set. */
  take(values) {
    for (const { key, set, isUnderWay } of this.inputs) {
      if (isUnderWay() || values[key] === undefined || values[key] === this.values[key]) continue;
      this.values[key] = values[key];
      set(values[key]);
      this.changed(this.values);
    }
  }

  async move(key, value, message) {
    this.values[key] = value;
    if (key !== 'poll_ms' && !(await this.ask({ [key]: value }, message))) return;
    this.report(message);
    this.changed(this.values);
  }

  button(selector, request, message) {
    document.querySelector(selector).addEventListener('click', () => this.ask(request, message));
  }

  closeSocket() {
    const code = document.querySelector('#code');
    if (!code.value) return this.report('Enter a close code, such as 1001.', true);
    return this.ask({ close_code: Number(code.value) }, `The server closes the WebSocket with ${code.value}.`);
  }

  /** Sends a request, reports the result, and returns whether it was accepted. */
  async ask(request, message) {
    try {
      const response = await fetch('/control', {
        method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(request),
      });
      this.report(response.ok ? message : (await response.text()).trim(), !response.ok);
      return response.ok;
    } catch (error) {
      this.report(`The server does not answer: ${error.message}.`, true);
      return false;
    }
  }

  report(text, isError = false) {
    this.status.textContent = text;
    this.status.classList.toggle('rejected', isError);
  }
}
