// The agents: a list of who is there, and the chosen one with its behaviours.

import { beforePaint, byId, el, keyed, setAttr, setClass, setText } from './dom.js';
import { behaviourView, standing } from './behaviour.js';
import { age, now, setAge } from './time.js';

const ROLES = ['registrar', 'aggregator', 'analyzer', 'mitigator', 'probe'];
/** Presence as a person says it. */
const WORDS = { chat: 'eager', available: 'available', away: 'away', xa: 'away for long', dnd: 'busy', unavailable: 'gone' };
/** With so many or fewer agents there is nothing to search for. */
const FEW = 8;

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

const list = byId('agent-list');
const pane = byId('agent-pane');

/** Wires the controls; `unknown(jid)` is called when somebody is heard of who is not in the list, or is not drawn yet. */
export function startAgents({ unknown }) {
  onUnknown = unknown;
  byId('agent-find').addEventListener('input', (event) => { find = event.target.value.trim().toLowerCase(); fromTop(); });
  byId('agent-only').addEventListener('change', (event) => { only = event.target.value; fromTop(); });
  byId('agents-more').addEventListener('click', () => { all = true; paint(); });
  wide.addEventListener('change', () => {
    if (wide.matches && !chosen) choose(firstChoice());
    paint();
  });
  list.addEventListener('keydown', byArrow);
}

/** Takes the whole list: who is not in it is gone. */
export function setAgents(entries) {
  const named = new Set(entries.map((agent) => agent.jid));
  for (const jid of agents.keys()) if (!named.has(jid)) agents.delete(jid);
  for (const agent of entries) merge(agent);
  loaded = true;
  if (chosen && !agents.has(chosen)) chosen = null;
  if (!chosen && wide.matches) chosen = firstChoice();
  few = new Set(sorted().sort((a, b) => needsCare(b) - needsCare(a)).slice(0, FEW).map((agent) => agent.jid));
  paint();
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
  const { jid, show, status, since_ms, role, duties, labels, version } = presence ?? {};
  if (!jid) return;
  const known = agents.get(jid);
  // A replayed presence is older than what the list said.
  if (known && Number(known.since) > since_ms) return;
  const told = { jid, presence: show, status: status ?? null, since: since_ms };
  if (role) told.role = role;
  if (duties?.length) told.duties = duties;
  if (labels && Object.keys(labels).length) told.labels = labels;
  if (version) told.version = version;
  merge(told);
  if (!known) onUnknown(jid);
  paint();
}

/** Takes the behaviours of an agent from the events: complete, but without diagrams. */
export function setBehaviours(jid, behaviours) {
  if (!jid || !Array.isArray(behaviours)) return;
  if (!agents.has(jid)) {
    onUnknown(jid);
    return;
  }
  merge({ jid, behaviours, last_report_ms: now() });
  if (chosen === jid && agents.get(jid).behaviours.some((one) => !one.diagram)) onUnknown(jid);
  paint();
}

export const agentCount = () => agents.size;

function merge(agent) {
  const before = agents.get(agent.jid);
  const after = { labels: {}, duties: [], behaviours: [], backlog: 0, presence: 'unavailable', ...before, ...agent };
  if (agent.behaviours) {
    const drawn = new Map(before?.behaviours.map((one) => [one.name, one.diagram]));
    after.behaviours = agent.behaviours.map((one) => (one.diagram ? one : { ...one, diagram: drawn.get(one.name) }));
  }
  agents.set(agent.jid, after);
}

const isGone = (agent) => agent.presence === 'unavailable';
const needsCare = (agent) => isGone(agent) || agent.behaviours.some((one) => standing(one).tone === 'bad' || standing(one).tone === 'warn');

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
  if (!find) return true;
  const labels = Object.entries(agent.labels ?? {}).map(([key, value]) => `${key}=${value}`);
  const names = agent.behaviours.map((one) => one.name);
  return [agent.jid, agent.role, agent.status, ...labels, ...names].join(' ').toLowerCase().includes(find);
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
  const everybody = sorted();
  const wanted = everybody.filter(isWanted);
  const short = !wide.matches && !all && wanted.length > FEW + 2 && !find && only === 'all';
  const shown = short ? wanted.filter((agent) => few.has(agent.jid) || agent.jid === chosen) : wanted;
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
    detail?.node.remove();
    detail = null;
    return;
  }
  if (detail?.jid !== agent.jid) {
    detail?.node.remove();
    detail = makeDetail(agent);
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

function choose(jid) {
  chosen = jid;
  paint();
}

function makeRow(agent) {
  const view = {
    jid: agent.jid,
    dot: el('span', { class: 'dot', 'aria-hidden': 'true' }),
    name: jidName(agent.jid),
    word: el('span'),
    since: age(agent.since),
    role: el('span', { class: 'role' }),
    chips: el('span', { class: 'chips' }),
    kept: new Map(),
  };
  view.button = el('button', { type: 'button', class: 'agent-open' },
    view.dot,
    el('span', { class: 'agent-name' }, view.name),
    view.role,
    el('span', { class: 'agent-since' }, view.word, ' ', view.since),
    view.chips,
    el('span', { class: 'chevron', 'aria-hidden': 'true' }));
  view.button.addEventListener('click', () => choose(chosen === view.jid && !wide.matches ? null : view.jid));
  view.node = el('li', { class: 'agent' }, view.button);
  return view;
}

function updateRow(view, agent) {
  const open = agent.jid === chosen;
  setClass(view.node, `agent${open ? ' open' : ''}${isGone(agent) ? ' gone' : ''}`);
  setAttr(view.button, 'aria-expanded', wide.matches ? null : open);
  setAttr(view.button, 'aria-current', wide.matches && open ? 'true' : null);
  setClass(view.dot, `dot is-${agent.presence}`);
  setText(view.word, wordOf(agent));
  setAge(view.since, agent.since);
  setText(view.role, agent.role || 'agent');
  keyed(view.chips, view.kept, agent.behaviours, (one) => one.name, makeChip, (chip, one) => {
    const { tone, word } = standing(one);
    setClass(chip.node, `chip tone-${tone}`);
    setText(chip.state, word);
  });
}

function makeChip(behaviour) {
  const state = el('span', { class: 'chip-state' });
  return { state, node: el('span', { class: 'chip' }, el('span', { class: 'chip-name', text: behaviour.name }), ' ', state) };
}

const wordOf = (agent) => `${WORDS[agent.presence] ?? agent.presence} for`;

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
    status: el('span', { class: 'agent-status' }),
    facts: el('dl', { class: 'facts' }),
    tags: el('div', { class: 'tags' }),
    report: age(agent.last_report_ms ?? NaN, 'ago'),
    behaviours: el('div', { class: 'behaviours' }),
    stale: el('p', { class: 'hint stale', text: 'Gone: this is what was known last.' }),
    none: el('p', { class: 'hint', text: 'Has not reported a behaviour yet.' }),
    kept: new Map(),
  };
  view.version = el('dd');
  view.backlog = el('dd', { class: 'num' });
  view.duties = el('dd');
  view.dutiesRow = el('div', {}, el('dt', { text: 'duties' }), view.duties);
  view.facts.append(
    view.dutiesRow,
    el('div', {}, el('dt', { text: 'version' }), view.version),
    el('div', { title: 'Results that are kept at the agent and not delivered yet' }, el('dt', { text: 'backlog' }), view.backlog),
    el('div', {}, el('dt', { text: 'last report' }), el('dd', {}, view.report)));
  view.node = el('section', { class: 'agent-detail', 'aria-label': `Agent ${agent.jid}` },
    el('header', { class: 'agent-head' },
      el('h3', {}, jidName(agent.jid)),
      el('p', { class: 'agent-presence' }, el('span', { class: 'presence-now' }, view.dot, view.word, ' ', view.since), view.status),
      view.tags,
      view.facts,
      view.stale),
    view.behaviours,
    view.none);
  return view;
}

function updateDetail(view, agent) {
  setClass(view.dot, `dot is-${agent.presence}`);
  setText(view.word, wordOf(agent));
  setAge(view.since, agent.since);
  setText(view.status, agent.status ?? '');
  setText(view.version, agent.version || 'unknown');
  setText(view.backlog, (agent.backlog ?? 0).toLocaleString());
  setClass(view.backlog, agent.backlog > 0 ? 'num tone-warn' : 'num');
  view.dutiesRow.hidden = !agent.duties?.length;
  setText(view.duties, (agent.duties ?? []).join(', '));
  setAge(view.report, agent.last_report_ms ?? NaN);
  const tags = [agent.role || 'agent', ...Object.entries(agent.labels ?? {}).map(([key, value]) => `${key}=${value}`)];
  const key = JSON.stringify(tags);
  if (view.tagKey !== key) {
    view.tagKey = key;
    view.tags.replaceChildren(...tags.map((text, index) => el('span', { class: index ? 'tag' : 'tag role', text })));
  }
  view.stale.hidden = !isGone(agent) || agent.behaviours.length === 0;
  view.none.hidden = agent.behaviours.length > 0;
  keyed(view.behaviours, view.kept, agent.behaviours, (one) => one.name, (one) => behaviourView(agent.jid, one, wide.matches), (one, told) => one.update(told, isGone(agent)));
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
