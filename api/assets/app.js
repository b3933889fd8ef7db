// The dashboard: reads the lists once, then follows the events.

import { alertByAddress, alertCount, readAlerts, setAlert, startAlerts } from './alerts.js';
import { get, setToken, token } from './api.js';
import { agentCount, heard, setAgent, setAgents, setPresence, setReport, showSilent, showTraffic, silentCount, startAgents } from './agents.js';
import { byId, el, setAttr, setClass, setText } from './dom.js';
import { follow } from './events.js';
import { byAddress, refreshItem, startItem } from './item.js';
import { addItem, filterItems, itemCount, reload, stampItem, startItems } from './items.js';
import { everySecond, full, setServerClock } from './time.js';
import { readPeople, startTrust } from './trust.js';

const TOPICS = ['scan', 'tst', 'proof', 'presence', 'agent', 'behaviour', 'alert'];
const SUMMARY_EVERY_MS = 15_000;
const SUMMARY_SOONEST_MS = 1_500;
const RETRY_MS = 10_000;

let wrong = false;
let asking = false;
let summaryTimer = 0;
let retryTimer = 0;
/** Whether the line was dead since the agents were read, so that what is here may be old. */
let missed = false;
let summary = null;
let link = { word: 'connecting', retryAt: null };
const unknown = new Set();
let unknownTimer = 0;

const stream = follow(TOPICS, {
  onEvent: take,
  onOpen: (again) => {
    if (again || wrong || missed) refresh();
  },
  onState: (state) => {
    link = state;
    if (state.word === 'reconnecting' || state.word === 'offline') missed = true;
    showLink();
  },
  onHeard: () => { if (!missed) heard(); },
  onUnauthorized: ask,
});

function take(topic, data) {
  switch (topic) {
    case 'scan':
      addItem(data);
      if (data.type === 'traffic') showTraffic(data.source);
      break;
    case 'tst':
      stampItem(data);
      refreshItem(data.uuid);
      break;
    case 'presence':
      setPresence(data);
      break;
    case 'agent':
      setAgent(data);
      break;
    case 'alert':
      setAlert(data);
      return;
    case 'behaviour':
      setReport(data);
      return;
    case 'proof':
      break;
    default:
      return;
  }
  summarySoon();
}

/** Reads everything anew. What is shown stays until the answers are there. */
async function refresh() {
  clearTimeout(retryTimer);
  wrong = false;
  await Promise.all([readSummary(), readAgents(), reload(), readPeople(fail), readAlerts(fail)]);
  if (asking) return;
  if (wrong) retryTimer = setTimeout(refresh, RETRY_MS);
  else byId('problem').hidden = true;
}

async function readSummary() {
  clearTimeout(summaryTimer);
  summaryTimer = 0;
  try {
    showSummary(await get('summary'));
  } catch (error) {
    fail(error);
  }
  if (!asking && !summaryTimer) summaryTimer = setTimeout(readSummary, SUMMARY_EVERY_MS);
}

let soon = 0;

function summarySoon() {
  if (soon) return;
  soon = setTimeout(() => { soon = 0; readSummary(); }, SUMMARY_SOONEST_MS);
}

async function readAgents() {
  const all = [];
  try {
    let cursor = null;
    do {
      const page = await get('agents', { cursor });
      all.push(...page.items);
      cursor = page.next;
    } while (cursor);
    missed = false;
    setAgents(all);
  } catch (error) {
    fail(error);
  }
}

/** Reads agents that were heard of but are not known well: a few by name, many as a list. */
function readUnknown(jid) {
  unknown.add(jid);
  if (unknownTimer) return;
  unknownTimer = setTimeout(async () => {
    const jids = [...unknown];
    unknown.clear();
    if (jids.length > 4) await readAgents();
    else await Promise.all(jids.map((one) => get(`agents/${encodeURIComponent(one)}`).then(setAgent, () => {})));
    unknownTimer = 0;
  }, 700);
}

function fail(error) {
  if (error.status === 401) {
    ask();
    return;
  }
  wrong = true;
  setText(byId('problem-title'), error.status ? `${error.title} (${error.status})` : error.title ?? 'Something went wrong');
  const fields = (error.errors ?? []).map((one) => `${one.field}: ${one.detail}`);
  setText(byId('problem-detail'), [error.detail ?? error.message, ...fields].filter(Boolean).join(' · '));
  byId('problem').hidden = false;
  const blank = agentCount() === 0 && itemCount() === 0;
  byId('board').hidden = blank;
}

/** Asks for a token, since the API wants one. */
function ask() {
  clearTimeout(summaryTimer);
  clearTimeout(retryTimer);
  const refused = token() !== null;
  if (refused) setToken(null);
  if (refused) {
    byId('gate-wrong').hidden = false;
    setText(byId('gate-wrong'), 'The API does not know this token.');
    byId('gate-token').setAttribute('aria-invalid', 'true');
  }
  if (asking) return;
  asking = true;
  byId('problem').hidden = true;
  byId('board').hidden = true;
  byId('gate').hidden = false;
  byId('forget').hidden = true;
  byId('jump').hidden = true;
  setAttr(byId('link'), 'hidden', true);
  byId('authority').hidden = true;
  byId('gate-token').focus();
}

byId('gate').addEventListener('submit', async (event) => {
  event.preventDefault();
  const field = byId('gate-token');
  const secret = field.value.trim();
  byId('gate-wrong').hidden = true;
  field.removeAttribute('aria-invalid');
  if (!/^[\x21-\x7e]+$/.test(secret)) {
    setText(byId('gate-wrong'), 'A token is `vdt_` and 43 letters, digits, `-` or `_`.');
    byId('gate-wrong').hidden = false;
    return;
  }
  setToken(secret);
  try {
    showSummary(await get('summary'));
  } catch (error) {
    if (error.status === 401) ask();
    else {
      setText(byId('gate-wrong'), error.detail || error.title);
      byId('gate-wrong').hidden = false;
    }
    field.select();
    return;
  }
  field.value = '';
  asking = false;
  byId('gate').hidden = true;
  byId('jump').hidden = false;
  setAttr(byId('link'), 'hidden', null);
  start();
  byAddress();
  alertByAddress();
});

byId('forget').addEventListener('click', () => {
  setToken(null);
  location.reload();
});

byId('problem-retry').addEventListener('click', () => { stream.start(); refresh(); });

const count = (n, one, many) => `${(n ?? 0).toLocaleString()} ${n === 1 ? one : many}`;

function showSummary(told) {
  summary = told;
  setServerClock(summary.clock_ms);
  byId('board').hidden = asking;
  showHealth();
  showAuthority(summary.authority, summary.proofs ?? {});
  setText(byId('version'), summary.version ? `Vedette ${summary.version} · up since ${full(summary.started_ms)}` : '');
  byId('forget').hidden = token() === null;
}

/** One sentence from the summary, and from the agents who of them is silent. */
function showHealth() {
  if (!summary) return;
  const { agents = {}, items = {} } = summary;
  const silent = silentCount();
  const gone = (agents.total ?? 0) - (agents.present ?? 0);
  const alerts = alertCount();
  const parts = [
    [count(agents.present, 'agent', 'agents') + ' present', '', gone > 0 ? `${gone} more known, but gone` : 'everybody who is known'],
    silent > 0 && [`${silent.toLocaleString()} silent`, 'warn', 'Say that they are there, and do not do what they are there for', showSilent],
    alerts.open > 0 && [count(alerts.open, 'open alert', 'open alerts'), alerts.tone, 'What speaks against hosts', () => byId('alerts').scrollIntoView({ block: 'start' })],
    [count(items.total, 'item', 'items'), '', `${count(items.last_hour, 'item', 'items')} in the last hour`],
    items.pending > 0 && [`${count(items.pending, 'pending', 'pending')} proof`, 'pending', 'Wait for the time stamp of their batch', toItems({ proof: 'pending' })],
    items.total > 0 && [items.fail > 0 ? count(items.fail, 'failing check', 'failing checks') : 'no failing checks', items.fail > 0 ? 'bad' : 'ok', 'Checks whose last result within the hour is a failure', items.fail > 0 && toItems({ verdict: 'fail' })],
    items.missing > 0 && [count(items.missing, 'item missing', 'items missing'), 'bad', 'Agents number their items, and these numbers are not here: the agents say which'],
    summary.integrity?.state === 'edited' && ['database edited', 'bad', summary.integrity.faults > 1 ? `${summary.integrity.first}, and ${(summary.integrity.faults - 1).toLocaleString()} more: see /api/v1/integrity` : summary.integrity.first],
    items.error > 0 && [count(items.error, 'error', 'errors'), 'warn', 'Stored results of checks that could not be done', toItems({ verdict: 'error' })],
  ].filter(Boolean);
  const key = JSON.stringify(parts);
  if (byId('health').dataset.key !== key) {
    byId('health').dataset.key = key;
    byId('health').replaceChildren(...parts.flatMap(([text, tone, title, run], index) => {
      // Kept with the part before it, so that no line begins with a mark.
      const mark = index + 1 === parts.length ? '' : parts[index + 1][1] === 'pending' ? ',' : ' ·';
      return [el('span', { class: 'health-piece' }, healthPart(text, tone, title, run), mark), ' '];
    }));
  }
  document.title = items.fail > 0 ? `${count(items.fail, 'failing', 'failing')} · Vedette` : 'Vedette';
}

const toItems = (filter) => () => {
  filterItems(filter);
  byId('items').scrollIntoView({ block: 'start' });
};

/** A piece of the sentence; with `run` it can be pressed. */
function healthPart(text, tone, title, run) {
  const name = `health-part tone-${tone || 'plain'}`;
  if (!run) return el('span', { class: name, title, text });
  return el('button', {
    type: 'button', class: name, title: `${title}. Show them`, text,
    on: { click: run },
  });
}

function showAuthority(authority, proofs) {
  const badge = byId('authority');
  badge.hidden = !authority;
  if (!authority) return;
  const self = authority.trust === 'self-signed';
  setClass(badge, `badge authority tone-${self ? 'warn' : 'ok'}`);
  setText(badge, authority.trust ?? 'unknown');
  const last = Number.isFinite(proofs.last_ms) ? ` Last proof: ${full(proofs.last_ms)}.` : '';
  const what = self
    ? 'the development authority of this installation. It signs its own time stamps: good for a trial, worth nothing to a third party.'
    : 'an authority that this installation was told to believe.';
  setAttr(badge, 'title', `Time stamps come from ${authority.name}, ${what}${last}`);
}

const LINK_WORDS = { connecting: 'connecting', connected: 'live', reconnecting: 'reconnecting', offline: 'offline' };

function showLink() {
  setClass(byId('link'), `link is-${link.word}`);
  setText(byId('link-word'), LINK_WORDS[link.word]);
  const left = link.retryAt === null ? 0 : Math.ceil((link.retryAt - Date.now()) / 1000);
  setText(byId('link-when'), left > 0 ? `in ${left} s` : '');
}

everySecond(showLink);

addEventListener('keydown', (event) => {
  if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest('input, select, textarea, dialog')) return;
  event.preventDefault();
  byId('item-q').focus();
});

/** Asks one thing first: where a token is wanted, the rest need not be refused too. */
async function start() {
  await readSummary();
  if (asking) return;
  stream.start();
  refresh();
}

startAgents({ unknown: readUnknown, silent: showHealth });
startItems({ problem: fail });
startItem({ unauthorized: ask });
startAlerts({ unauthorized: ask, counted: showHealth });
startTrust();
start();
