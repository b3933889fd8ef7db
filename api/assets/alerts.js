// The alerts: what speaks against hosts. A list of the open ones, and one in full to be handled.

import { act, get, isAbort, setToken, token } from './api.js';
import { beforePaint, byId, el, keyed, setClass, setText } from './dom.js';
import { age, clock, full, iso, setAge } from './time.js';

/** So many are shown until all are asked for; so many are read. */
const FEW = 6;
const MOST = 1000;
const SEVERITIES = ['critical', 'high', 'medium', 'low', 'info'];

const open = new Map();
const views = new Map();
let total = 0;
let loaded = false;
let failed = '';
let all = false;
let shown = null;
let loading = null;
let onUnauthorized = () => {};
let onCount = () => {};

const dialog = byId('alert');
const place = byId('alert-body');
const keyOf = (row) => `${row.source} ${row.id}`;
const toneOf = (severity) => ({ critical: 'bad', high: 'bad', medium: 'warn' })[severity] ?? 'plain';

/** Opens and closes by the address: `#alert=ID&by=SOURCE`. `counted()` is told when the number changed. */
export function startAlerts({ unauthorized, counted }) {
  onUnauthorized = unauthorized;
  onCount = counted;
  addEventListener('hashchange', alertByAddress);
  byId('alert-close').addEventListener('click', () => dialog.close());
  byId('alerts-more').addEventListener('click', () => { all = true; paint(); });
  dialog.addEventListener('click', (event) => {
    if (event.target === dialog) dialog.close();
  });
  dialog.addEventListener('close', () => {
    loading?.abort();
    shown = null;
    if (wanted()) history.replaceState(null, '', location.pathname + location.search);
  });
  alertByAddress();
}

/** How many are open, and the worst of them. */
export function alertCount() {
  const worst = SEVERITIES.find((severity) => [...open.values()].some((row) => row.severity === severity));
  return { open: Math.max(total, open.size), tone: toneOf(worst) };
}

/** Reads the open ones anew; `problem(error)` is told when that fails. */
export async function readAlerts(problem) {
  try {
    const page = await get('alerts', { open: true, limit: MOST });
    open.clear();
    for (const row of page.items) open.set(keyOf(row), row);
    total = page.total;
    loaded = true;
    failed = '';
  } catch (error) {
    failed = error.detail || error.title || error.message;
    problem(error);
  }
  paint();
  onCount();
}

/** Takes an alert from the events. */
export function setAlert(row) {
  if (!row?.id || !loaded) return;
  const key = keyOf(row);
  const known = open.has(key);
  if (row.state === 'expired') {
    open.delete(key);
    if (known) total -= 1;
  } else {
    open.set(key, row);
    if (!known) total += 1;
  }
  paint();
  onCount();
  if (shown && keyOf(shown) === key) load(shown);
}

const paint = () => beforePaint('alerts', render);

function render() {
  const rank = (row) => SEVERITIES.indexOf(row.severity);
  const sorted = [...open.values()].sort((a, b) => rank(a) - rank(b) || b.opened_ms - a.opened_ms);
  const some = all || sorted.length <= FEW + 2 ? sorted : sorted.slice(0, FEW);
  keyed(byId('alert-list'), views, some, keyOf, makeRow, updateRow);
  byId('alerts').hidden = !loaded && !failed;
  byId('alerts-none').hidden = !loaded || sorted.length > 0;
  byId('alerts-failed').hidden = loaded || !failed;
  setText(byId('alerts-failed'), failed && `The alerts could not be read: ${failed}`);
  setText(byId('alert-count'), total || '');
  const left = Math.max(total, sorted.length) - some.length;
  byId('alerts-more').hidden = some.length === sorted.length;
  setText(byId('alerts-more'), `Show all ${sorted.length.toLocaleString()} alerts`);
  byId('alerts-rest').hidden = left <= 0 || some.length < sorted.length;
  setText(byId('alerts-rest'), `and ${left.toLocaleString()} older ones: see vedette alerts list`);
}

const linkTo = (row) => `#alert=${encodeURIComponent(row.id)}&by=${encodeURIComponent(row.source)}`;

function makeRow(row) {
  const view = {
    severity: el('span', {}),
    host: el('span', { class: 'alert-host' }),
    what: el('span', { class: 'alert-what' }),
    source: el('span', { class: 'alert-source', title: row.source, text: row.source.split('@')[0] }),
    state: el('span', {}),
    age: age(row.opened_ms, 'ago'),
  };
  view.node = el('li', {},
    el('a', { class: 'alert-open', href: linkTo(row) },
      view.severity, view.host, view.what, view.source, view.state,
      el('span', { class: 'alert-when' }, view.age)));
  return view;
}

function updateRow(view, row) {
  setClass(view.severity, `severity is-${row.severity}`);
  setText(view.severity, row.severity);
  setText(view.host, row.host);
  setText(view.what, `${row.family}: ${row.detectors.join(', ')}`);
  showState(view.state, row);
  setAge(view.age, row.opened_ms);
}

function showState(node, row) {
  setClass(node, row.state === 'new' ? 'tag tone-warn' : 'tag');
  setText(node, row.verdict ? `${row.state}, ${row.verdict}` : row.state);
}

/** Opens what the address names, if it is not open. */
export function alertByAddress() {
  const named = wanted();
  if (!named) {
    if (dialog.open) dialog.close();
    return;
  }
  if (!dialog.open) dialog.showModal();
  place.replaceChildren(el('div', { class: 'skeleton', 'aria-label': 'Loading' }, el('i'), el('i'), el('i'), el('i')));
  load(named);
}

function wanted() {
  const [, id, source] = /^#alert=([^&]+)&by=(.+)$/.exec(location.hash) ?? [];
  if (!id) return null;
  try {
    return { id: decodeURIComponent(id), source: decodeURIComponent(source) };
  } catch {
    return { id, source };
  }
}

const pathOf = (row) => `alerts/${encodeURIComponent(row.id)}?source=${encodeURIComponent(row.source)}`;

async function load(named) {
  loading?.abort();
  const mine = new AbortController();
  loading = mine;
  shown = named;
  try {
    const alert = await get(pathOf(named), {}, { signal: mine.signal });
    shown = alert;
    const at = dialog.scrollTop;
    const note = place.querySelector('.alert-note')?.value ?? '';
    place.replaceChildren(...view(alert));
    place.querySelector('.alert-note').value = note;
    dialog.scrollTop = at;
  } catch (error) {
    if (isAbort(error)) return;
    if (error.status === 401) {
      dialog.close();
      onUnauthorized();
      return;
    }
    place.replaceChildren(el('div', { class: 'notice tone-bad', role: 'alert' },
      el('div', {}, el('strong', { text: error.status === 404 ? 'No such alert' : error.title ?? 'Something went wrong' }), el('p', { text: error.detail ?? error.message }))));
  }
}

const list = (value) => (Array.isArray(value) ? value : []);
const time = (ms) => el('time', { datetime: iso(ms), title: full(ms), text: clock(ms) });
const part = (title, ...children) => el('section', { class: 'item-part' }, el('h3', { text: title }), ...children);

function view(alert) {
  const state = el('span', {});
  showState(state, alert);
  return [
    el('div', { class: 'item-top' },
      el('p', { class: 'item-kicker' },
        el('span', { class: `severity is-${alert.severity}`, text: alert.severity }),
        state,
        el('span', { text: 'by' }),
        el('span', { class: 'wrap', text: alert.source })),
      el('h2', { class: 'item-summary', text: `${alert.family} by ${alert.host}` }),
      el('p', { class: 'muted' }, 'Opened ', time(alert.opened_ms), ', last seen ', time(alert.last_ms), ` · ${count(alert.flows, 'flow', 'flows')}, ${count(alert.count, 'piece', 'pieces')} of evidence`),
      handled('Moved', alert.moved_by, alert.moved_ms, alert.note),
      handled(`Judged ${alert.verdict}`, alert.judged_by, alert.judged_ms, alert.judged_note)),
    deeds(alert),
    part('Evidence', ...list(alert.evidence).map(piece)),
    alert.techniques.length > 0 && part('Techniques (MITRE ATT&CK)', tags(alert.techniques)),
    list(alert.peers).length > 0 && part('Peers', tags(list(alert.peers))),
    part('Items', el('p', { class: 'hint', text: 'Each change is an item with its own proof.' }),
      el('ul', { class: 'told' }, ...list(alert.told).map((one) => el('li', {},
        el('a', { class: 'told-link', href: `#item=${encodeURIComponent(one.item)}` },
          el('span', { class: 'num muted' }, time(one.at_ms)),
          el('span', { text: one.change }),
          el('span', { class: 'told-go', text: 'item and proof' })))))),
    list(alert.history).length > 0 && part('History', el('ul', { class: 'told' }, ...alert.history.map((step) => el('li', { class: 'told-link' },
      el('span', { class: 'num muted' }, time(Date.parse(step?.at))),
      el('span', { text: `${step?.from} → ${step?.to}` }),
      el('span', { class: 'muted wrap', text: step?.by ?? '' }))))),
  ].filter(Boolean);
}

const count = (n, one, many) => `${Number(n).toLocaleString()} ${n === 1 ? one : many}`;
const tags = (names) => el('div', { class: 'tags' }, ...names.map((name) => el('span', { class: 'tag', text: name })));

function handled(what, who, ms, note) {
  return who && el('p', { class: 'wrap' }, `${what} by ${who} `, time(ms), note ? `: ${note}` : '');
}

const figure = (value) => (Number.isFinite(value) ? value.toLocaleString(undefined, { maximumFractionDigits: Math.abs(value) < 1 ? 4 : 2 }) : '?');

/** One piece of evidence: each figure, and what it was held against. */
function piece(told) {
  const why = list(told?.why);
  return el('div', { class: 'evidence' },
    el('p', { class: 'evidence-head' },
      el('strong', { text: told?.detector ?? '?' }),
      el('span', { class: `severity is-${told?.severity}`, text: told?.severity ?? '' }),
      Number.isFinite(told?.confidence) && el('span', { class: 'muted num', text: `${Math.round(told.confidence * 100)} % sure` }),
      told?.technique && el('span', { class: 'tag', text: told.technique })),
    told?.note && el('p', { class: 'wrap', text: told.note }),
    why.length > 0 && el('table', { class: 'figures' },
      el('thead', {}, el('tr', {}, ...['Figure', 'Value', 'Threshold'].map((text) => el('th', { scope: 'col', text })))),
      el('tbody', {}, ...why.map((one) => el('tr', {},
        el('td', { class: 'wrap', text: one?.name }),
        el('td', { class: 'num', text: figure(one?.value) }),
        el('td', { class: 'num', text: Number.isFinite(one?.threshold) ? figure(one.threshold) : '' }))))),
    list(told?.examples).length > 0 && el('details', {},
      el('summary', { text: count(told.examples.length, 'example', 'examples') }),
      el('ul', { class: 'examples' }, ...told.examples.map((one) => el('li', { class: 'mono wrap', text: `${side(one?.originator)} → ${side(one?.responder)}` })))));
}

const side = (end) => (String(end?.address).includes(':') ? `[${end.address}]:${end.port}` : `${end?.address}:${end?.port}`);

/** What a person can do with it. */
function deeds(alert) {
  const said = el('p', { class: 'verified tone-bad', role: 'alert' });
  const note = el('input', { class: 'alert-note', type: 'text', maxlength: 1000, placeholder: 'A note for the others', 'aria-label': 'Note' });
  const secret = el('input', { type: 'password', autocomplete: 'off', placeholder: 'Token of an operator, vdt_…', 'aria-label': 'Token of an operator', spellcheck: 'false', autocapitalize: 'off' });
  const box = el('div', { class: 'actions' });
  const run = async (body) => {
    const had = token();
    const given = secret.value.trim();
    if (had === null && !given) {
      said.textContent = 'This takes the token of an operator. With `vedette up` it is in the file admin.token of the data folder.';
      secret.focus();
      return;
    }
    for (const button of box.children) button.disabled = true;
    if (had === null) setToken(given);
    try {
      const row = await act('POST', pathOf(alert), { ...body, note: note.value.trim() || null });
      note.value = '';
      setAlert(row);
    } catch (error) {
      if (had === null) setToken(null);
      for (const button of box.children) button.disabled = false;
      const refused = error.status === 401 || error.status === 403;
      said.textContent = refused ? 'This takes the token of an operator.' : error.detail || error.title;
    }
  };
  const button = (text, body, kind) => el('button', { type: 'button', class: kind, text, on: { click: () => run(body) } });
  if (list(alert.possible).includes('acknowledged')) box.append(button('Acknowledge', { state: 'acknowledged' }, 'main'));
  if (alert.verdict !== 'attack') box.append(button('It is an attack', { verdict: 'attack' }));
  if (alert.verdict !== 'benign') box.append(button('It is benign', { verdict: 'benign' }));
  return el('div', { class: 'alert-deeds' }, note, token() === null && secret, box, said);
}
