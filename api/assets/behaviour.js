// One behaviour: a line that says where it is, and below it, when opened, its figures and its drawing.

import { beforePaint, el, setAttr, setClass, setText, svg } from './dom.js';
import { draw } from './machine.js';
import { age, setAge } from './time.js';

const opened = new Map();
let count = 0;

/** How much later than its time a result may be, as the server has it: reports take a while, and clocks differ. */
const LATE_MS = 10_000;

/** Whether a result that was due did not come, as seen at the time `at`. Who was told to pause owes nothing. */
export const isLate = ({ phase, due_ms }, at) => phase?.phase === 'running' && Number.isFinite(due_ms) && at - due_ms > LATE_MS;

/**
 * How a behaviour stands: `{tone: ok|warn|bad|paused|done, word, why}`. `at`: the time for which it is judged
 * whether its results are late; of whom nothing is expected, none is given.
 */
export function standing(behaviour, at = -Infinity) {
  const { phase, exit } = behaviour.phase ?? {};
  if (phase === 'paused') return { tone: 'paused', word: 'paused', why: null };
  if (phase === 'restarting') return { tone: 'warn', word: 'restarting', why: behaviour.last_error };
  if (phase === 'ended') {
    const how = exit?.how ?? 'ended';
    const tone = { failed: 'bad', panicked: 'bad', killed: 'warn' }[how] ?? 'done';
    return { tone, word: how, why: exit?.why ?? behaviour.last_error };
  }
  if (isLate(behaviour, at)) return { tone: 'warn', word: 'overdue', why: null };
  return { tone: 'ok', word: behaviour.state, why: null };
}

/** Answers `{node, update(behaviour, about)}`. `open` is how it starts, unless the person has said otherwise before. */
export function behaviourView(jid, behaviour, open) {
  const key = `${jid}\n${behaviour.name}`;
  count += 1;
  const id = `behaviour-${count}`;
  const view = {
    state: el('span', { class: 'state-word' }),
    phase: el('span', { class: 'phase' }),
    since: age(behaviour.since_ms),
    pills: el('span', { class: 'pills', 'aria-hidden': 'true' }),
    steps: el('dd', { class: 'num' }),
    restarts: el('dd', { class: 'num' }),
    mailbox: el('dd', { class: 'num' }),
    due: age(NaN, 'due'),
    level: svg('rect', { class: 'level', x: 0, y: 0, width: 0, height: 4 }),
    why: el('p', { class: 'why' }),
    box: el('div', { class: 'machine-box', tabindex: 0, role: 'group', 'aria-label': `Drawing of ${behaviour.name}` }),
  };
  const run = behaviour.run && behaviour.run !== behaviour.name ? el('span', { class: 'run', text: `runs ${behaviour.run}` }) : null;
  const button = el('button', { type: 'button', class: 'behaviour-open', 'aria-controls': id },
    el('span', { class: 'behaviour-name', text: behaviour.name }),
    run,
    view.pills,
    el('span', { class: 'behaviour-now' }, view.phase, view.state, el('span', { class: 'behaviour-since' }, 'for ', view.since)),
    el('span', { class: 'chevron', 'aria-hidden': 'true' }));
  view.dueRow = el('div', { title: 'When its next result is due' }, el('dt', { text: 'next result' }), el('dd', {}, view.due));
  const body = el('div', { class: 'behaviour-body', id },
    view.why,
    view.box,
    el('dl', { class: 'facts' },
      el('div', {}, el('dt', { text: 'steps' }), view.steps),
      el('div', { title: 'Times it was started again' }, el('dt', { text: 'restarts' }), view.restarts),
      el('div', { title: 'Messages that wait, of how many may wait' }, el('dt', { text: 'mailbox' }), view.mailbox,
        svg('svg', { class: 'gauge', viewBox: '0 0 48 4', width: 48, height: 4, 'aria-hidden': 'true' },
          svg('rect', { class: 'groove', x: 0, y: 0, width: 48, height: 4, rx: 2 }), view.level)),
      view.dueRow));
  const node = el('article', { class: 'behaviour' }, el('h4', {}, button), body);

  let shown = opened.get(key) ?? open;
  let machine = null;
  let drawnOf = '';
  let last = null;
  let lastAbout = {};
  let touched = 0;

  button.addEventListener('click', () => {
    shown = !shown;
    opened.set(key, shown);
    update(last, lastAbout);
  });
  for (const kind of ['pointerdown', 'wheel', 'keydown']) view.box.addEventListener(kind, () => { touched = Date.now(); }, { passive: true });

  /** `stale`: the agent is gone, so this is only what was known last. `at`: as for `standing`. */
  function update(told, about = {}) {
    const before = last;
    last = told;
    lastAbout = about;
    const { stale = false, at } = about;
    const { tone: live, word, why } = standing(told, at);
    const tone = stale && live !== 'bad' ? 'done' : live;
    setClass(node, `behaviour tone-${tone}${shown ? ' open' : ''}`);
    setAttr(button, 'aria-expanded', shown);
    body.hidden = !shown;
    setText(view.state, told.state);
    setText(view.phase, word === told.state ? '' : word);
    view.phase.hidden = word === told.state;
    setAge(view.since, told.since_ms);
    const states = told.diagram?.states ?? [];
    pills(view.pills, states, told.state);
    setText(view.steps, (told.steps ?? 0).toLocaleString());
    setText(view.restarts, (told.restarts ?? 0).toLocaleString());
    setClass(view.restarts, told.restarts > 0 ? 'num tone-warn' : 'num');
    mailbox(view, told.mailbox);
    const said = why ?? (told.last_error ? `last error: ${told.last_error}` : '');
    setText(view.why, said);
    view.why.hidden = !said;
    const expected = !stale && told.phase?.phase === 'running' && Number.isFinite(told.due_ms);
    view.dueRow.hidden = !expected;
    setAge(view.due, expected ? told.due_ms : NaN);
    setClass(view.due, isLate(told, at) ? 'num tone-warn' : 'num');
    if (!shown) return;
    const drawing = JSON.stringify(states);
    if (drawing !== drawnOf) {
      drawnOf = drawing;
      machine = states.length ? draw(told.diagram, told.name) : null;
      view.box.replaceChildren(machine ? machine.node : el('p', { class: 'hint', text: 'No drawing reported yet.' }));
    }
    const moved = before !== null && (before.state !== told.state || before.since_ms !== told.since_ms);
    machine?.show(told.state, tone, moved);
    if (machine) beforePaint(key, follow);
  }

  /** Keeps the lit state in sight where the drawing is wider than its box, unless somebody scrolls it by hand. */
  function follow() {
    const { box } = view;
    const hidden = box.scrollWidth - box.clientWidth;
    setAttr(box, 'tabindex', hidden > 1 ? 0 : null);
    if (hidden <= 1 || Date.now() - touched < 8000) return;
    const wish = machine.spot() * box.scrollWidth;
    if (wish > box.scrollLeft + 50 && wish < box.scrollLeft + box.clientWidth - 50) return;
    box.scrollLeft = Math.max(0, Math.min(hidden, wish - box.clientWidth / 2));
  }

  return { node, update };
}

/** A mark a state; the lit one is long. */
function pills(box, states, current) {
  while (box.children.length > states.length) box.lastElementChild.remove();
  while (box.children.length < states.length) box.append(el('i'));
  states.forEach((state, index) => {
    setClass(box.children[index], state.name === current ? 'pill now' : 'pill');
    setAttr(box.children[index], 'title', state.name);
  });
}

function mailbox(view, depth) {
  const { queued = 0, capacity = 0, dropped = 0 } = depth ?? {};
  const share = capacity > 0 ? Math.min(1, queued / capacity) : 0;
  setText(view.mailbox, `${queued.toLocaleString()} of ${capacity.toLocaleString()}${dropped ? `, ${dropped.toLocaleString()} dropped` : ''}`);
  setClass(view.mailbox, dropped || share > 0.8 ? 'num tone-warn' : 'num');
  setAttr(view.level, 'width', Math.round(share * 48));
}
