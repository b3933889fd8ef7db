// The API: requests, problems, the token.

const BASE = new URL('api/v1/', document.baseURI);
const KEY = 'vedette.token';
const PATIENCE_MS = 20_000;

/** What went wrong, in the API's words (RFC 9457) or in ours when it did not answer. */
export class Problem extends Error {
  constructor({ title, detail, status = 0, code, errors }) {
    super(detail || title);
    this.title = title;
    this.detail = detail ?? '';
    this.status = status;
    this.code = code;
    this.errors = Array.isArray(errors) ? errors : [];
  }
}

let memory = null;

export function token() {
  try {
    return sessionStorage.getItem(KEY) ?? memory;
  } catch {
    return memory;
  }
}

export function setToken(value) {
  memory = value;
  try {
    if (value) sessionStorage.setItem(KEY, value);
    else sessionStorage.removeItem(KEY);
  } catch {
    // Storage may be forbidden; the token then lives as long as the page.
  }
}

export function url(path, query = {}) {
  const target = new URL(path, BASE);
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== '') target.searchParams.set(name, value);
  }
  return target;
}

/** The answer, or a thrown `Problem`. Reading the body is left to the caller. */
export async function send(target, { method = 'GET', body, headers = {}, signal } = {}) {
  const secret = token();
  if (secret) headers = { ...headers, Authorization: `Bearer ${secret}` };
  let response;
  try {
    // With credentials the browser would answer `WWW-Authenticate: Basic` by a password window of its own.
    response = await fetch(target, { method, body, headers, signal, cache: 'no-store', credentials: 'omit' });
  } catch (error) {
    if (signal?.aborted && signal.reason?.name !== 'TimeoutError') throw error;
    throw new Problem({ title: 'No answer', detail: 'The API cannot be reached. Is `vedette up` running?' });
  }
  if (response.ok) return response;
  throw await problemOf(response);
}

async function problemOf(response) {
  let said = {};
  try {
    const body = await response.json();
    if (body && typeof body === 'object') said = body;
  } catch {
    // Not JSON: a proxy, most likely. The status has to do.
  }
  return new Problem({
    title: typeof said.title === 'string' ? said.title : response.statusText || `Status ${response.status}`,
    detail: typeof said.detail === 'string' ? said.detail : '',
    status: response.status,
    code: said.code,
    errors: said.errors,
  });
}

export async function get(path, query, { signal } = {}) {
  return ask(url(path, query), { signal });
}

/** Has something done: `method` at `path`, with `body` as JSON. */
export async function act(method, path, body) {
  const json = body === undefined ? {} : { body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } };
  return ask(url(path), { method, ...json });
}

async function ask(target, { signal, headers, ...how }) {
  const limit = AbortSignal.timeout(PATIENCE_MS);
  const response = await send(target, {
    ...how,
    headers: { Accept: 'application/json', ...headers },
    signal: signal ? AbortSignal.any([signal, limit]) : limit,
  });
  try {
    return await response.json();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Problem({ title: 'Not understood', detail: 'The API answered with something that is not JSON.', status: response.status });
  }
}

/** Saves what is at `path` as `name`; through a blob, since a plain link cannot carry the token. */
export async function save(path, name) {
  const response = await send(url(path));
  const link = document.createElement('a');
  link.href = URL.createObjectURL(await response.blob());
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

export const isAbort = (error) => error?.name === 'AbortError';
