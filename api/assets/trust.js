// Whom the agents believe: people by the keys of their clients, and by what people know the agents.

import { act, get, isAbort, setToken, token } from './api.js';
import { byId, copyButton, el, keyed, setText, svg } from './dom.js';

/** How often it is looked whether the registrar has signed what was wanted, and for how long. */
const LOOK_MS = 500;
const LOOKS = 40;

/** How an agent is spoken to, as a person says it. */
export const POLICIES = {
  sealed: { word: 'sealed', title: 'End-to-end encrypted (OMEMO); what comes in plain is refused' },
  prefer: { word: 'not sealed yet', title: 'In plain until the registry vouches for a key of it' },
  plain: { word: 'in plain', title: 'A rule of the registrar says that it cannot seal: the server can read what it says' },
};

const kept = new Map();
let people = [];
let looking = 0;

/** Reads who is believed; `problem(error)` is told when that fails. */
export async function readPeople(problem) {
  try {
    people = (await get('operators')).items;
    paint();
  } catch (error) {
    if (error.status === 404) byId('people').hidden = true;
    else problem(error);
  }
}

export function startTrust() {
  byId('trust-form').addEventListener('submit', add);
  byId('trust-open').addEventListener('click', () => {
    const form = byId('trust-form');
    form.hidden = !form.hidden;
    byId('trust-open').setAttribute('aria-expanded', String(!form.hidden));
    if (!form.hidden) {
      showTokenField();
      byId('trust-jid').focus();
    }
  });
}

function paint() {
  const shown = people.filter((one) => one.state === 'trusted' || !one.done);
  byId('people').hidden = false;
  byId('people-none').hidden = shown.length > 0;
  setText(byId('people-count'), shown.length || '');
  const devices = shown.flatMap((one) => (one.devices.length ? one.devices : [null]).map((device) => ({ one, device })));
  keyed(byId('people-list'), kept, devices, ({ one, device }) => `${one.jid} ${device?.identity} ${one.done} ${one.why}`, makeDevice);
}

function makeDevice({ one, device }) {
  const state = one.done || one.why ? null : el('span', { class: 'tag', text: one.state === 'trusted' ? 'being signed' : 'being taken back' });
  const remove = device && el('button', { type: 'button', class: 'quiet', text: 'Distrust', 'aria-label': `Distrust this device of ${one.jid}` });
  remove?.addEventListener('click', () => distrust(one, device, remove));
  return {
    node: el('li', { class: 'person' },
      el('span', { class: 'person-jid wrap', text: one.jid }),
      el('code', { class: 'print', text: device?.fingerprint ?? '' }),
      el('span', { class: 'person-end' }, state, remove),
      one.why && el('span', { class: 'person-why wrap', text: one.why })),
  };
}

/** Where reading is free, acting still takes a token. */
function showTokenField() {
  byId('trust-token-row').hidden = token() !== null;
}

async function add(event) {
  event.preventDefault();
  const [jid, print, secret] = ['trust-jid', 'trust-print', 'trust-token'].map((id) => byId(id).value.trim());
  const wanted = jid.startsWith('xmpp:') && !print ? { uri: jid } : { jid, fingerprint: print };
  const button = byId('trust-add');
  button.disabled = true;
  say('');
  const had = token();
  if (had === null && secret) setToken(secret);
  try {
    await act('POST', 'operators', wanted);
    byId('trust-form').reset();
    byId('trust-form').hidden = true;
    byId('trust-open').setAttribute('aria-expanded', 'false');
    follow();
  } catch (error) {
    if (had === null) setToken(null);
    say(refusal(error));
  } finally {
    button.disabled = false;
    showTokenField();
  }
}

async function distrust(one, device, button) {
  if (token() === null) {
    byId('trust-form').hidden = false;
    showTokenField();
    say('To distrust a device takes the token of an operator, too: `vedette trust remove`, or open this page with a token.');
    return;
  }
  if (!confirm(`Have no agent believe this device of ${one.jid} any more?\n\n${device.fingerprint}`)) return;
  button.disabled = true;
  try {
    await act('DELETE', `operators/${encodeURIComponent(one.jid)}/${device.identity}`);
    follow();
  } catch (error) {
    button.disabled = false;
    byId('trust-form').hidden = false;
    say(refusal(error));
  }
}

function refusal(error) {
  if (error.status === 401 || error.status === 403) return 'This takes the token of an operator. With `vedette up` it is in the file admin.token of the data folder.';
  return error.errors?.length ? error.errors.map((one) => `${one.field} ${one.detail}`).join('; ') : error.detail || error.title;
}

function say(what) {
  byId('trust-said').hidden = !what;
  setText(byId('trust-said'), what);
}

/** Looks until the registrar has done what was wanted. */
async function follow() {
  const mine = ++looking;
  for (let look = 0; look < LOOKS && mine === looking; look += 1) {
    await readPeople((error) => say(refusal(error)));
    if (people.every((one) => one.done || one.why)) return;
    await new Promise((done) => { setTimeout(done, LOOK_MS); });
  }
}

/** The keys of an agent, read when they are asked for. */
export function keysView(jid) {
  const body = el('div', { class: 'keys' });
  const node = el('details', { class: 'agent-part' }, el('summary', {}, el('h4', { text: 'Fingerprint' })), body);
  let asked = false;
  node.addEventListener('toggle', async () => {
    if (!node.open || asked) return;
    asked = true;
    body.replaceChildren(el('p', { class: 'hint', text: 'Loading…' }));
    try {
      const member = await get(`members/${encodeURIComponent(jid)}`);
      body.replaceChildren(...member.fingerprints.map(key));
    } catch (error) {
      if (isAbort(error)) return;
      asked = false;
      const unknown = error.status === 404;
      body.replaceChildren(el('p', { class: 'hint', text: unknown ? 'The registry vouches for no key of it.' : `Could not be read: ${error.detail || error.title}` }));
    }
  });
  return node;
}

function key({ fingerprint, uri, qr }) {
  return el('div', { class: 'key' },
    qr && svg('svg', { class: 'qr', viewBox: `0 0 ${qr.size} ${qr.size}`, role: 'img', 'aria-label': `QR code of ${uri}`, 'shape-rendering': 'crispEdges' },
      svg('rect', { class: 'qr-light', width: qr.size, height: qr.size }),
      svg('path', { class: 'qr-dark', d: qr.path })),
    el('div', { class: 'key-text' },
      el('code', { class: 'print', text: fingerprint }),
      el('p', { class: 'hint', text: 'Compare it with what your chat client shows of this agent, or have the client read the code.' }),
      copyButton(() => uri, 'Copy the address with its key')));
}
