// Where the states and moves of a machine are drawn: layers from left to right, ways back in lanes above and below.
// Pure: a diagram in, numbers and paths out.

const HEIGHT = 34;
const PAD = 15;
const MIN_WIDTH = 56;
const COLUMN_GAP = 50;
const ROW_GAP = 20;
const LANE = 14;
const LANE_START = 20;
const GUTTER = 15;
const TIP = 7;
const ROUND = 11;

/**
 * Lays out `states` (`{name, about, moves}`; the first is the start). `measure(text)` gives a text's width in pixels.
 * Answers `{width, height, nodes, edges, start}`; a node has `name, about, x, y, w, h, final`; an edge `from, to, path, tip`.
 */
export function layout(states, measure) {
  const nodes = place(states, measure);
  const byName = new Map(nodes.map((node) => [node.name, node]));
  const edges = route(nodes, byName);
  const start = nodes[0];
  const marker = { x: start.x - 26, y: start.y + HEIGHT / 2 };
  return frame(nodes, edges, marker, start);
}

function place(states, measure) {
  const known = new Map(states.map((state) => [state.name, state]));
  const moves = new Map(states.map((state) => [state.name, [...new Set(state.moves ?? [])].filter((to) => known.has(to))]));
  const layerOf = layersFrom(states, moves);
  const layers = [];
  for (const state of known.values()) {
    const layer = layerOf.get(state.name);
    (layers[layer] ??= []).push({
      name: state.name,
      about: state.about ?? '',
      moves: moves.get(state.name),
      layer,
      w: Math.max(MIN_WIDTH, Math.ceil(measure(state.name)) + 2 * PAD),
      h: HEIGHT,
      final: moves.get(state.name).length === 0,
    });
  }
  untangle(layers);
  let x = 0;
  for (const column of layers) {
    const width = Math.max(...column.map((node) => node.w));
    const tall = column.length * HEIGHT + (column.length - 1) * ROW_GAP;
    column.forEach((node, row) => {
      node.row = row;
      node.column = column;
      node.x = x + (width - node.w) / 2;
      node.y = row * (HEIGHT + ROW_GAP) - tall / 2;
      node.left = x;
      node.right = x + width;
    });
    x += width + COLUMN_GAP;
  }
  // The start first: it is the first that was declared, hence the first of its layer in the map.
  const all = layers.flat();
  all.sort((a, b) => (b.name === states[0].name) - (a.name === states[0].name));
  return all;
}

/** Breadth first from the start; what cannot be reached stands in a layer of its own at the end. */
function layersFrom(states, moves) {
  const layerOf = new Map([[states[0].name, 0]]);
  const queue = [states[0].name];
  for (let i = 0; i < queue.length; i += 1) {
    for (const to of moves.get(queue[i])) {
      if (layerOf.has(to)) continue;
      layerOf.set(to, layerOf.get(queue[i]) + 1);
      queue.push(to);
    }
  }
  const last = Math.max(...layerOf.values());
  for (const state of states) if (!layerOf.has(state.name)) layerOf.set(state.name, last + 1);
  return layerOf;
}

/** Orders each layer by where its neighbours stand (barycentre, a few sweeps), so that fewer moves cross. */
function untangle(layers) {
  const middle = (index, size) => (index + 0.5) / size;
  const sweep = (column, beside, joined) => {
    const at = new Map(beside.map((node, index) => [node, middle(index, beside.length)]));
    const weight = new Map(column.map((node, index) => {
      const near = beside.filter((other) => joined(node, other)).map((other) => at.get(other));
      const own = middle(index, column.length);
      return [node, near.length ? near.reduce((sum, y) => sum + y, 0) / near.length : own];
    }));
    column.sort((a, b) => weight.get(a) - weight.get(b));
  };
  for (let round = 0; round < 3; round += 1) {
    for (let i = 1; i < layers.length; i += 1) sweep(layers[i], layers[i - 1], (node, other) => other.moves.includes(node.name));
    for (let i = layers.length - 2; i >= 0; i -= 1) sweep(layers[i], layers[i + 1], (node, other) => node.moves.includes(other.name));
  }
}

function route(nodes, byName) {
  const loops = new Set(nodes.filter((node) => node.moves.includes(node.name)));
  const pairs = nodes.flatMap((from) => from.moves.map((to) => ({ from, to: byName.get(to) })));
  const back = pairs.filter(({ from, to }) => to.layer < from.layer);
  const ends = plan(back);
  const room = { nodes, loops, lanes: [], gutters: new Map() };
  const edges = [];
  for (const { from, to } of pairs) {
    if (from === to) edges.push(loop(from));
    else if (to.layer > from.layer) edges.push(ahead(from, to));
    else if (to.layer === from.layer) edges.push(beside(from, to, room));
  }
  back.sort((a, b) => (a.from.layer - a.to.layer) - (b.from.layer - b.to.layer));
  for (const edge of back) edges.push(around(edge, ends, room));
  return edges;
}

const isTop = (node) => node.row === 0;
const isBottom = (node) => node.row === node.column.length - 1;

/** Decides for each way back whether it goes above or below, and orders the ends that share a side of a node. */
function plan(back) {
  const load = { above: 0, below: 0 };
  const ends = new Map();
  for (const edge of back) {
    const above = isTop(edge.from) && isTop(edge.to);
    const below = isBottom(edge.from) && isBottom(edge.to);
    if (above && below) edge.side = load.above < load.below ? 'above' : 'below';
    else edge.side = above && !below ? 'above' : 'below';
    load[edge.side] += 1;
    for (const [node, other] of [[edge.from, edge.to], [edge.to, edge.from]]) {
      edge[node === edge.from ? 'exit' : 'entry'] = (edge.side === 'above' ? isTop(node) : isBottom(node)) ? 'face' : 'gutter';
      const key = `${edge.side} ${node.name}`;
      if (!ends.has(key)) ends.set(key, []);
      ends.get(key).push({ edge, node, other });
    }
  }
  for (const list of ends.values()) {
    const isLeft = ({ node, other }) => other.layer < node.layer;
    list.sort((a, b) => isLeft(b) - isLeft(a) || b.other.layer - a.other.layer || b.other.x - a.other.x);
  }
  return ends;
}

/** The x at which an edge leaves or enters the upper or lower face of a node. */
function port(edge, node, ends, loops) {
  const list = ends.get(`${edge.side} ${node.name}`).filter((end) => (end.node === end.edge.from ? end.edge.exit : end.edge.entry) === 'face');
  const index = list.findIndex((end) => end.edge === edge);
  const spare = loops.has(node) && edge.side === 'above' ? 24 : 0;
  const step = Math.min(16, (node.w - 2 * ROUND - spare) / list.length);
  return node.x + (node.w - spare) / 2 + (index - (list.length - 1) / 2) * step;
}

function around(edge, ends, room) {
  const { from, to, side } = edge;
  const down = side === 'below' ? 1 : -1;
  const face = (node) => (down > 0 ? node.y + HEIGHT : node.y);
  const y0 = from.y + HEIGHT / 2;
  const y1 = to.y + HEIGHT / 2;
  const x0 = edge.exit === 'face' ? port(edge, from, ends, room.loops) : from.right + gutter(room, `right ${from.layer}`);
  const x1 = edge.entry === 'face' ? port(edge, to, ends, room.loops) : to.left - gutter(room, `left ${to.layer}`);
  const lane = laneFor(edge, [x1, x0], down, room);
  const points = [];
  if (edge.exit === 'face') points.push([x0, face(from)]);
  else points.push([from.x + from.w, y0 + down * 6], [x0, y0 + down * 6]);
  points.push([x0, lane], [x1, lane]);
  if (edge.entry === 'face') points.push([x1, face(to)]);
  else points.push([x1, y1 + down * 6], [to.x, y1 + down * 6]);
  return drawn(from, to, points);
}

/** How far beside a column the next line may run, so that two of them can be told apart. */
function gutter(room, key) {
  const used = room.gutters.get(key) ?? 0;
  room.gutters.set(key, used + 1);
  return GUTTER + 5 * (used % 4);
}

/** The nearest free lane beyond all nodes that it passes. */
function laneFor(edge, [x1, x0], down, { nodes, lanes, loops }) {
  const passed = nodes.filter((node) => node.layer >= edge.to.layer && node.layer <= edge.from.layer);
  const reach = (node) => (down > 0 ? node.y + HEIGHT : -node.y + (loops.has(node) ? LANE : 0));
  let y = Math.max(...passed.map(reach)) + LANE_START;
  const taken = lanes.filter((lane) => lane.down === down && lane.x1 < x0 + GUTTER && x1 < lane.x0 + GUTTER);
  for (;;) {
    const other = taken.find((lane) => Math.abs(lane.y - y) < LANE);
    if (!other) break;
    y = other.y + LANE;
  }
  lanes.push({ x0, x1, y, down });
  return y * down;
}

function ahead(from, to) {
  const x0 = from.x + from.w;
  const y0 = from.y + HEIGHT / 2;
  const x1 = to.x;
  const y1 = to.y + HEIGHT / 2;
  const end = x1 - TIP + 1;
  // Straight through the columns' own width, bent only between them.
  const a = from.right;
  const b = to.left - TIP + 1;
  const bend = (b - a) * 0.55;
  const path = Math.abs(y0 - y1) < 0.5
    ? `M${x0} ${y0}H${end}`
    : `M${x0} ${y0}H${a}C${a + bend} ${y0} ${b - bend} ${y1} ${b} ${y1}H${end}`;
  return { from: from.name, to: to.name, path, tip: tip(x1, y1, 1, 0), box: [x0, Math.min(y0, y1), x1, Math.max(y0, y1)] };
}

/** Between two states of one layer: straight when they are neighbours, else out to the right and back. */
function beside(from, to, room) {
  const twoWay = to.moves.includes(from.name);
  const down = to.y > from.y ? 1 : -1;
  if (Math.abs(to.row - from.row) === 1) {
    const x = (from.left + from.right) / 2 + (twoWay ? down * 9 : 0);
    return drawn(from, to, [[x, down > 0 ? from.y + HEIGHT : from.y], [x, down > 0 ? to.y : to.y + HEIGHT]]);
  }
  const x = from.right + gutter(room, `right ${from.layer}`);
  return drawn(from, to, [[from.x + from.w, from.y + HEIGHT / 2 + 6 * down], [x, from.y + HEIGHT / 2 + 6 * down], [x, to.y + HEIGHT / 2 - 6 * down], [to.x + to.w, to.y + HEIGHT / 2 - 6 * down]]);
}

function loop(node) {
  const x0 = node.x + node.w - 26;
  const x1 = node.x + node.w - 12;
  const y = node.y;
  const path = `M${x0} ${y}C${x0 - 5} ${y - 24} ${x1 + 5} ${y - 24} ${x1} ${y - TIP + 1}`;
  return { from: node.name, to: node.name, path, tip: tip(x1 - 0.5, y, -0.12, 0.99), box: [x0 - 4, y - 20, x1 + 4, y] };
}

function drawn(from, to, points) {
  const [ax, ay] = points.at(-2);
  const [bx, by] = points.at(-1);
  const length = Math.hypot(bx - ax, by - ay) || 1;
  const [dx, dy] = [(bx - ax) / length, (by - ay) / length];
  const xs = points.map(([x]) => x);
  const ys = points.map(([, y]) => y);
  const line = [...points.slice(0, -1), [bx - dx * (TIP - 1), by - dy * (TIP - 1)]];
  return {
    from: from.name,
    to: to.name,
    path: rounded(line),
    tip: tip(bx, by, dx, dy),
    box: [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)],
  };
}

/** A line through points with its corners rounded. */
function rounded(points) {
  let path = `M${points[0].join(' ')}`;
  for (let i = 1; i < points.length - 1; i += 1) {
    const [px, py] = points[i - 1];
    const [x, y] = points[i];
    const [nx, ny] = points[i + 1];
    const before = Math.hypot(x - px, y - py) || 1;
    const after = Math.hypot(nx - x, ny - y) || 1;
    const r = Math.min(ROUND, before / 2, after / 2);
    path += `L${x - ((x - px) / before) * r} ${y - ((y - py) / before) * r}Q${x} ${y} ${x + ((nx - x) / after) * r} ${y + ((ny - y) / after) * r}`;
  }
  return `${path}L${points.at(-1).join(' ')}`;
}

/** The head of an arrow that ends at (x, y) in the direction (dx, dy). */
function tip(x, y, dx, dy) {
  const bx = x - dx * TIP;
  const by = y - dy * TIP;
  return `M${x} ${y}L${bx - dy * 3.6} ${by + dx * 3.6}L${bx + dy * 3.6} ${by - dx * 3.6}Z`;
}

/** Moves everything to start at (0, 0) by telling the view box, not by touching the numbers. */
function frame(nodes, edges, marker, start) {
  const room = 5;
  const left = Math.min(marker.x - 6, ...edges.map((edge) => edge.box[0])) - room;
  const right = Math.max(...nodes.map((node) => node.x + node.w), ...edges.map((edge) => edge.box[2])) + room;
  const top = Math.min(...nodes.map((node) => node.y), ...edges.map((edge) => edge.box[1])) - room;
  const bottom = Math.max(...nodes.map((node) => node.y + HEIGHT), ...edges.map((edge) => edge.box[3])) + room;
  const end = start.x - TIP + 1;
  return {
    left,
    top,
    width: right - left,
    height: bottom - top,
    nodes,
    edges,
    start: { ...marker, path: `M${marker.x + 5} ${marker.y}H${end}`, tip: tip(start.x, marker.y, 1, 0) },
  };
}
