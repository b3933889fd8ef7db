// What a probe that watches saw last: how much, what was lost, and how its model and detectors stand.

import { get, isAbort } from './api.js';
import { el } from './dom.js';
import { age, span } from './time.js';

/** Not read more often than this while news come. */
const SOON_MS = 1_500;

export const isWatching = (agent) => agent.behaviours.some((one) => one.run === 'watch') || agent.runs?.includes('watch');

/** The latest of an agent; hidden until there is one. */
export function trafficView(jid) {
  const body = el('div', { class: 'traffic' });
  const node = el('section', { class: 'agent-part', hidden: true }, el('h4', { text: 'Traffic' }), body);
  let loading = null;
  let timer = 0;

  async function read() {
    loading?.abort();
    const mine = new AbortController();
    loading = mine;
    try {
      const page = await get('items', { source: jid, type: 'traffic', limit: 1 }, { signal: mine.signal });
      if (!page.items.length) return;
      const item = await get(`items/${encodeURIComponent(page.items[0].uuid)}`, {}, { signal: mine.signal });
      body.replaceChildren(...view(item));
      node.hidden = false;
    } catch (error) {
      if (isAbort(error) || !node.hidden) return;
      body.replaceChildren(el('p', { class: 'hint', text: `Could not be read: ${error.detail || error.title}` }));
      node.hidden = false;
    }
  }

  function soon() {
    if (!timer) timer = setTimeout(() => { timer = 0; read(); }, SOON_MS);
  }

  function drop() {
    clearTimeout(timer);
    loading?.abort();
  }

  return { node, read, soon, drop };
}

const number = (value) => (Number.isFinite(value) ? value : 0);
const said = (value) => number(value).toLocaleString();

function fact(name, value, { tone, title } = {}) {
  return el('div', { title }, el('dt', { text: name }), el('dd', { class: tone ? `num tone-${tone}` : 'num', text: value }));
}

function view(item) {
  const told = item.record?.payload?.traffic ?? {};
  const { counters = {}, kernel, back_pressure: pressure, analysis } = told;
  const unsent = number(pressure?.sampled) + number(pressure?.dropped);
  const period = number(told.until) - number(told.since);
  const facts = [
    fact('frames', said(counters?.frames), { title: 'Since the start of the watch' }),
    fact('flows', said(told.flows), { title: `Ended in the last ${span(period * 1000)}` }),
    fact('open', said(told.open_flows), { title: 'Flows that go on' }),
    kernel && fact('dropped by the kernel', share(kernel.dropped, kernel.received), { tone: number(kernel.dropped) > 0 && 'warn', title: 'Packets that the kernel let go because the watch was too slow, since its start' }),
    pressure && fact('not sent', said(unsent), { tone: unsent > 0 && 'warn', title: 'Kept from the analyzer because there was no room' }),
    number(told.findings_lost) > 0 && fact('findings lost', said(told.findings_lost), { tone: 'warn' }),
  ];
  return [
    el('dl', { class: 'facts' }, ...facts.filter(Boolean)),
    analysis?.model && model(analysis.model),
    Array.isArray(analysis?.detectors) && detectors(analysis.detectors),
    el('p', { class: 'hint' }, `${told.watched ?? 'Watched'}, told `, age(number(item.ts) * 1000, 'ago'), ' · ',
      el('a', { class: 'foot-link', href: `#item=${encodeURIComponent(item.uuid)}`, text: 'item and proof' })),
  ].filter(Boolean);
}

function share(part, whole) {
  if (!number(part)) return '0';
  const percent = (100 * part) / Math.max(number(whole), part);
  return `${said(part)} (${percent < 0.01 ? '< 0.01' : percent.toFixed(2)} %)`;
}

/** Whether the model still learns what is usual here, and how far the traffic is from what it was trained on. */
function model(told) {
  const shifts = (Array.isArray(told.drift) ? told.drift : []).filter((one) => one && one.level !== 'stable');
  const worst = shifts.some((one) => one.level === 'another') ? 'another' : 'shifted';
  const drift = !Array.isArray(told.drift) ? 'too little seen' : shifts.length ? `${worst}: ${shifts.slice(0, 3).map((one) => one.feature).join(', ')}` : 'none';
  return el('dl', { class: 'facts' },
    fact('model', [told.name, told.version].filter(Boolean).join(' ') || 'yes'),
    fact('phase', told.phase ?? 'unknown', { title: told.phase === 'learning' ? `Learnt from ${said(told.learnt)} flows so far; its scores alone call nothing an attack` : `Learnt from ${said(told.learnt)} flows` }),
    fact('drift', drift, { tone: shifts.length > 0 && 'warn', title: 'How far the traffic is from what the model was trained on (population stability index)' }),
    number(told.failures) > 0 && fact('failures', said(told.failures), { tone: 'warn', title: told.failure ?? '' }));
}

/** Each detector by how many subjects it follows; those that follow none in a word. */
function detectors(list) {
  const busy = list.filter((one) => number(one?.tracked) > 0).sort((a, b) => b.tracked - a.tracked);
  const idle = list.length - busy.length;
  return el('div', { class: 'chips-row', 'aria-label': 'Detectors and how many subjects each follows' },
    ...busy.map((one) => el('span', { class: 'chip', title: `Follows ${said(one.tracked)} of at most ${said(one.most)} subjects${number(one.evicted) ? `; ${said(one.evicted)} had to leave` : ''}` },
      el('span', { class: 'chip-name', text: one.detector }), el('span', { class: 'chip-state', text: said(one.tracked) }))),
    idle > 0 && el('span', { class: 'muted', text: `${busy.length ? `${idle} more follow` : `${idle} detectors follow`} nobody` }));
}
