// Times as people say them, by the server's clock, and the one timer that keeps them right.

import { el, setAttr, setText } from './dom.js';

let skew = 0;

/** Takes the server's clock (milliseconds since 1970), so that a wrong clock here shows no wrong ages. */
export function setServerClock(ms) {
  if (Number.isFinite(ms)) skew = ms - Date.now();
}

export const now = () => Date.now() + skew;

/** `42 s`, `3 min`, `2 h 5 min`, `3 d 4 h`. */
export function span(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 60) return `${s} s`;
  const min = Math.floor(s / 60);
  if (min < 60) return `${min} min`;
  const h = Math.floor(min / 60);
  if (h < 24) return min % 60 ? `${h} h ${min % 60} min` : `${h} h`;
  const d = Math.floor(h / 24);
  return h % 24 && d < 10 ? `${d} d ${h % 24} h` : `${d} d`;
}

const clockFormat = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
const dayFormat = new Intl.DateTimeFormat(undefined, { day: '2-digit', month: 'short' });
const fullFormat = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'long', hourCycle: 'h23' });

/** A date that `toISOString` and the formatters accept: what is out of their range is refused as null. */
function dateOf(ms) {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? null : date;
}

/** `14:02:11` today, `21 Nov 14:02:11` on another day. */
export function clock(ms) {
  const date = dateOf(ms);
  if (!date) return '?';
  const today = new Date(now());
  const time = clockFormat.format(date);
  return date.toDateString() === today.toDateString() ? time : `${dayFormat.format(date)} ${time}`;
}

export function full(ms) {
  const date = dateOf(ms);
  return date ? fullFormat.format(date) : '?';
}

export const iso = (ms) => dateOf(ms)?.toISOString() ?? '';

/** A `<time>` that ages: `since` says how long, `ago` adds the word, `due` counts down and then up. Change it with `setAge`. */
export function age(ms, form = 'since') {
  const node = el('time', { class: 'num', 'data-form': form });
  setAge(node, ms);
  return node;
}

export function setAge(node, ms) {
  if (!Number.isFinite(ms)) {
    setAttr(node, 'data-ms', null);
    setText(node, 'never');
    return;
  }
  if (node.getAttribute('data-ms') !== String(ms)) {
    setAttr(node, 'data-ms', ms);
    setAttr(node, 'datetime', iso(ms));
    setAttr(node, 'title', full(ms));
  }
  tell(node);
}

const SAID = {
  since: span,
  ago: (passed) => `${span(passed)} ago`,
  due: (passed) => (passed < 0 ? `in ${span(-passed)}` : `was due ${span(passed)} ago`),
};

function tell(node) {
  const passed = now() - Number(node.dataset.ms);
  setText(node, SAID[node.dataset.form](passed));
}

const beats = new Set();

/** Runs `run` once a second along with the ages. */
export const everySecond = (run) => beats.add(run);

setInterval(() => {
  if (document.hidden) return;
  for (const node of document.querySelectorAll('time[data-ms]')) tell(node);
  for (const run of beats) run();
}, 1000);
