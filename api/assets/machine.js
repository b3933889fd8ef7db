// A behaviour's state machine as a drawing: where it is, where it can go, and the move it just took.

import { calm, setAttr, svg } from './dom.js';
import { layout } from './layout.js';

const SHOWN_MS = 1100;
const pen = document.createElement('canvas').getContext('2d');

function measure(text) {
  if (!pen) return text.length * 7.4;
  pen.font = `500 13px ${getComputedStyle(document.body).fontFamily}`;
  return pen.measureText(text).width;
}

/**
 * Draws a diagram. Answers `{node, show(state, tone, moved)}`: `tone` is that of `standing`;
 * `moved` says that `show` follows a real move, which is then animated.
 */
export function draw(diagram, name) {
  const plan = layout(diagram.states, measure);
  const edges = new Map();
  const states = new Map();
  const picture = svg('svg', {
    class: 'machine',
    viewBox: [plan.left, plan.top, plan.width, plan.height].map((value) => Math.round(value * 10) / 10).join(' '),
    role: 'img',
  });
  // Through the style object, which the content security policy allows: never wider than drawn, never too small to read.
  picture.style.setProperty('--drawn', `${Math.ceil(plan.width)}px`);
  picture.style.setProperty('aspect-ratio', `${plan.width} / ${plan.height}`);

  picture.append(svg('g', { class: 'edge begin' },
    svg('circle', { cx: plan.start.x, cy: plan.start.y, r: 5 }),
    svg('path', { class: 'line', d: plan.start.path }),
    svg('path', { class: 'tip', d: plan.start.tip })));
  for (const edge of plan.edges) {
    const group = svg('g', { class: 'edge' },
      svg('title', { text: `${edge.from} → ${edge.to}` }),
      svg('path', { class: 'line', d: edge.path }),
      svg('path', { class: 'tip', d: edge.tip }));
    edges.set(`${edge.from}\n${edge.to}`, { group, path: edge.path });
    picture.append(group);
  }
  const trail = svg('path', { class: 'trail', pathLength: 1 });
  picture.append(trail);
  for (const node of plan.nodes) {
    const group = svg('g', { class: 'state' },
      svg('title', { text: node.about ? `${node.name}: ${node.about}` : node.name }),
      svg('rect', { class: 'box', x: node.x, y: node.y, width: node.w, height: node.h, rx: 9 }));
    if (node.final) group.append(svg('rect', { class: 'inner', x: node.x + 3.5, y: node.y + 3.5, width: node.w - 7, height: node.h - 7, rx: 6 }));
    group.append(svg('text', { x: node.x + node.w / 2, y: node.y + node.h / 2 + 4.5, 'text-anchor': 'middle', text: node.name }));
    // Two bars on the edge, seen while the state is the current one of a paused behaviour.
    group.append(svg('g', { class: 'bars' },
      svg('circle', { cx: node.x + node.w - 3, cy: node.y + 4, r: 8 }),
      svg('path', { d: `M${node.x + node.w - 5} ${node.y + 0.8}v6.4m4 0v-6.4` })));
    states.set(node.name, { group, node });
    picture.append(group);
  }

  let current = null;
  let fading = 0;
  let lit = [];

  function unlight() {
    for (const group of lit) setAttr(group, 'class', 'edge');
    lit = [];
    setAttr(trail, 'class', 'trail');
  }

  /** Lights what can come next from `state`, so that the eye finds it. */
  function show(state, tone = 'ok', moved = false) {
    const from = current;
    current = state;
    for (const [key, { group }] of states) {
      setAttr(group, 'class', key === state ? `state now tone-${tone}` : 'state');
    }
    setAttr(picture, 'aria-label', `State machine of ${name}, now in ${state}${tone === 'paused' ? ', paused' : ''}. States: ${[...states.keys()].join(', ')}.`);
    if (!moved || from === null) return;
    const taken = edges.get(`${from}\n${state}`);
    if (!taken) return;
    clearTimeout(fading);
    unlight();
    setAttr(taken.group, 'class', 'edge taken');
    lit = [taken.group];
    if (!calm.matches) {
      trail.setAttribute('d', taken.path);
      // Reading a size starts the animation anew.
      void trail.getBoundingClientRect();
      trail.setAttribute('class', 'trail run');
    }
    fading = setTimeout(unlight, SHOWN_MS);
  }

  /** Where the lit state stands, as a share of the width: for scrolling it into sight. */
  function spot() {
    const here = states.get(current)?.node;
    return here ? (here.x + here.w / 2 - plan.left) / plan.width : 0;
  }

  return { node: picture, show, spot };
}
