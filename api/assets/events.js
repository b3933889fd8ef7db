// Live events: server-sent events read with fetch, so that the token can go along; resumed where they broke off.

import { send, url, isAbort } from './api.js';

const FIRST_MS = 1_000;
const LONGEST_MS = 30_000;
/** The server pings every 15 s; silence for longer than two pings means a dead connection. */
const SILENCE_MS = 40_000;
/** From this many failures in a row it is called offline. */
const OFFLINE_AFTER = 5;

/**
 * Keeps a connection to `/events`.
 *
 * `onEvent(topic, data)`; `onOpen(again)` after each connection; `onState({word, retryAt})` with the words
 * `connecting`, `connected`, `reconnecting`, `offline`; `onHeard()` whenever anything comes, pings included;
 * `onUnauthorized()`, after which it stands still until `start()`.
 */
export function follow(topics, { onEvent, onOpen, onState, onHeard, onUnauthorized }) {
  let lastId = null;
  let failures = 0;
  let opened = false;
  let stop = null;
  let timer = 0;
  let wanted = false;

  async function run() {
    clearTimeout(timer);
    stop?.abort();
    const mine = new AbortController();
    stop = mine;
    if (failures === 0) onState({ word: opened ? 'reconnecting' : 'connecting', retryAt: null });
    let delay;
    try {
      delay = await read(mine);
    } catch (error) {
      if (stop !== mine) return;
      if (error?.status === 401) {
        wanted = false;
        onState({ word: 'offline', retryAt: null });
        onUnauthorized();
        return;
      }
      if (isAbort(error) && !mine.silent) return;
      failures += 1;
      delay = pause(failures);
    }
    if (stop !== mine) return;
    onState({ word: !navigator.onLine || failures >= OFFLINE_AFTER ? 'offline' : 'reconnecting', retryAt: Date.now() + delay });
    timer = setTimeout(run, delay);
  }

  /** Reads until the connection ends; returns how long to wait before the next one. */
  async function read(mine) {
    const headers = { Accept: 'text/event-stream' };
    if (lastId !== null) headers['Last-Event-ID'] = lastId;
    let watch = guard(mine);
    try {
      const response = await send(url('events', { topics: topics.join(',') }), { headers, signal: mine.signal });
      const again = opened;
      opened = true;
      onState({ word: 'connected', retryAt: null });
      onOpen(again);
      const since = Date.now();
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      let lagged = false;
      const parse = parser((id, topic, data) => {
        if (id !== null) lastId = id;
        if (topic === 'lagged') lagged = true;
        else deliver(topic, data);
      });
      for (;;) {
        const { value, done } = await reader.read();
        if (done) break;
        failures = 0;
        clearTimeout(watch);
        watch = guard(mine);
        parse(value);
        onHeard();
      }
      if (lagged) return 0;
      // A server that hangs up at once is not to be hammered.
      if (Date.now() - since < FIRST_MS) failures += 1;
      return pause(Math.max(1, failures));
    } finally {
      clearTimeout(watch);
    }
  }

  function guard(mine) {
    return setTimeout(() => {
      mine.silent = true;
      mine.abort();
    }, SILENCE_MS);
  }

  function deliver(topic, text) {
    let data;
    try {
      data = JSON.parse(text);
    } catch {
      return;
    }
    onEvent(topic, data);
  }

  addEventListener('online', () => { if (wanted) retry(); });
  addEventListener('offline', () => wanted && onState({ word: 'offline', retryAt: null }));

  function retry() {
    wanted = true;
    failures = 0;
    run();
  }

  return { start: retry };
}

/** Exponential back-off with full jitter over its upper half. */
function pause(failures) {
  const top = Math.min(LONGEST_MS, FIRST_MS * 2 ** (failures - 1));
  return top / 2 + Math.random() * (top / 2);
}

/** A parser of `text/event-stream` that takes text in any pieces; `emit(id or null, topic, data)`. */
export function parser(emit) {
  let rest = '';
  let id = null;
  let topic = '';
  let data = [];

  function line(text) {
    if (text === '') {
      if (data.length) emit(id, topic || 'message', data.join('\n'));
      id = null;
      topic = '';
      data = [];
      return;
    }
    const colon = text.indexOf(':');
    if (colon === 0) return;
    const field = colon < 0 ? text : text.slice(0, colon);
    const value = colon < 0 ? '' : text.slice(colon + 1).replace(/^ /, '');
    if (field === 'data') data.push(value);
    else if (field === 'event') topic = value;
    else if (field === 'id' && !value.includes('\0')) id = value;
  }

  return (text) => {
    rest += text;
    // A carriage return at the very end may be half of a CRLF: it waits for the rest.
    const held = rest.endsWith('\r') ? '\r' : '';
    const lines = (held ? rest.slice(0, -1) : rest).split(/\r\n|\n|\r/);
    rest = lines.pop() + held;
    for (const one of lines) line(one);
  };
}
