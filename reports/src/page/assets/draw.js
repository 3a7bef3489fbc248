// The drawing: lanes with roles, commit indexes, syncs, faults, messages and operations, on one axis.

const canvas = document.getElementById("canvas");
const pen = canvas.getContext("2d");
const hiddenLanes = new Set();
const hiddenNames = new Set();
const AXIS = 24;
// How high a row of operations is, and how many rows a client has at most.
const ROW = 16;
const ROWS = 4;
const MESSAGES = 7;
let selected = -1;
let colours = {};
let layout = [];
let height = 0;
// How messages are coloured: a request has the colour of its reply, and the most frequent families have colours of their own.
const families = run.names.map((name) => name.replace(/^request-/, "").replace(/-reply$/, ""));
const frequency = new Map(families.map((family) => [family, 0]));
letters.forEach((letter) => frequency.set(families[letter.name], frequency.get(families[letter.name]) + 1));
const byFrequency = [...frequency.keys()].sort((one, other) => frequency.get(other) - frequency.get(one));
const colourOf = families.map((family) => Math.min(byFrequency.indexOf(family), MESSAGES - 1));

// Operations of one client that overlap are in rows of their own, as far as there are rows.
const rowsOf = lanes.map(() => [-1]);
for (const operation of operations) {
  const rows = rowsOf[operation.lane];
  let row = rows.findIndex((until) => until <= operation.invoked);
  if (row < 0) row = rows.length < ROWS ? rows.length : ROWS - 1;
  rows[row] = operation.ended ?? steps.length;
  operation.row = row;
}

function readColours() {
  const style = getComputedStyle(root);
  const names = ["paper", "ink", "soft", "faint", "wash", "accent", "bad", "bad-wash", "leader", "leader-ink", "candidate",
    "candidate-ink", "follower", "follower-ink", "down", "sync", "operation", "operation-ink", "select", "fault-network",
    "fault-process", "fault-disk", "fault-clock"];
  colours = Object.fromEntries(names.map((name) => [name, style.getPropertyValue("--" + name).trim()]));
  colours.messages = Array.from({ length: MESSAGES }, (_, number) => style.getPropertyValue("--m" + number).trim());
}

function shownLanes() {
  return lanes.filter((lane) => !hiddenLanes.has(lane.number));
}

// Gives every lane its place. Servers share what room there is.
function place() {
  const shown = shownLanes();
  const servers = shown.filter((lane) => lane.isServer).length;
  const network = spans.some((span) => span.lane < 0) ? 16 : 0;
  const each = servers === 0 ? 0 : clamp(Math.floor(420 / servers), 54, 76);
  layout = lanes.map(() => null);
  let y = AXIS + network;
  for (const lane of shown.filter((lane) => lane.isServer).concat(shown.filter((lane) => !lane.isServer))) {
    const size = lane.isServer ? each : rowsOf[lane.number].length * ROW + 6;
    layout[lane.number] = { y, size, wire: lane.isServer ? y + 35 + Math.floor((size - 54) / 2) : y + size / 2 };
    y += size;
  }
  height = y + 6;
}

function fitText(text, room) {
  const least = 7;
  const letters = Math.floor(room / least);
  if (letters < 2) return "";
  return text.length <= letters ? text : text.slice(0, Math.max(1, letters - 1)) + "…";
}

function write(text, x, y, colour, room, weight) {
  const shown = room === undefined ? text : fitText(text, room);
  if (shown === "") return;
  pen.fillStyle = colour;
  pen.font = (weight || "") + " 11.5px ui-monospace, 'DejaVu Sans Mono', Menlo, monospace";
  pen.fillText(shown, x, y);
}

// The part of something that is in view, in pixels.
function stretch(from, until) {
  const low = axis.x(axis.at(from));
  const high = axis.x(axis.end(until));
  if (high < axis.left || low > axis.right) return null;
  return [Math.max(low, axis.left - 2), Math.min(high, axis.right + 2)];
}

function hatch(x, y, width, size) {
  pen.save();
  pen.beginPath();
  pen.rect(x, y, width, size);
  pen.clip();
  pen.strokeStyle = colours.down;
  pen.lineWidth = 1;
  pen.beginPath();
  for (let at = x - size - (x % 7); at < x + width; at += 7) {
    pen.moveTo(at, y + size);
    pen.lineTo(at + size, y);
  }
  pen.stroke();
  pen.restore();
}

const ROLES = {
  leader: ["leader", "leader-ink"],
  candidate: ["candidate", "candidate-ink"],
  "pre-candidate": ["candidate", "candidate-ink"],
  follower: ["follower", "follower-ink"],
};

function drawSpan(span) {
  const range = stretch(span.from, span.until);
  const lane = span.lane < 0 ? { y: AXIS, size: 16 } : layout[span.lane];
  if (!range || !lane) return;
  const [x, width] = [range[0], Math.max(range[1] - range[0], 1.5)];
  if (ROLES[span.kind]) {
    const [fill, ink] = ROLES[span.kind];
    pen.fillStyle = colours[fill];
    pen.fillRect(x, lane.y + 4, width, 14);
    write(span.label, x + 4, lane.y + 15, colours[ink], width - 6);
  } else if (span.kind === "down") {
    hatch(x, lane.y + 2, width, lane.size - 4);
    write("down", x + 4, lane.y + 15, colours.ink, width - 6);
  } else if (span.kind === "sync") {
    pen.fillStyle = colours.sync;
    pen.fillRect(x, lane.y + lane.size - 17, width, 3);
  } else {
    const colour = colours["fault-" + span.kind];
    const y = span.lane < 0 ? AXIS : lane.y + lane.size - 12;
    const row = span.lane >= 0 && !lanes[span.lane].isServer ? { y: lane.y + lane.size - 4, size: 3 } : { y, size: 11 };
    pen.globalAlpha = 0.35;
    pen.fillStyle = colour;
    pen.fillRect(x, row.y, Math.max(width, 3), row.size);
    pen.globalAlpha = 1;
    pen.fillRect(x, row.y, 2, row.size);
    if (row.size > 8) write(span.label, x + 5, row.y + 9, colours.ink, width - 8);
  }
}

function drawCommits() {
  for (const commit of commits) {
    const range = stretch(commit.from, commit.until);
    const lane = layout[commit.lane];
    if (!range || !lane) continue;
    const width = range[1] - range[0];
    if (width < 3) continue;
    pen.fillStyle = colours.faint;
    pen.fillRect(range[0], lane.y + 20, 1, 10);
    write(width > 74 ? "commit " + commit.value : commit.value, range[0] + 4, lane.y + 29, colours.soft, width - 5);
  }
}

function drawOperation(operation) {
  const range = stretch(operation.invoked, operation.ended);
  const lane = layout[operation.lane];
  if (!range || !lane) return;
  const [x, width, y, size] = [range[0], Math.max(range[1] - range[0], 2), lane.y + 3 + operation.row * ROW, ROW - 2];
  const isKnown = operation.end === "r" || operation.end === "f";
  const isCulprit = operation.mark === "c";
  pen.fillStyle = isCulprit ? colours["bad-wash"] : colours.operation;
  pen.globalAlpha = isKnown ? 1 : 0.45;
  pen.fillRect(x, y, width - 0.5, size);
  pen.globalAlpha = 1;
  if (isCulprit || operation.mark === "m" || !isKnown) {
    pen.strokeStyle = isCulprit ? colours.bad : colours.leader;
    pen.lineWidth = isCulprit ? 2 : 1;
    pen.setLineDash(isKnown ? [] : [4, 3]);
    pen.strokeRect(x + 0.5, y + 0.5, width - 1, size - 1);
    pen.setLineDash([]);
  }
  const answer = operation.answer === null ? (operation.end === "f" ? " failed" : " unknown") : " → " + operation.answer;
  write(operation.text + answer, x + 4, y + size / 2 + 4, isCulprit ? colours.bad : colours["operation-ink"], width - 6);
}

function cross(x, y) {
  pen.moveTo(x - 4, y - 4);
  pen.lineTo(x + 4, y + 4);
  pen.moveTo(x - 4, y + 4);
  pen.lineTo(x + 4, y - 4);
}

function arrow(x0, y0, x1, y1) {
  pen.moveTo(x0, y0);
  pen.lineTo(x1, y1);
  const angle = Math.atan2(y1 - y0, x1 - x0);
  pen.moveTo(x1 - 7 * Math.cos(angle - 0.4), y1 - 7 * Math.sin(angle - 0.4));
  pen.lineTo(x1, y1);
  pen.lineTo(x1 - 7 * Math.cos(angle + 0.4), y1 - 7 * Math.sin(angle + 0.4));
}

// Adds a message to the path. Returns nothing that is out of view.
function trace(letter, hasHeads) {
  const [from, to] = [layout[letter.from], layout[letter.to]];
  if (!from || !to || hiddenNames.has(letter.name)) return;
  const x0 = axis.x(axis.at(letter.sent));
  if (x0 > axis.right) return;
  for (const arrival of letter.arrivals) {
    const x1 = axis.x(axis.at(arrival));
    if (x1 < axis.left) continue;
    if (hasHeads) arrow(x0, from.wire, x1, to.wire);
    else { pen.moveTo(x0, from.wire); pen.lineTo(x1, to.wire); }
  }
  if (letter.arrivals.length > 0 && letter.lost === null) return;
  // Lost on its way: it ends in a cross. What has not arrived yet, or never does, ends in nothing.
  const isAtReceiver = letter.lost !== null && letter.lost !== letter.sent;
  const x1 = isAtReceiver ? axis.x(axis.at(letter.lost)) : x0 + 16;
  const y1 = isAtReceiver ? to.wire : from.wire + (to.wire - from.wire) * 0.3;
  if (x1 < axis.left) return;
  pen.moveTo(x0, from.wire);
  pen.lineTo(x1, y1);
  if (hasHeads) cross(x1, y1);
}

function drawLetters(perPixel) {
  const hasHeads = perPixel < 0.6;
  pen.globalAlpha = perPixel > 3 ? 0.25 : perPixel > 1 ? 0.5 : 0.85;
  pen.lineWidth = 1;
  const lost = (letter) => letter.arrivals.length === 0;
  for (const isLost of [false, true]) {
    pen.setLineDash(isLost ? [3, 3] : []);
    for (let colour = 0; colour < MESSAGES; colour++) {
      pen.strokeStyle = colours.messages[colour];
      pen.beginPath();
      for (const letter of letters) {
        if (colourOf[letter.name] === colour && lost(letter) === isLost) trace(letter, hasHeads);
      }
      pen.stroke();
    }
  }
  pen.setLineDash([]);
  pen.globalAlpha = 1;
}

function drawSteps(perPixel) {
  if (perPixel > 1.5) return;
  for (let number = axis.firstAt(axis.from); number < steps.length && axis.at(number) <= axis.until; number++) {
    const step = steps[number];
    const lane = step.lane >= 0 ? layout[step.lane] : null;
    if (!lane || !lanes[step.lane].isServer || step.kind === "d" || step.kind === "n") continue;
    const x = axis.x(axis.at(number));
    pen.fillStyle = step.kind === "t" ? colours.candidate : step.kind === "!" ? colours["fault-process"] : colours.ink;
    pen.beginPath();
    if (step.kind === "t") pen.rect(x - 2.5, lane.wire - 2.5, 5, 5);
    else pen.arc(x, lane.wire, step.kind === "*" ? 2.6 : 1.8, 0, 7);
    pen.fill();
  }
}

function line(place, colour, width) {
  const x = axis.x(axis.at(place));
  if (x < axis.left || x > axis.right) return;
  pen.strokeStyle = colour;
  pen.lineWidth = width;
  pen.beginPath();
  pen.moveTo(x, AXIS - 6);
  pen.lineTo(x, height);
  pen.stroke();
}

function drawPointed() {
  if (run.pointed === null) return;
  line(run.pointed, colours.bad, 1.5);
  const step = steps[run.pointed];
  const x = axis.x(axis.at(run.pointed));
  if (x < axis.left || x > axis.right) return;
  const y = step.lane >= 0 && layout[step.lane] ? layout[step.lane].wire : AXIS - 2;
  pen.fillStyle = colours.bad;
  pen.beginPath();
  pen.moveTo(x, y - 6);
  pen.lineTo(x + 6, y);
  pen.lineTo(x, y + 6);
  pen.lineTo(x - 6, y);
  pen.fill();
}

// Numbers along the axis at round distances.
function drawAxis() {
  const rough = (axis.until - axis.from) / Math.max(2, (axis.right - axis.left) / 110);
  const power = Math.pow(10, Math.floor(Math.log10(rough)));
  const tick = Math.max(axis.mode === "rank" ? 1 : 1000, [1, 2, 5, 10].map((one) => one * power).find((one) => one >= rough));
  pen.lineWidth = 1;
  for (let at = Math.ceil(axis.from / tick) * tick; at <= axis.until; at += tick) {
    const x = axis.x(at);
    if (x < axis.left) continue;
    pen.strokeStyle = colours.faint;
    pen.beginPath();
    pen.moveTo(x, AXIS - 5);
    pen.lineTo(x, height);
    pen.stroke();
    const place = axis.firstAt(at);
    if (axis.mode === "rank" && (at < 0 || place >= steps.length)) continue;
    const digits = clamp(9 - Math.floor(Math.log10(tick)), 0, 6);
    write(axis.mode === "rank" ? "e" + steps[place].event : (at / 1e9).toFixed(digits) + " s", x + 3, 14, colours.soft);
  }
}

function drawNames() {
  pen.fillStyle = colours.paper;
  pen.fillRect(0, 0, axis.left, height);
  for (const lane of shownLanes()) {
    const { y } = layout[lane.number];
    const isHere = selected >= 0 && steps[selected].lane === lane.number;
    const middle = lane.isServer ? y + 15 : y + ROW / 2 + 6;
    write(lane.name, 6, middle, isHere ? colours.accent : colours.ink, axis.left - 8, isHere || lane.isServer ? "600" : "");
  }
  if (spans.some((span) => span.lane < 0)) write("network", 6, AXIS + 11, colours.soft);
}

function draw() {
  const box = canvas.getBoundingClientRect();
  if (box.width < 10) return;
  place();
  const scale = window.devicePixelRatio || 1;
  canvas.style.height = height + "px";
  canvas.width = Math.round(box.width * scale);
  canvas.height = Math.round(height * scale);
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  axis.left = 14 + 7 * Math.max(...lanes.map((lane) => Math.min(lane.name.length, 12)), 7);
  axis.right = box.width - 8;
  pen.fillStyle = colours.paper;
  pen.fillRect(0, 0, box.width, height);
  for (const lane of shownLanes()) {
    const { y, size, wire } = layout[lane.number];
    pen.fillStyle = lane.number % 2 === 0 ? colours.wash : colours.paper;
    pen.fillRect(0, y, box.width, size);
    if (lane.isServer) {
      pen.fillStyle = colours.faint;
      pen.fillRect(axis.left, wire, axis.right - axis.left, 1);
    }
  }
  drawAxis();
  if (selected >= 0) line(selected, colours.select, 5);
  const perPixel = axis.countInView() / (axis.right - axis.left) * 4;
  drawLetters(perPixel);
  spans.forEach(drawSpan);
  drawCommits();
  operations.forEach(drawOperation);
  drawSteps(perPixel);
  drawPointed();
  drawSelected();
  drawNames();
}

function drawSelected() {
  if (selected < 0) return;
  const step = steps[selected];
  if (step.letter !== null) {
    pen.strokeStyle = colours.ink;
    pen.lineWidth = 2.2;
    pen.beginPath();
    trace(letters[step.letter], true);
    pen.stroke();
  }
  const lane = step.lane >= 0 ? layout[step.lane] : null;
  if (!lane) return;
  pen.strokeStyle = colours.accent;
  pen.lineWidth = 2;
  pen.beginPath();
  pen.arc(axis.x(axis.at(selected)), lane.wire, 6, 0, 7);
  pen.stroke();
}
