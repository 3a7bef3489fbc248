// The panel beside the drawing: the step that is selected, what it changed, and how all nodes stand then.

const panel = document.getElementById("panel");
panel.parentElement.classList.toggle("wide", lanes.filter((lane) => lane.isServer).length > 5);

// An element with this text in it: text is never taken for markup.
function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function showPanel() {
  panel.replaceChildren();
  if (selected < 0) return;
  const step = steps[selected];
  const lane = step.lane >= 0 ? lanes[step.lane].name : "all";
  const at = steps.some((other) => other.at > 0) ? ", " + seconds(step.at) : "";
  panel.append(element("h3", "", "e" + step.event + at + ", " + lane));
  panel.append(element("p", "what", step.text));
  if (step.letter !== null) panel.append(element("p", "note", fate(step, letters[step.letter])));
  if (step.operation !== null) panel.append(element("p", "note", outcome(operations[step.operation])));
  const changes = changesAt[selected];
  const list = element("ul");
  for (const change of changes) {
    const row = element("li", "change");
    const before = change.before === "" ? "nothing" : change.before;
    const after = change.after === "" ? "nothing" : change.after;
    row.textContent = lanes[change.lane].name + " " + run.fields[change.field] + ": " + before + " → " + after;
    list.append(row);
  }
  if (changes.length > 0) panel.append(list);
  if (lanes.some((lane) => lane.isServer) && run.fields.length > 0) panel.append(table(step, changes));
}

// What became of the message that a step is about.
function fate(step, letter) {
  const name = run.names[letter.name];
  if (step.kind === "<" || step.place !== letter.sent) {
    return letter.sent < 0 ? name + ", sent before what is shown" : name + ", sent at e" + steps[letter.sent].event;
  }
  const arrivals = letter.arrivals.map((arrival) => "e" + steps[arrival].event);
  if (arrivals.length > 0) return name + ", arrives at " + arrivals.join(" and ");
  return letter.lost !== null ? name + ", is lost" : name + ", does not arrive in what is shown";
}

function outcome(operation) {
  const ends = { r: "answered", f: "certainly without effect", u: "of unknown outcome", o: "never answered" };
  const mark = operation.mark === "c" ? "; no order explains this answer" : "";
  return "operation " + operation.number + ", " + ends[operation.end] + mark;
}

// All servers with all that they said of themselves; what the step changed stands out.
function table(step, changes) {
  const states = statesAfter(selected);
  const servers = lanes.filter((lane) => lane.isServer);
  const made = element("table");
  const head = element("tr");
  head.append(element("th", "", ""));
  servers.forEach((lane) => head.append(element("th", "", lane.name)));
  made.append(head);
  run.fields.forEach((field, number) => {
    if (field === "voters") return;
    const row = element("tr");
    row.append(element("th", "", field));
    for (const lane of servers) {
      const isChanged = changes.some((change) => change.lane === lane.number && change.field === number);
      row.append(element("td", isChanged ? "changed" : "", short(states[lane.number][number])));
    }
    made.append(row);
  });
  const box = element("div", "scroll");
  box.append(made);
  return box;
}

// Values as short as a column of the panel is narrow.
function short(value) {
  const words = { follower: "foll.", candidate: "cand.", "pre-candidate": "pre-c", leader: "LEAD" };
  return words[value] || value;
}
