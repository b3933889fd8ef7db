// One item in full: what it says, its record, and the proof of when it existed.

import { get, isAbort, save, token, url } from './api.js';
import { byId, copyButton, el } from './dom.js';
import { age, clock, full, iso, now } from './time.js';
import { msOf } from './items.js';

/** So much decoded output is sent at most (bytes). */
const DECODED_LIMIT = 64 * 1024;

const dialog = byId('item');
const place = byId('item-body');
let shown = null;
let loading = null;
let onUnauthorized = () => {};

/** Opens and closes by the address: `#item=UUID`. */
export function startItem({ unauthorized }) {
  onUnauthorized = unauthorized;
  addEventListener('hashchange', byAddress);
  byId('item-close').addEventListener('click', () => dialog.close());
  dialog.addEventListener('click', (event) => {
    if (event.target === dialog) dialog.close();
  });
  dialog.addEventListener('close', () => {
    loading?.abort();
    shown = null;
    if (wanted()) history.replaceState(null, '', location.pathname + location.search);
  });
  byAddress();
}

/** Reads the shown item again if it is this one: its proof has come. */
export function refreshItem(uuid) {
  if (shown?.uuid === uuid && shown.proof !== 'stamped') load(uuid);
}

/** Opens what the address names, if it is not open: after a token was given, for one. */
export function byAddress() {
  const uuid = wanted();
  if (!uuid) {
    if (dialog.open) dialog.close();
    return;
  }
  if (!dialog.open) dialog.showModal();
  place.replaceChildren(el('div', { class: 'skeleton', 'aria-label': 'Loading' }, el('i'), el('i'), el('i'), el('i')));
  load(uuid);
}

function wanted() {
  const said = /^#item=(.+)$/.exec(location.hash)?.[1];
  if (!said) return null;
  try {
    return decodeURIComponent(said);
  } catch {
    return said;
  }
}

async function load(uuid) {
  loading?.abort();
  const mine = new AbortController();
  loading = mine;
  shown = { uuid, proof: 'pending' };
  try {
    const item = await get(`items/${encodeURIComponent(uuid)}`, {}, { signal: mine.signal });
    shown = item;
    const at = dialog.scrollTop;
    place.replaceChildren(...view(item));
    dialog.scrollTop = at;
  } catch (error) {
    if (isAbort(error)) return;
    if (error.status === 401) {
      dialog.close();
      onUnauthorized();
      return;
    }
    place.replaceChildren(problem(error));
  }
}

function problem(error) {
  const title = error.status === 404 ? 'No such item' : error.title ?? 'Something went wrong';
  return el('div', { class: 'notice tone-bad', role: 'alert' }, el('strong', { text: title }), el('p', { text: error.detail ?? error.message }));
}

function view(item) {
  const payload = item.record?.payload ?? {};
  return [
    el('div', { class: 'item-top' },
      el('p', { class: 'item-kicker' },
        el('span', { class: `verdict is-${item.verdict ?? 'none'}`, text: item.verdict ?? 'no verdict' }),
        el('span', { text: item.type }),
        el('span', { text: 'by' }),
        el('span', { class: 'wrap', text: item.source ?? 'nobody' })),
      el('h2', { class: 'item-summary', id: 'item-title', text: item.summary || '(no output)' }),
      el('p', { class: 'muted' }, el('time', { datetime: iso(msOf(item)), text: full(msOf(item)) }), ' · ', age(msOf(item), 'ago'))),
    reasons(payload.reasons),
    asked(payload.audit),
    proof(item),
    section('Output', [
      el('pre', { class: 'output', tabindex: 0, 'aria-label': 'Output', text: item.decoded || '(empty)' }),
      (item.decoded ?? '').length >= DECODED_LIMIT ? el('p', { class: 'hint', text: 'Only the first 64 KiB; the evidence has all of it.' }) : null,
    ]),
    facts([
      ['uuid', item.uuid, 'mono'],
      ['format', item.format],
      ['received', Number.isFinite(item.received_ms) ? full(item.received_ms) : null],
      ['took', Number.isFinite(payload.took_ms) ? `${payload.took_ms.toLocaleString()} ms` : null],
      ['exit', payload.exit === undefined ? null : JSON.stringify(payload.exit)],
      ['sha256', item.sha256, 'mono'],
      ['number', item.record?.meta?.seq],
      ['signed by', signedBy(item), 'wrap'],
    ]),
    el('details', { class: 'record' },
      el('summary', { text: 'Record' }),
      el('pre', { class: 'output', tabindex: 0, 'aria-label': 'Record as JSON', text: JSON.stringify(item.record, null, 2) })),
  ].filter(Boolean);
}

/** Whose signature an item has; what does not hold was never stored. */
function signedBy({ signature, source }) {
  if (!signature) return null;
  if (!signature.signer) return `a key that the registry does not know now: ${signature.key}`;
  return signature.signer === source?.split('/')[0] ? `${signature.signer}, by the registry's list` : `${signature.signer}, who is not the source`;
}

function section(title, children) {
  return el('section', { class: 'item-part' }, el('h3', { text: title }), ...children);
}

function reasons(list) {
  if (!list || (Array.isArray(list) && list.length === 0)) return null;
  const texts = (Array.isArray(list) ? list : [list]).map((one) => (typeof one === 'string' ? one : JSON.stringify(one)));
  return section('Reasons', [el('ul', { class: 'reasons' }, ...texts.map((text) => el('li', { text })))]);
}

function facts(pairs) {
  return el('dl', { class: 'list' }, ...pairs
    .filter(([, value]) => value !== null && value !== undefined && value !== '')
    .map(([name, value, kind]) => el('div', {}, el('dt', { text: name }), el('dd', { class: kind ?? 'num', text: value }))));
}

/** Of an item of type `audit`: who asked for what, and whether they may. */
function asked(audit) {
  if (!audit || typeof audit !== 'object') return null;
  return section('Asked', [facts([['who', audit.who], ['for', audit.what], ['by', audit.by], ['allowed', audit.allowed === undefined ? null : audit.allowed ? 'yes' : 'no']])]);
}

function proof(item) {
  const detail = item.proof_detail;
  if (!detail) {
    return section('Proof', [el('div', { class: 'seal is-pending' },
      el('strong', { text: 'Pending' }),
      el('p', { text: 'Waits for the time stamp of its batch. This page shows it as soon as it comes.' }))]);
  }
  const self = detail.trust === 'self-signed';
  const stampedAt = Date.parse(detail.gen_time);
  const path = Array.isArray(detail.path) ? detail.path : [];
  const name = `${item.uuid}.asics`;
  const at = `items/${encodeURIComponent(item.uuid)}`;
  const command = `vedette verify ${name}`;
  return section('Proof', [
    el('div', { class: 'seal is-stamped' },
      el('p', { class: 'seal-line' },
        el('strong', { text: Number.isNaN(stampedAt) ? `Existed at ${detail.gen_time}` : `Existed on ${full(stampedAt)}` }),
        el('span', {
          class: self ? 'badge tone-warn' : 'badge tone-ok',
          text: detail.trust,
          title: self ? 'Development authority of this installation: good for a trial, worth nothing to a third party' : 'An authority that this installation was told to believe',
        })),
      facts([
        ['authority', [detail.authority, ...(detail.also ?? [])].join(', ')],
        ['signer', detail.signer, 'wrap'],
        ['genTime', detail.gen_time],
        ['made after', detail.after ? `${detail.after.gen_time} (entry ${detail.after.size.toLocaleString()} of ${detail.after.origin})` : null, 'wrap'],
        ['log', detail.log ? `${detail.log.origin}, entry ${(detail.log.index + 1).toLocaleString()} of ${detail.log.size.toLocaleString()}` : null, 'wrap'],
        ['serial', detail.serial, 'mono'],
        ['policy', detail.policy, 'mono'],
        ['root', detail.root, 'mono'],
        ['leaf', Number.isFinite(detail.leaf_index) ? `${detail.leaf_index + 1} of ${detail.leaves} (index ${detail.leaf_index})` : null],
        ['path', `${path.length} ${path.length === 1 ? 'hash' : 'hashes'}`],
        ['batch', detail.batch, 'mono'],
      ]),
      ...deeds(at, name),
      el('p', { class: 'hint' }, 'Check it anywhere, offline:'),
      el('div', { class: 'command' }, el('code', { text: command }), copyButton(() => command, `Copy the command ${command}`))),
  ]);
}

/** What can be done with a proof, and below it what came of it. */
function deeds(at, name) {
  const said = el('p', { class: 'verified', role: 'status' });
  const say = (tone, text) => {
    said.className = `verified tone-${tone}`;
    said.textContent = text;
    said.closest('.seal')?.classList.toggle('is-bad', tone === 'bad');
  };
  const check = el('button', { type: 'button', class: 'main', text: 'Verify now' });
  check.addEventListener('click', async () => {
    check.disabled = true;
    say('plain', 'Recomputing from the stored bytes…');
    try {
      const answer = await get(`${at}/verify`);
      if (answer.valid) say('ok', `Valid (${answer.code ?? 'ok'}) at ${clock(now())}: record, path, root and token agree${answer.trust === 'self-signed' ? '; the authority is self-signed' : ''}.`);
      else say('bad', `Not valid (${answer.code ?? 'no code'}): ${answer.reason ?? 'no reason given'}.`);
    } catch (error) {
      say('warn', `Could not be checked: ${error.detail || error.message}`);
    }
    check.disabled = false;
  });
  const link = el('a', { class: 'button', href: url(`${at}/evidence`).href, download: name, text: 'Download evidence' });
  link.addEventListener('click', async (event) => {
    // A plain link cannot carry the token.
    if (!token()) return;
    event.preventDefault();
    try {
      await save(`${at}/evidence`, name);
    } catch (error) {
      say('warn', `Could not be downloaded: ${error.detail || error.message}`);
    }
  });
  return [el('div', { class: 'actions' }, check, link), said];
}
