// The agents: a list of who is there, and the chosen one with its behaviours.

import { get, isAbort } from './api.js';
import { beforePaint, byId, el, keyed, setAttr, setClass, setText } from './dom.js';
import { behaviourView, isLate, standing } from './behaviour.js';
import { isWatching, trafficView } from './traffic.js';
import { POLICIES, keysView } from './trust.js';
import { age, clock, everySecond, full, iso, now, setAge } from './time.js';

const ROLES = ['registrar', 'aggregator', 'analyzer', 'mitigator', 'probe'];
/** Presence as a person says it. */
const WORDS = { chat: 'eager', available: 'available', away: 'away', xa: 'away for long', dnd: 'busy', unavailable: 'gone' };
/** With so many or fewer agents there is nothing to search for. */
const FEW = 8;
/** How long nothing may be heard of an agent until it counts as silent, as the server has it. */
const QUIET_MS = 60_000;
/** For so long a violation is a reason to look at the agent. */
const LATELY_MS = 600_000;
const VIOLATIONS = 5;
/** So many moments of a presence are read, and so many of them are shown until all are asked for. */
const MOMENTS = 50;
const MOMENTS_FIRST = 5;
const HISTORY_SOON_MS = 300;

const wide = matchMedia('(min-width: 1000px)');
const agents = new Map();
const rows = new Map();
let chosen = null;
let detail = null;
let find = '';
let only = 'all';
let loaded = false;
let sought = false;
/** Where the list stands above the items, a few are shown until all are asked for: first those that need attention. */
let all = false;
let few = new Set();
let onUnknown = () => {};
let onSilent = () => {};
/** Up to when the server's word is known. Nobody is silent only because this page heard nothing. */
let heardAt = 0;
let judged = '';
let historyTimer = 0;

const list = byId('agent-list');
const pane = byId('agent-pane');

/**
 * Wires the controls; `unknown(jid)` is called when somebody is heard of who is not in the list, or is not drawn yet;
 * `silent()` when somebody falls silent or is heard again.
 */
export function startAgents({ unknown, silent }) {
  onUnknown = unknown;
  onSilent = silent;
  byId('agent-find').addEventListener('input', (event) => { find = event.target.value.trim().toLowerCase(); fromTop(); });
  byId('agent-only').addEventListener('change', (event) => { only = event.target.value; fromTop(); });
  byId('agents-more').addEventListener('click', () => { all = true; paint(); });
  wide.addEventListener('change', () => {
    if (wide.matches && !chosen) choose(firstChoice());
    paint();
  });
  list.addEventListener('keydown', byArrow);
  // Silence comes with time alone, without an event.
  everySecond(() => { if (judgement() !== judged) paint(); });
}

/** Takes the whole list: who is not in it is gone. */
export function setAgents(entries) {
  const named = new Set(entries.map((agent) => agent.jid));
  for (const jid of agents.keys()) if (!named.has(jid)) agents.delete(jid);
  for (const agent of entries) merge(agent);
  loaded = true;
  heardAt = now();
  if (chosen && !agents.has(chosen)) chosen = null;
  if (!chosen && wide.matches) chosen = firstChoice();
  few = new Set(sorted().sort((a, b) => needsCare(b) - needsCare(a)).slice(0, FEW).map((agent) => agent.jid));
  historySoon();
  paint();
}

/** Notes that the server spoke, and hence that what is here is what it knows. */
export function heard() {
  heardAt = now();
}

/** Takes one agent; `behaviours` may be absent and then stay as they are. */
export function setAgent(agent) {
  if (!agent?.jid) return;
  const known = agents.has(agent.jid);
  merge(agent);
  if (!known && !agent.behaviours) onUnknown(agent.jid);
  paint();
}

/** Takes a presence from the events. */
export function setPresence(presence) {
  const { jid, show, status, since_ms, role, duties, labels, version, runs, why, flapping, load, policy } = presence ?? {};
  if (!jid) return;
  const known = agents.get(jid);
  // A replayed presence is older than what the list said.
  if (known && Number(known.since) > since_ms) return;
  // What is left out is not so: no reason, no load, no flapping.
  const told = { jid, presence: show, status: status ?? null, since: since_ms, why: why ?? null, flapping: flapping === true, load: load ?? 0 };
  if (role) told.role = role;
  if (duties?.length) told.duties = duties;
  if (labels && Object.keys(labels).length) told.labels = labels;
  if (version) told.version = version;
  if (runs?.length) told.runs = runs;
  if (policy) told.policy = policy;
  merge(told);
  if (jid === chosen) historySoon();
  if (!known) onUnknown(jid);
  paint();
}

/** Takes what an agent reports from the events: its behaviours are complete, but without diagrams. */
export function setReport({ jid, behaviours, unwanted, violations }) {
  if (!jid || !Array.isArray(behaviours)) return;
  if (!agents.has(jid)) {
    onUnknown(jid);
    return;
  }
  merge({ jid, behaviours, unwanted: unwanted ?? 0, violations: violations ?? [], last_report_ms: now() });
  if (chosen === jid && agents.get(jid).behaviours.some((one) => !one.diagram)) onUnknown(jid);
  paint();
}

/** Notes that an agent told of traffic. */
export function showTraffic(jid) {
  if (detail && detail.jid === jid) detail.traffic.soon();
}

export const agentCount = () => agents.size;

export const silentCount = () => [...agents.values()].filter(silence).length;

/** Opens the first of those who are silent, and brings it into sight. */
export function showSilent() {
  const first = sorted().find(silence);
  if (!first) return;
  find = byId('agent-find').value = '';
  only = byId('agent-only').value = 'all';
  sought = false;
  choose(first.jid);
  beforePaint('agents seek', () => {
    const row = rows.get(first.jid);
    (wide.matches ? byId('agents') : row?.node)?.scrollIntoView({ block: 'start' });
    row?.button.focus({ preventScroll: true });
  });
}

function merge(agent) {
  const before = agents.get(agent.jid);
  const after = { labels: {}, duties: [], behaviours: [], runs: [], violations: [], backlog: 0, presence: 'unavailable', ...before, ...agent };
  if (agent.behaviours) {
    const drawn = new Map(before?.behaviours.map((one) => [one.name, one.diagram]));
    after.behaviours = agent.behaviours.map((one) => (one.diagram ? one : { ...one, diagram: drawn.get(one.name) }));
  }
  agents.set(agent.jid, after);
}

const isGone = (agent) => agent.presence === 'unavailable';
/** Of whom is gone, nothing is expected. */
const expectedAt = (agent) => (isGone(agent) ? -Infinity : heardAt);
const recent = (agent) => agent.violations.filter((one) => heardAt - one.at_ms < LATELY_MS).length;
const isAlarming = ({ tone }) => tone === 'bad' || tone === 'warn';
const needsCare = (agent) => isGone(agent) || Boolean(silence(agent)) || agent.flapping === true || recent(agent) > 0
  || agent.behaviours.some((one) => isAlarming(standing(one, expectedAt(agent))));

const isQuiet = (agent) => !isGone(agent) && Number.isFinite(agent.last_report_ms) && heardAt - agent.last_report_ms > QUIET_MS;

/**
 * Since when an agent that says it is there does not do what it is there for, and why that is said: `{since, why}` or null.
 * The rule is the server's (`silent` in its lists), applied here since the list is read once and silence comes later.
 */
function silence(agent) {
  if (isGone(agent)) return null;
  const late = agent.behaviours.filter((one) => isLate(one, heardAt));
  const quiet = isQuiet(agent);
  if (!late.length && !quiet) return null;
  // Who reports no more is overdue in time as well: the reason changes then, the beginning does not.
  const since = Math.min(...late.map((one) => one.due_ms), quiet ? agent.last_report_ms : Infinity);
  return { since, why: late.length ? `\`${late[0].name}\` is overdue` : 'it does not report any more' };
}

/** What time alone changes of how agents are shown, as one text. */
function judgement() {
  const marks = [...agents.values()].map((agent) => {
    const late = isGone(agent) ? 0 : agent.behaviours.filter((one) => isLate(one, heardAt)).length;
    return `${silence(agent)?.why ?? ''} ${late} ${recent(agent)}`;
  });
  return marks.join('\n');
}

function sorted() {
  const rank = (agent) => {
    const index = ROLES.indexOf(agent.role);
    return index < 0 ? ROLES.length : index;
  };
  return [...agents.values()].sort((a, b) => rank(a) - rank(b) || a.jid.localeCompare(b.jid, undefined, { numeric: true }));
}

function isWanted(agent) {
  if (only === 'care' && !needsCare(agent)) return false;
  if (only === 'present' && isGone(agent)) return false;
  if (only === 'gone' && !isGone(agent)) return false;
  if (only === 'silent' && !silence(agent)) return false;
  if (!find) return true;
  const labels = Object.entries(agent.labels ?? {}).map(([key, value]) => `${key}=${value}`);
  const names = agent.behaviours.map((one) => one.name);
  const marks = [silence(agent) ? 'silent' : '', agent.flapping ? 'flapping' : '', agent.why];
  return [agent.jid, agent.role, agent.status, ...labels, ...names, ...agent.runs, ...marks].join(' ').toLowerCase().includes(find);
}

/** The first to look at: somebody with drawings, a probe if there is one. */
function firstChoice() {
  const order = sorted();
  return (order.find((agent) => agent.role === 'probe' && !isGone(agent)) ?? order.find((agent) => agent.behaviours.length) ?? order[0])?.jid ?? null;
}

const paint = () => beforePaint('agents', render);

function fromTop() {
  list.parentElement.scrollTop = 0;
  paint();
}

function render() {
  const before = judged;
  judged = judgement();
  if (judged !== before) onSilent();
  const everybody = sorted();
  const wanted = everybody.filter(isWanted);
  const short = !wide.matches && !all && wanted.length > FEW + 2 && !find && only === 'all';
  const shown = short ? wanted.filter((agent) => few.has(agent.jid) || agent.jid === chosen || silence(agent)) : wanted;
  keyed(list, rows, shown, (agent) => agent.jid, makeRow, updateRow);
  const many = agents.size > FEW;
  byId('agent-tools').hidden = !many;
  setClass(byId('agents-board'), many ? 'agents many' : 'agents');
  byId('agents-more').hidden = !short;
  setText(byId('agents-more'), `Show all ${wanted.length} agents`);
  setText(byId('agent-count'), wanted.length === everybody.length ? everybody.length || '' : `${wanted.length} of ${everybody.length}`);
  byId('agents').hidden = !loaded;
  byId('agents-skeleton').hidden = loaded;
  byId('agents-none').hidden = !loaded || agents.size > 0;
  byId('agents-board').hidden = agents.size === 0;
  byId('agents-nomatch').hidden = shown.length > 0 || agents.size === 0;
  showDetail();
}

/** The detail stands in the pane beside the list, or, where there is no room, right below its row. */
function showDetail() {
  const agent = chosen && agents.get(chosen);
  if (!agent) {
    dropDetail();
    return;
  }
  if (detail?.jid !== agent.jid) {
    dropDetail();
    detail = makeDetail(agent);
    readHistory(detail.history);
    readWhole(detail.whole);
    if (isWatching(agent)) detail.traffic.read();
  }
  if (!sought) {
    // Once, at the start: the chosen one may stand far down in a long list.
    const row = rows.get(agent.jid)?.node;
    if (row && wide.matches) list.parentElement.scrollTop = row.offsetTop - list.offsetTop - 60;
    sought = true;
  }
  const place = wide.matches ? pane : rows.get(agent.jid)?.node;
  if (!place) detail.node.remove();
  else if (detail.node.parentNode !== place) place.append(detail.node);
  updateDetail(detail, agent);
}

function dropDetail() {
  detail?.node.remove();
  detail?.history.loading?.abort();
  detail?.whole.loading?.abort();
  detail?.traffic.drop();
  detail = null;
}

function choose(jid) {
  chosen = jid;
  paint();
}

function makeRow(agent) {
  const view = {
    jid: agent.jid,
    dot: el('span', { class: 'dot', 'aria-hidden': 'true' }),
    name: jidName(agent.jid),
    now: el('span', { class: 'agent-now' }),
    word: el('span'),
    since: age(agent.since),
    why: el('span', { class: 'agent-why' }),
    flap: flapTag(),
    rough: el('span', { class: 'tag tone-warn', title: 'Violations of a protocol in the last 10 minutes' }),
    open: el('span', { class: 'tag tone-warn' }),
    role: el('span', { class: 'role' }),
    chips: el('span', { class: 'chips' }),
    kept: new Map(),
  };
  view.now.append(view.word, ' ', view.since, view.why);
  view.button = el('button', { type: 'button', class: 'agent-open' },
    view.dot,
    el('span', { class: 'agent-name' }, view.name),
    view.role,
    el('span', { class: 'agent-since' }, view.now, view.flap, view.rough, view.open),
    view.chips,
    el('span', { class: 'chevron', 'aria-hidden': 'true' }));
  view.button.addEventListener('click', () => choose(chosen === view.jid && !wide.matches ? null : view.jid));
  view.node = el('li', { class: 'agent' }, view.button);
  return view;
}

function updateRow(view, agent) {
  const isOpen = agent.jid === chosen;
  const silent = silence(agent);
  setClass(view.node, `agent${isOpen ? ' open' : ''}${isGone(agent) ? ' gone' : ''}${silent ? ' silent' : ''}`);
  setAttr(view.button, 'aria-expanded', wide.matches ? null : isOpen);
  setAttr(view.button, 'aria-current', wide.matches && isOpen ? 'true' : null);
  showPresence(view, agent, silent);
  setAttr(view.now, 'title', silent ? view.reason : agent.why);
  setText(view.why, isGone(agent) && agent.why ? ` · ${agent.why}` : '');
  view.flap.hidden = agent.flapping !== true;
  const rough = recent(agent);
  view.rough.hidden = rough === 0;
  setText(view.rough, rough === 1 ? '1 violation' : `${rough} violations`);
  const open = agent.policy !== 'sealed' && POLICIES[agent.policy];
  view.open.hidden = !open || isGone(agent);
  setText(view.open, open ? open.word : '');
  setAttr(view.open, 'title', open ? open.title : null);
  setText(view.role, agent.role || 'agent');
  keyed(view.chips, view.kept, agent.behaviours, (one) => one.name, makeChip, (chip, one) => {
    const { tone, word } = standing(one, expectedAt(agent));
    setClass(chip.node, `chip tone-${tone}`);
    setText(chip.state, word);
  });
}

function makeChip(behaviour) {
  const state = el('span', { class: 'chip-state' });
  return { state, node: el('span', { class: 'chip' }, el('span', { class: 'chip-name', text: behaviour.name }), ' ', state) };
}

const flapTag = () => el('span', { class: 'tag tone-warn', title: 'Comes and goes so often that its coming says little', text: 'flapping' });

const wordOf = (show) => WORDS[show] ?? show;

/** Fills the dot, the word and the time of a row or a detail, and notes in `view.reason` why it is so. */
function showPresence(view, agent, silent) {
  setClass(view.dot, silent ? 'dot is-silent' : `dot is-${agent.presence}`);
  setClass(view.word, silent ? 'silent-word' : '');
  setText(view.word, silent ? 'silent for' : `${wordOf(agent.presence)} for`);
  setAge(view.since, silent ? silent.since : agent.since);
  view.reason = silent ? `says that it is ${wordOf(agent.presence)}, but ${silent.why}` : isGone(agent) ? agent.why ?? '' : '';
}

function jidName(jid) {
  const at = jid.indexOf('@');
  const name = el('span', { class: 'jid', title: jid });
  if (at < 0) name.textContent = jid;
  else name.append(el('span', { class: 'jid-user', text: jid.slice(0, at) }), el('span', { class: 'jid-host', text: jid.slice(at) }));
  return name;
}

function makeDetail(agent) {
  const view = {
    jid: agent.jid,
    dot: el('span', { class: 'dot', 'aria-hidden': 'true' }),
    word: el('span'),
    since: age(agent.since),
    why: el('span', { class: 'agent-reason' }),
    flap: flapTag(),
    status: el('span', { class: 'agent-status' }),
    facts: el('dl', { class: 'facts' }),
    tags: el('div', { class: 'tags' }),
    report: age(agent.last_report_ms ?? NaN, 'ago'),
    behaviours: el('div', { class: 'behaviours' }),
    stale: el('p', { class: 'hint stale' }),
    violations: violationsView(),
    history: historyView(agent.jid),
    whole: wholeView(agent.jid),
    traffic: trafficView(agent.jid),
    none: el('p', { class: 'hint', text: 'Has not reported a behaviour yet.' }),
    kept: new Map(),
  };
  view.version = el('dd');
  view.backlog = el('dd', { class: 'num' });
  view.duties = el('dd');
  view.load = el('dd', { class: 'num' });
  view.loadRow = el('div', { title: 'How busy it is, by its own account' }, el('dt', { text: 'load' }), view.load);
  view.unwanted = el('dd', { class: 'num' });
  view.unwantedRow = el('div', { title: 'Messages that none of its behaviours wanted, since its start' }, el('dt', { text: 'unwanted' }), view.unwanted);
  view.policy = el('dd');
  view.policyRow = el('div', {}, el('dt', { text: 'speech' }), view.policy);
  view.runs = el('dd');
  view.runsRow = el('div', {}, el('dt', { text: 'runs' }), view.runs);
  view.dutiesRow = el('div', {}, el('dt', { text: 'duties' }), view.duties);
  view.facts.append(
    view.dutiesRow,
    view.runsRow,
    el('div', {}, el('dt', { text: 'version' }), view.version),
    el('div', { title: 'Results that are kept at the agent and not delivered yet' }, el('dt', { text: 'backlog' }), view.backlog),
    view.loadRow,
    view.unwantedRow,
    view.policyRow,
    el('div', {}, el('dt', { text: 'last report' }), el('dd', {}, view.report)));
  view.node = el('section', { class: 'agent-detail', 'aria-label': `Agent ${agent.jid}` },
    el('header', { class: 'agent-head' },
      el('h3', {}, jidName(agent.jid)),
      el('p', { class: 'agent-presence' }, el('span', { class: 'presence-now' }, view.dot, view.word, ' ', view.since), view.why, view.status),
      view.tags,
      view.facts,
      view.stale),
    view.whole.node,
    view.violations.node,
    view.traffic.node,
    view.behaviours,
    view.none,
    view.history.node,
    keysView(agent.jid));
  return view;
}

function updateDetail(view, agent) {
  showPresence(view, agent, silence(agent));
  setText(view.why, view.reason);
  setText(view.status, agent.status ?? '');
  setText(view.version, agent.version || 'unknown');
  setText(view.backlog, (agent.backlog ?? 0).toLocaleString());
  setClass(view.backlog, agent.backlog > 0 ? 'num tone-warn' : 'num');
  view.dutiesRow.hidden = !agent.duties?.length;
  setText(view.duties, (agent.duties ?? []).join(', '));
  setAge(view.report, agent.last_report_ms ?? NaN);
  view.loadRow.hidden = !(agent.load > 0);
  setText(view.load, `${agent.load} %`);
  view.unwantedRow.hidden = !(agent.unwanted > 0);
  setText(view.unwanted, agent.unwanted === 1 ? '1 message' : `${(agent.unwanted ?? 0).toLocaleString()} messages`);
  const policy = POLICIES[agent.policy];
  view.policyRow.hidden = !policy;
  setText(view.policy, policy?.word ?? '');
  setClass(view.policy, agent.policy === 'sealed' ? 'tone-ok' : 'tone-warn');
  setAttr(view.policyRow, 'title', policy?.title);
  view.runsRow.hidden = agent.behaviours.length > 0 || agent.runs.length === 0;
  setText(view.runs, agent.runs.join(', '));
  const tags = [agent.role || 'agent', ...Object.entries(agent.labels ?? {}).map(([key, value]) => `${key}=${value}`)];
  const key = JSON.stringify(tags);
  if (view.tagKey !== key) {
    view.tagKey = key;
    view.tags.replaceChildren(...tags.map((text, index) => el('span', { class: index ? 'tag' : 'tag role', text })), view.flap);
  }
  view.flap.hidden = agent.flapping !== true;
  view.stale.hidden = !(isGone(agent) || isQuiet(agent)) || agent.behaviours.length === 0;
  setText(view.stale, `${isGone(agent) ? 'Gone' : 'Silent'}: this is what was known last.`);
  showViolations(view.violations, agent);
  view.none.hidden = agent.behaviours.length > 0;
  keyed(view.behaviours, view.kept, agent.behaviours, (one) => one.name, (one) => behaviourView(agent.jid, one, wide.matches), (one, told) => one.update(told, { stale: isGone(agent), at: expectedAt(agent) }));
}

function violationsView() {
  const view = { list: el('ul', { class: 'log' }), more: el('p', { class: 'hint' }), key: '' };
  view.node = el('section', { class: 'agent-part', hidden: true }, el('h4', { text: 'Went against a protocol' }), view.list, view.more);
  return view;
}

/** The newest first, though they come the other way round. */
function showViolations(view, agent) {
  const all = [...agent.violations].reverse();
  view.node.hidden = all.length === 0;
  setClass(view.node, recent(agent) > 0 ? 'agent-part tone-warn' : 'agent-part');
  const key = JSON.stringify(all);
  if (view.key === key) return;
  view.key = key;
  view.list.replaceChildren(...all.slice(0, VIOLATIONS).map((one) => el('li', { title: `conversation ${one.conversation}` },
    moment(one.at_ms),
    el('span', { class: 'log-what' }, el('span', { text: one.protocol }), el('span', { class: 'muted', text: ' with ' }), jidName(one.with)),
    el('span', { class: 'log-why', text: one.what }))));
  const left = all.length - VIOLATIONS;
  view.more.hidden = left <= 0;
  setText(view.more, `and ${left} more`);
}

const moment = (ms) => el('time', { class: 'num muted', datetime: iso(ms), title: full(ms), text: clock(ms) });

/** What is missing of the chosen agent's items; hidden while nothing is. */
function wholeView(jid) {
  const list = el('ul', { class: 'log' });
  const more = el('p', { class: 'hint' });
  return { jid, list, more, loading: null, node: el('section', { class: 'agent-part tone-warn', hidden: true }, el('h4', { text: 'Missing' }), list, more) };
}

async function readWhole(view) {
  view.loading?.abort();
  const mine = new AbortController();
  view.loading = mine;
  try {
    const found = await get(`agents/${encodeURIComponent(view.jid)}/completeness`, {}, { signal: mine.signal });
    const gaps = found.gaps.map((gap) => [gap.after_ts, gap.before_ts, gap.from === gap.to ? `item ${gap.from}` : `items ${gap.from}–${gap.to}`]);
    const breaks = found.breaks.map((one) => [null, one.ts, one.kind === 'fork' ? `another item ${one.seq}: the agent forgot what it had said` : `item ${one.seq} names another one before it`]);
    const all = [...gaps, ...breaks];
    view.node.hidden = all.length === 0;
    view.list.replaceChildren(...all.slice(-VIOLATIONS).reverse().map(([after, before, what]) => el('li', {},
      el('span', { class: 'num muted', text: `${after === null ? 'before' : `${clock(after * 1000)} –`} ${clock(before * 1000)}`, title: `${after === null ? '' : full(after * 1000)} – ${full(before * 1000)}` }),
      el('span', { class: 'log-what' }, el('span', { text: what })))));
    const left = all.length - VIOLATIONS;
    view.more.hidden = left <= 0;
    setText(view.more, `and ${left} more`);
  } catch (error) {
    if (!isAbort(error)) view.node.hidden = true;
  }
}

/** Where the chosen agent was. */
function historyView(jid) {
  const view = { jid, moments: null, total: 0, all: false, loading: null, list: el('ul', { class: 'log', tabindex: -1 }), said: el('p', { class: 'hint', text: 'Loading…' }) };
  view.more = el('button', { type: 'button', class: 'quiet', hidden: true });
  view.more.addEventListener('click', () => {
    view.all = true;
    showHistory(view);
    // The button goes; who came by keyboard goes on from here.
    view.list.focus({ preventScroll: true });
  });
  view.node = el('section', { class: 'agent-part' }, el('h4', { text: 'Came and went' }), view.said, view.list, view.more);
  return view;
}

/** Several events of one agent are one reason to read. */
function historySoon() {
  if (historyTimer || !detail) return;
  historyTimer = setTimeout(() => {
    historyTimer = 0;
    if (!detail) return;
    readHistory(detail.history);
    readWhole(detail.whole);
  }, HISTORY_SOON_MS);
}

async function readHistory(view) {
  view.loading?.abort();
  const mine = new AbortController();
  view.loading = mine;
  try {
    const page = await get(`agents/${encodeURIComponent(view.jid)}/presence`, { limit: MOMENTS }, { signal: mine.signal });
    view.moments = page.items;
    view.total = page.total;
    showHistory(view);
  } catch (error) {
    if (isAbort(error)) return;
    view.said.hidden = false;
    setText(view.said, `Could not be read: ${error.detail || error.title || error.message}`);
  }
}

function showHistory(view) {
  const { moments } = view;
  const shown = view.all ? moments : moments.slice(0, MOMENTS_FIRST);
  view.list.replaceChildren(...shown.map(momentRow));
  view.more.hidden = shown.length === moments.length;
  setText(view.more, `Show ${moments.length - shown.length} more`);
  const unread = view.all ? view.total - moments.length : 0;
  view.said.hidden = moments.length > 0 && unread <= 0;
  setText(view.said, moments.length === 0 ? 'Nothing is known of it yet.' : `The ${moments.length} newest of ${view.total.toLocaleString()}.`);
}

function momentRow({ from, show, since_ms, status, why, flapping }) {
  const change = !from ? [wordOf(show)] : from === show ? ['still ', wordOf(show)] : [el('span', { class: 'muted', text: `${wordOf(from)} → ` }), wordOf(show)];
  const said = [why, status].filter(Boolean).join(' · ');
  return el('li', {},
    moment(since_ms),
    el('span', { class: 'log-what' }, el('span', { class: `dot is-${show}`, 'aria-hidden': 'true' }), el('span', {}, ...change)),
    el('span', { class: 'log-why', hidden: !said && !flapping }, el('span', { text: said }), flapping ? flapTag() : null));
}

function byArrow(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const row = event.target.closest?.('.agent-open');
  if (!step || !row) return;
  const order = [...list.querySelectorAll('.agent-open')];
  const next = order[order.indexOf(row) + step];
  if (!next) return;
  event.preventDefault();
  next.focus();
}
