// Whether a dropped bundle is genuine, by the authorities that this installation believes.

import { send, url } from './api.js';
import { byId, el } from './dom.js';

const LARGEST = 4 * 1024 * 1024;
const SHOWN = 10;

const drop = byId('drop');
const input = byId('file');
const results = byId('results');

input.addEventListener('change', () => take(input.files));
for (const name of ['dragenter', 'dragover']) {
  addEventListener(name, (event) => { event.preventDefault(); drop.classList.add('over'); });
}
addEventListener('dragleave', (event) => { if (!event.relatedTarget) drop.classList.remove('over'); });
addEventListener('drop', (event) => {
  event.preventDefault();
  drop.classList.remove('over');
  take(event.dataTransfer?.files ?? []);
});

async function take(files) {
  for (const file of [...files].slice(0, SHOWN)) {
    const place = el('section', { class: 'seal is-pending' }, el('p', { text: `Checking ${file.name}…` }));
    results.prepend(place);
    place.replaceWith(await judged(file));
  }
  input.value = '';
}

async function judged(file) {
  if (file.size > LARGEST) return refusal(file, 'too-large', 'A bundle has at most 4 MiB.');
  try {
    const headers = { 'Content-Type': 'application/vnd.etsi.asic-s+zip' };
    const answer = await send(url('verify'), { method: 'POST', body: await file.arrayBuffer(), headers });
    const report = await answer.json();
    return report.genuine ? approval(file, report) : refusal(file, report.code, report.reason);
  } catch (error) {
    return refusal(file, error.status || 'no-answer', error.detail || error.title || error.message);
  }
}

function refusal(file, code, reason) {
  return el('section', { class: 'seal is-bad' },
    el('h2', { class: 'verdict-line tone-bad', text: 'Not genuine, or not to be told' }),
    el('p', { class: 'wrap', text: `${file.name}: ${reason}` }),
    el('p', { class: 'hint', text: `Code: ${code}` }));
}

function approval(file, report) {
  const own = report.trust === 'self-signed';
  const at = new Date(report.gen_time);
  const item = report.item ?? {};
  const rows = [
    ['Existed at', `${at.toLocaleString()} (${report.gen_time})`],
    report.after && ['Made after', `${new Date(report.after.gen_time).toLocaleString()} (${report.after.gen_time})`],
    ['Stamped by', report.signer],
    ...(report.also ?? []).map((also) => ['And by', `${also.signer}, ${also.gen_time}`]),
    report.log && ['In the log', `${report.log.origin}, entry ${(report.log.index + 1).toLocaleString()} of ${report.log.size.toLocaleString()}`],
    report.seq && ['Number', `${report.seq.toLocaleString()} of its source`],
    report.signed_by && ['Signed by', report.signer_is ? `${report.signer_is} (${report.signed_by})` : `${report.signed_by}, whom the registry here does not know`],
    item.meta?.source && ['Source', item.meta.source],
    item.meta?.type && ['Type', item.meta.type],
    item.payload?.verdict && ['Verdict', item.payload.verdict],
    item.payload?.summary && ['Summary', item.payload.summary],
    ['SHA-256', report.record_sha256],
  ].filter(Boolean);
  return el('section', { class: 'seal' },
    el('h2', { class: 'verdict-line tone-ok', text: 'Genuine' }),
    el('p', { class: 'muted wrap', text: file.name }),
    own && el('p', { class: 'tone-warn', text: 'The time stamp is of this installation’s own authority: worth nothing to who does not trust it.' }),
    el('dl', { class: 'list' }, ...rows.map(([name, value]) => el('div', {}, el('dt', { text: name }), el('dd', { text: value })))),
    el('details', { class: 'record' }, el('summary', { text: 'The record' }), el('pre', { class: 'output', text: JSON.stringify(item, null, 2) })));
}
