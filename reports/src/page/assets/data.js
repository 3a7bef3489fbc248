// What the page is about, as objects, and how nodes stood at any step.

const root = document.documentElement;
root.dataset.errors = "";
window.addEventListener("error", (event) => { root.dataset.errors += String(event.message) + "\n"; });

const run = JSON.parse(document.getElementById("run").textContent);
const lanes = run.lanes.map(([name, kind], number) => ({ name, isServer: kind === "s", number }));
const steps = run.steps.map(([event, at, lane, kind, text, letter, operation], place) =>
  ({ place, event, at, lane, kind, text, letter, operation }));
const letters = run.letters.map(([from, to, name, sent, arrivals, lost]) => ({ from, to, name, sent, arrivals, lost }));
const operations = run.operations.map(([number, lane, text, answer, invoked, ended, end, mark]) =>
  ({ number, lane, text, answer, invoked, ended, end, mark }));
const spans = run.spans.map(([lane, kind, label, from, until]) => ({ lane, kind, label, from, until }));

// The changes of each step.
const changesAt = steps.map(() => []);
for (const [step, lane, field, before, after] of run.changes) {
  changesAt[step].push({ lane, field, before, after });
}

// The values of all fields on all lanes behind a step.
function statesAfter(place) {
  const states = run.states.map((values) => values.slice());
  for (const [step, lane, field, , after] of run.changes) {
    if (step > place) break;
    states[lane][field] = after;
  }
  return states;
}

// For each lane, how a field changed: a value from one step to another.
function stretches(name) {
  const field = run.fields.indexOf(name);
  if (field < 0) return [];
  const open = run.states.map((values, lane) => ({ lane, value: values[field], from: -1, until: null }));
  const all = open.slice();
  for (const [step, lane, of, , after] of run.changes) {
    if (of !== field) continue;
    open[lane].until = step;
    open[lane] = { lane, value: after, from: step, until: null };
    all.push(open[lane]);
  }
  return all.filter((stretch) => stretch.value !== "");
}

const commits = stretches("commit");

function seconds(ns) {
  return (ns / 1e9).toFixed(6) + " s";
}

function clamp(value, low, high) {
  return Math.max(low, Math.min(high, value));
}
