// Making and changing elements. Text goes in as text only: what agents say can never become markup.

const SVG = 'http://www.w3.org/2000/svg';

/** Makes an HTML element. `props`: attributes, and `class`, `text`, `on` (listeners by event name). */
export function el(tag, props = {}, ...children) {
  return fill(document.createElement(tag), props, children);
}

/** Makes an SVG element; same `props`. */
export function svg(tag, props = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), props, children);
}

function fill(node, props, children) {
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === 'text') node.textContent = value;
    else if (name === 'on') for (const [event, run] of Object.entries(value)) node.addEventListener(event, run);
    else node.setAttribute(name, value === true ? '' : String(value));
  }
  node.append(...children.filter((child) => child !== null && child !== undefined && child !== false && child !== ''));
  return node;
}

export const byId = (id) => document.getElementById(id);

/** Sets text only where it differs, so that an unchanged page costs nothing and selections survive. */
export function setText(node, text) {
  const value = String(text ?? '');
  if (node.textContent !== value) node.textContent = value;
}

export function setAttr(node, name, value) {
  if (value === null || value === undefined || value === false) {
    if (node.hasAttribute(name)) node.removeAttribute(name);
    return;
  }
  const text = String(value);
  if (node.getAttribute(name) !== text) node.setAttribute(name, text);
}

export const setClass = (node, name) => setAttr(node, 'class', name);

/**
 * Makes the children of `parent` be one node for each of `list`, in its order.
 * Nodes are kept by key in `kept` (a Map): known ones are moved and updated, absent ones removed.
 */
export function keyed(parent, kept, list, keyOf, make, update) {
  const seen = new Set();
  let place = parent.firstElementChild;
  for (const entry of list) {
    const key = keyOf(entry);
    if (seen.has(key)) continue;
    seen.add(key);
    let view = kept.get(key);
    if (!view) {
      view = make(entry);
      kept.set(key, view);
    }
    update?.(view, entry);
    if (view.node === place) place = place.nextElementSibling;
    else parent.insertBefore(view.node, place);
  }
  for (const [key, view] of kept) {
    if (seen.has(key)) continue;
    view.node.remove();
    kept.delete(key);
  }
}

const due = new Map();
let frame = 0;

/** Runs `run` once before the next paint, however often it is asked for under the same `key`. */
export function beforePaint(key, run) {
  due.set(key, run);
  if (frame) return;
  // A hidden page gets no frames; a timer keeps the queue from growing.
  frame = document.hidden ? setTimeout(flush, 1000) : requestAnimationFrame(flush);
}

function flush() {
  frame = 0;
  const runs = [...due.values()];
  due.clear();
  for (const run of runs) run();
}

document.addEventListener('visibilitychange', () => {
  if (!document.hidden && due.size) flush();
});

export const calm = matchMedia('(prefers-reduced-motion: reduce)');

/** A button that copies `text()` and says so. */
export function copyButton(text, label) {
  const button = el('button', { type: 'button', class: 'quiet', text: 'Copy', 'aria-label': label });
  button.addEventListener('click', async () => {
    const done = await copy(text());
    button.textContent = done ? 'Copied' : 'Select and copy by hand';
    setTimeout(() => { button.textContent = 'Copy'; }, 1800);
  });
  return button;
}

async function copy(text) {
  try {
    // Only there on https and on localhost.
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
