// The items: a live table, newest first.

import { get, isAbort } from './api.js';
import { beforePaint, byId, el, keyed, setAttr, setClass, setText } from './dom.js';
import { clock, full, iso } from './time.js';

const PAGE = 100;
/** Live rows beyond so many push the oldest ones out, unless older ones were asked for. */
const KEEP = 400;
/** Where a filter is applied here, so many pages are read at most to find something. */
const PAGES_TO_SEARCH = 5;
const ENOUGH = 25;

const rows = new Map();
const views = new Map();
let order = [];
let waiting = new Map();
let next = null;
let cut = false;
let deep = false;
let total = 0;
let loaded = false;
let loading = null;
let held = false;
let filter = { q: '', verdict: '', proof: '' };
let onProblem = () => {};

const table = byId('item-table');
const body = byId('item-rows');
const pill = byId('items-new');
const older = byId('items-older');

/** Wires the controls; `problem(error)` is told when a list cannot be read. */
export function startItems({ problem }) {
  onProblem = problem;
  let typing = 0;
  byId('item-q').addEventListener('input', () => {
    clearTimeout(typing);
    typing = setTimeout(readFilter, 250);
  });
  for (const id of ['item-verdict', 'item-proof']) byId(id).addEventListener('change', readFilter);
  byId('item-filters').addEventListener('submit', (event) => { event.preventDefault(); readFilter(); });
  byId('items-clear').addEventListener('click', () => filterItems({}));
  byId('items-hold').addEventListener('click', () => {
    held = !held;
    if (!held) release();
    paint();
  });
  pill.addEventListener('click', () => {
    held = false;
    release();
    byId('items').scrollIntoView({ block: 'start' });
  });
  older.addEventListener('click', () => more());
  body.addEventListener('click', (event) => {
    const row = event.target.closest('tr');
    // A click that ends a selection of text is not meant to open anything.
    if (!row || event.target.closest('a') || String(getSelection())) return;
    row.querySelector('a')?.click();
  });
  addEventListener('scroll', () => {
    if (waiting.size && !isHeld()) release();
  }, { passive: true });
}

/** Sets the filters, the controls included, and reads the list anew. */
export function filterItems({ q = '', verdict = '', proof = '' }) {
  byId('item-q').value = q;
  byId('item-verdict').value = verdict;
  byId('item-proof').value = proof;
  readFilter();
}

function readFilter() {
  const said = { q: byId('item-q').value.trim(), verdict: byId('item-verdict').value, proof: byId('item-proof').value };
  const asks = said.q !== filter.q;
  const same = !asks && said.verdict === filter.verdict && said.proof === filter.proof;
  filter = said;
  if (same) return;
  const done = asks ? reload({ fresh: true }) : search();
  paint();
  // Said once for each filter, not for each item that comes.
  done.then(() => setText(byId('items-said'), `${order.filter(isWanted).length} items found`));
}

/** Reads the first page anew. What is further down stays, unless `fresh` or out of reach. */
export async function reload({ fresh = false } = {}) {
  const page = await read({ q: filter.q, limit: PAGE });
  if (!page) return;
  // Without a row in common there may be a gap: then all is taken anew.
  const reachesDown = page.items.some((row) => rows.has(row.uuid));
  if (fresh || !loaded || !reachesDown) {
    rows.clear();
    order = [];
    waiting.clear();
    next = page.next;
    cut = false;
    deep = false;
  }
  for (const row of page.items) rows.set(row.uuid, row);
  reorder();
  total = page.total;
  loaded = true;
  paint();
  await search();
}

async function read(query) {
  loading?.abort();
  const mine = new AbortController();
  loading = mine;
  paint();
  try {
    return await get('items', query, { signal: mine.signal });
  } catch (error) {
    if (!isAbort(error)) onProblem(error);
    return null;
  } finally {
    if (loading === mine) loading = null;
    paint();
  }
}

async function more() {
  const bottom = rows.get(order.at(-1));
  const query = { q: filter.q, limit: PAGE };
  // After rows were pushed out the cursor points below them: go by time instead.
  if (cut && bottom) query.until = Math.ceil(msOf(bottom) / 1000);
  else query.cursor = next;
  const page = await read(query);
  if (!page) return false;
  deep = true;
  cut = false;
  for (const row of page.items) rows.set(row.uuid, row);
  next = page.next;
  if (!query.until) total = page.total;
  reorder();
  paint();
  return true;
}

/** Verdict and proof are filtered here: reads on while too little is found, for a few pages. */
async function search() {
  if (!filter.verdict && !filter.proof) return;
  const mine = filter;
  for (let pages = 0; pages < PAGES_TO_SEARCH && hasMore(); pages += 1) {
    if (mine !== filter || order.filter(isWanted).length >= ENOUGH) return;
    if (!(await more())) return;
  }
}

const hasMore = () => cut || next !== null;

/** Takes a new item from the events. */
export function addItem(row) {
  if (!row?.uuid || !loaded) return;
  if (rows.has(row.uuid)) {
    Object.assign(rows.get(row.uuid), row);
    paint();
    return;
  }
  if (!says(row, filter.q)) return;
  if (!waiting.has(row.uuid)) total += 1;
  waiting.set(row.uuid, { ...row, fresh: true });
  // Who looks away for hours does not want thousands of them: the newest are enough, the rest is read again.
  if (waiting.size > KEEP) waiting.delete(waiting.keys().next().value);
  if (!isHeld()) release();
  else paint();
}

/** Takes the time stamp of an item from the events. */
export function stampItem({ uuid, stamped_ms, trust, authority }) {
  const row = rows.get(uuid) ?? waiting.get(uuid);
  if (!row) return;
  Object.assign(row, { proof: 'stamped', stamped_ms, trust, authority });
  paint();
}

export const itemCount = () => rows.size + waiting.size;

/** New rows wait while somebody reads further down, or has asked for a pause. */
function isHeld() {
  return held || body.getBoundingClientRect().top < byId('bar').offsetHeight - 4;
}

function release() {
  if (waiting.size >= KEEP) {
    waiting.clear();
    reload({ fresh: true });
    return;
  }
  for (const [uuid, row] of waiting) rows.set(uuid, row);
  waiting = new Map();
  reorder();
  if (!deep && order.length > KEEP) {
    for (const uuid of order.splice(KEEP)) rows.delete(uuid);
    cut = true;
  }
  paint();
}

function reorder() {
  order = [...rows.values()].sort((a, b) => msOf(b) - msOf(a) || b.received_ms - a.received_ms).map((row) => row.uuid);
}

/** When the item was found, in milliseconds: `ts` is in seconds, or a date. */
export function msOf(row) {
  return typeof row.ts === 'number' ? row.ts * 1000 : Date.parse(row.ts) || 0;
}

function says(row, q) {
  if (!q) return true;
  const wish = q.toLowerCase();
  return [row.type, row.source, row.summary, row.uuid].some((text) => String(text ?? '').toLowerCase().includes(wish));
}

function isWanted(uuid) {
  const row = rows.get(uuid);
  if (filter.verdict && (filter.verdict === 'none' ? row.verdict : row.verdict !== filter.verdict)) return false;
  return !filter.proof || row.proof === filter.proof;
}

const paint = () => beforePaint('items', render);

function render() {
  const shown = order.filter(isWanted);
  const filtered = Boolean(filter.q || filter.verdict || filter.proof);
  keyed(body, views, shown.map((uuid) => rows.get(uuid)), (row) => row.uuid, makeRow, updateRow);
  byId('items-skeleton').hidden = loaded;
  byId('items').hidden = !loaded;
  byId('items-none').hidden = !loaded || rows.size + waiting.size > 0 || filtered;
  byId('items-board').hidden = rows.size + waiting.size === 0 && !filtered;
  byId('item-filters').hidden = byId('items-board').hidden;
  byId('items-nomatch').hidden = shown.length > 0 || !filtered || Boolean(loading);
  table.hidden = shown.length === 0;
  setAttr(table, 'aria-busy', Boolean(loading));
  setText(byId('item-count'), total ? total.toLocaleString() : '');
  const fresh = waiting.size;
  pill.hidden = fresh === 0;
  setText(pill, `${fresh.toLocaleString()} new`);
  setAttr(pill, 'aria-label', `Show ${fresh} new items`);
  const hold = byId('items-hold');
  setText(hold, held ? 'Resume' : 'Pause');
  setAttr(hold, 'aria-pressed', held);
  older.hidden = !hasMore();
  older.disabled = Boolean(loading);
  setText(older, loading ? 'Loading…' : 'Load older');
  const local = filter.verdict || filter.proof;
  setText(byId('items-seen'), local
    ? `${shown.length.toLocaleString()} found in the ${rows.size.toLocaleString()} newest of ${total.toLocaleString()}`
    : `${shown.length.toLocaleString()} of ${total.toLocaleString()}`);
}

function makeRow(row) {
  const time = el('time', { class: 'num', datetime: iso(msOf(row)), title: full(msOf(row)), text: clock(msOf(row)) });
  const view = {
    verdict: el('span', {}),
    proof: el('span', {}),
    link: el('a', { class: 'item-link', href: `#item=${encodeURIComponent(row.uuid)}` }),
    source: el('td', { class: 'cell-source', role: 'cell', title: row.source ?? '', text: shortSource(row.source) }),
    type: el('td', { class: 'cell-type', role: 'cell', title: row.type, text: row.type }),
  };
  view.node = el('tr', { class: row.fresh ? 'item fresh' : 'item', role: 'row' },
    el('td', { class: 'cell-time', role: 'cell' }, time),
    view.source,
    view.type,
    el('td', { class: 'cell-verdict', role: 'cell' }, view.verdict),
    el('td', { class: 'cell-summary', role: 'cell' }, view.link),
    el('td', { class: 'cell-proof', role: 'cell' }, view.proof));
  return view;
}

function updateRow(view, row) {
  setClass(view.verdict, `verdict is-${row.verdict ?? 'none'}`);
  setText(view.verdict, row.verdict ?? 'no verdict');
  setText(view.link, row.summary || '(no output)');
  setAttr(view.link, 'title', row.summary || null);
  const stamped = row.proof === 'stamped';
  setClass(view.proof, stamped ? 'proof is-stamped' : 'proof is-pending');
  setText(view.proof, stamped ? `stamped ${Number.isFinite(row.stamped_ms) ? clock(row.stamped_ms) : ''}` : 'pending');
  setAttr(view.proof, 'title', stamped ? `Time stamp by ${row.trust === 'self-signed' ? 'the self-signed development authority of this installation' : 'a trusted authority'}` : 'Waits for the time stamp of its batch');
}

/** The local part: the host is the same for nearly all. */
function shortSource(source) {
  if (!source) return '—';
  const at = source.indexOf('@');
  return at > 0 ? source.slice(0, at) : source;
}
