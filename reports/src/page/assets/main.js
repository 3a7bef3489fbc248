// What the page does: selecting steps, filters, keys, and the address of a step.

const stage = document.getElementById("stage");
const tools = document.getElementById("tools");
const help = document.getElementById("help");

function isShown(step) {
  if (step.lane >= 0 && hiddenLanes.has(step.lane)) return false;
  return step.letter === null || !hiddenNames.has(letters[step.letter].name);
}

// The address of a step: its event, and its place among the steps of that.
function address(place) {
  let first = place;
  while (first > 0 && steps[first - 1].event === steps[place].event) first--;
  return "#e" + steps[place].event + (place > first ? "." + (place - first) : "");
}

function select(place) {
  if (steps.length === 0) return;
  selected = clamp(place, 0, steps.length - 1);
  axis.reach(selected);
  history.replaceState(null, "", address(selected));
  root.dataset.selected = String(steps[selected].event);
  showPanel();
  draw();
}

// Goes on in a direction to a step that is shown, on the same lane if that is asked for.
function go(direction, isSameLane) {
  const lane = selected >= 0 ? steps[selected].lane : -1;
  for (let place = selected + direction; place >= 0 && place < steps.length; place += direction) {
    if (isShown(steps[place]) && (!isSameLane || steps[place].lane === lane)) return select(place);
  }
}

function follow() {
  const letter = selected >= 0 && steps[selected].letter !== null ? letters[steps[selected].letter] : null;
  if (!letter) return;
  const other = selected === letter.sent ? letter.arrivals[0] ?? letter.lost : letter.sent;
  if (other !== null && other >= 0) select(other);
}

function toPointed() {
  select(run.pointed === null ? steps.length - 1 : run.pointed);
}

function fromAddress() {
  const match = /^#e(\d+)(?:\.(\d+))?$/.exec(location.hash);
  if (!match || steps.length === 0) return false;
  const event = Number(match[1]);
  const place = steps.findIndex((step) => step.event >= event);
  select((place < 0 ? steps.length - 1 : place) + Number(match[2] || 0));
  return true;
}

function button(label, action, title) {
  const made = element("button", "", label);
  made.type = "button";
  if (title) made.title = title;
  made.addEventListener("click", action);
  return made;
}

function group(label, ...children) {
  const made = element("div", "group");
  if (label) made.append(element("span", "label", label));
  made.append(...children);
  tools.append(made);
}

// A button that shows and hides something.
function filter(label, hidden, number, colour) {
  const made = button("", () => {
    if (!hidden.delete(number)) hidden.add(number);
    made.setAttribute("aria-pressed", String(!hidden.has(number)));
    draw();
  }, "show or hide");
  made.className = "filter";
  made.setAttribute("aria-pressed", "true");
  if (colour) {
    const swatch = element("span", "swatch");
    swatch.style.borderColor = "var(--m" + colour.number + ")";
    made.append(swatch);
  }
  made.append(label);
  return made;
}

let modeButton = null;

function toggleMode() {
  axis.setMode(axis.mode === "rank" ? "time" : "rank", Math.max(selected, 0));
  modeButton.textContent = axis.mode === "rank" ? "equal distances" : "virtual time";
  root.dataset.mode = axis.mode;
  draw();
}

function buildTools() {
  const isTimed = steps.some((step) => step.at > 0);
  modeButton = button("equal distances", toggleMode, "equal distances, or virtual time (t)");
  const violation = button("first violation", toPointed, "v");
  violation.disabled = run.pointed === null;
  group("", violation, button("◂", () => go(-1, false), "previous step (k)"), button("▸", () => go(1, false), "next step (j)"));
  group("", button("−", () => zoom(1.6), "zoom out (-)"), button("+", () => zoom(1 / 1.6), "zoom in (+)"),
    button("all", () => { axis.showAll(); draw(); }, "everything (0)"));
  if (isTimed) group("", modeButton);
  group("", button("keys ?", () => help.showModal(), "?"));
  if (lanes.length > 1) group("lanes", ...lanes.map((lane) => filter(lane.name, hiddenLanes, lane.number)));
  if (run.names.length > 0) {
    const sorted = run.names.map((_, name) => name).sort((one, other) => colourOf[one] - colourOf[other] || one - other);
    group("messages", ...sorted.map((name) => filter(run.names[name], hiddenNames, name, { number: colourOf[name] })));
  }
  tools.hidden = false;
}

function zoom(factor) {
  axis.zoom(factor, selected >= 0 ? axis.at(selected) : (axis.from + axis.until) / 2);
  draw();
}

function move(share) {
  axis.pan(share);
  draw();
}

const KEYS = {
  j: () => go(1, false), k: () => go(-1, false), J: () => go(1, true), K: () => go(-1, true),
  Enter: follow, v: toPointed, g: () => select(0), G: () => select(steps.length - 1),
  t: () => { if (modeButton && modeButton.isConnected) toggleMode(); },
  "+": () => zoom(1 / 1.6), "=": () => zoom(1 / 1.6), "-": () => zoom(1.6), 0: () => { axis.showAll(); draw(); },
  h: () => move(-0.25), l: () => move(0.25), ArrowLeft: () => move(-0.25), ArrowRight: () => move(0.25),
  "?": () => help.showModal(),
};

document.addEventListener("keydown", (event) => {
  const isElsewhere = event.target instanceof HTMLButtonElement && event.key === "Enter";
  if (event.ctrlKey || event.metaKey || event.altKey || help.open || isElsewhere || !Object.hasOwn(KEYS, event.key)) return;
  event.preventDefault();
  KEYS[event.key]();
  const box = stage.getBoundingClientRect();
  if (box.bottom < 120 || box.top > window.innerHeight - 120) stage.scrollIntoView({ block: "center" });
});

// The step that is nearest to a point of the drawing.
function nearest(x, y) {
  let best = -1;
  let least = 30 * 30;
  for (let place = axis.firstAt(axis.position(x - 30)); place < steps.length; place++) {
    const at = axis.x(axis.at(place));
    if (at > x + 30) break;
    const lane = steps[place].lane >= 0 ? layout[steps[place].lane] : { wire: AXIS, y: AXIS, size: 16 };
    if (!lane || !isShown(steps[place])) continue;
    const inside = y >= lane.y && y < lane.y + lane.size;
    const distance = (at - x) ** 2 + (inside ? 0 : (lane.wire - y) ** 2);
    if (distance < least) [least, best] = [distance, place];
  }
  return best;
}

let drag = null;

canvas.addEventListener("pointerdown", (event) => {
  drag = { x: event.offsetX, from: axis.from, until: axis.until, isMoved: false };
  canvas.setPointerCapture(event.pointerId);
});
canvas.addEventListener("pointermove", (event) => {
  if (!drag) {
    const place = nearest(event.offsetX, event.offsetY);
    canvas.title = place < 0 ? "" : "e" + steps[place].event + " " + steps[place].text;
    return;
  }
  const by = (drag.x - event.offsetX) / (axis.right - axis.left) * (drag.until - drag.from);
  drag.isMoved = drag.isMoved || Math.abs(drag.x - event.offsetX) > 3;
  if (drag.isMoved) {
    axis.show(drag.from + by, drag.until + by);
    draw();
  }
});
canvas.addEventListener("pointerup", (event) => {
  const isClick = drag && !drag.isMoved;
  drag = null;
  const place = isClick ? nearest(event.offsetX, event.offsetY) : -1;
  if (place >= 0) select(place);
});
canvas.addEventListener("wheel", (event) => {
  if (event.ctrlKey || event.metaKey) {
    event.preventDefault();
    axis.zoom(Math.exp(event.deltaY * 0.004), axis.position(event.offsetX));
    draw();
  } else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
    event.preventDefault();
    move((event.deltaX || event.deltaY) / 900);
  }
}, { passive: false });

function redraw() {
  readColours();
  draw();
}

function begin() {
  stage.hidden = steps.length === 0;
  readColours();
  buildTools();
  root.dataset.mode = axis.mode;
  const around = run.pointed === null ? steps.length - 1 : run.pointed;
  draw();
  if (steps.length > 0) {
    const position = axis.at(around);
    const size = clamp(axis.whole(), axis.least(), 44);
    axis.show(position - size * 0.82, position + size * 0.18);
    if (!fromAddress()) select(around);
  }
  for (const made of document.querySelectorAll("[data-copy]")) {
    made.hidden = false;
    const source = document.getElementById(made.dataset.copy);
    made.addEventListener("click", () => navigator.clipboard.writeText(source.textContent).then(() => { made.textContent = "copied"; }));
  }
  root.dataset.ready = String(Math.round(performance.now()));
}

window.addEventListener("hashchange", fromAddress);
window.addEventListener("resize", draw);
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
window.addEventListener("beforeprint", () => {
  document.getElementById("events").open = true;
  redraw();
});
window.matchMedia("print").addEventListener("change", redraw);
window.addEventListener("afterprint", redraw);
begin();
