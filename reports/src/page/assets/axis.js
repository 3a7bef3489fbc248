// The axis: where a step is, in virtual time or by its rank among the events, and what part of that is in view.

const ranks = [];
steps.forEach((step, place) => {
  const isSame = place > 0 && steps[place - 1].event === step.event;
  ranks.push(place === 0 ? 0 : ranks[place - 1] + (isSame ? 0 : 1));
});

const axis = {
  // "rank" or "time".
  mode: "rank",
  from: 0,
  until: 1,
  // Pixels: where the names of lanes end, and the drawing.
  left: 64,
  right: 1000,

  at(place) {
    if (steps.length === 0) return 0;
    const inside = clamp(place, 0, steps.length - 1);
    const position = this.mode === "rank" ? ranks[inside] : steps[inside].at;
    return place < 0 ? position - this.whole() * 0.02 - this.least() : position;
  },

  // Where something ends that may not end at all.
  end(place) {
    return place === null ? this.at(steps.length - 1) + this.whole() : this.at(place);
  },

  whole() {
    if (steps.length === 0) return 1;
    const last = steps.length - 1;
    return Math.max(this.mode === "rank" ? ranks[last] : steps[last].at - steps[0].at, this.least());
  },

  // The shortest stretch that is worth to be seen.
  least() {
    return this.mode === "rank" ? 4 : 2000;
  },

  x(position) {
    return this.left + (position - this.from) / (this.until - this.from) * (this.right - this.left);
  },

  position(x) {
    return this.from + (x - this.left) / (this.right - this.left) * (this.until - this.from);
  },

  show(from, until) {
    const whole = this.whole();
    const first = this.at(0);
    const size = clamp(until - from, this.least(), whole * 1.06 + this.least());
    const margin = size * 0.5;
    const begin = clamp(from, first - margin, Math.max(first - margin, first + whole - size + margin));
    this.from = begin;
    this.until = begin + size;
  },

  showAll() {
    const first = this.at(0);
    this.show(first - this.whole() * 0.03, first + this.whole() * 1.03);
  },

  zoom(factor, around) {
    const size = (this.until - this.from) * factor;
    const share = (around - this.from) / (this.until - this.from);
    this.show(around - size * share, around - size * share + size);
  },

  pan(share) {
    const by = (this.until - this.from) * share;
    this.show(this.from + by, this.until + by);
  },

  // Brings a step into view.
  reach(place) {
    const position = this.at(place);
    const size = this.until - this.from;
    if (position < this.from + size * 0.08 || position > this.until - size * 0.08) {
      this.show(position - size * 0.6, position + size * 0.4);
    }
  },

  setMode(mode, place) {
    const before = place >= 0 ? this.x(this.at(place)) : this.left;
    const many = this.countInView();
    this.mode = mode;
    // About as many steps stay in view, and the one that is selected stays where it is.
    const low = clamp(Math.round(place - many * 0.7), 0, steps.length - 1);
    const high = clamp(Math.round(place + many * 0.3), 0, steps.length - 1);
    const size = Math.max(this.at(high) - this.at(low), this.least());
    const share = clamp((before - this.left) / (this.right - this.left), 0.05, 0.95);
    const position = this.at(Math.max(place, 0));
    this.show(position - size * share, position - size * share + size);
  },

  // The first step that is not left of a position.
  firstAt(position) {
    let [low, high] = [0, steps.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.at(middle) < position) low = middle + 1;
      else high = middle;
    }
    return low;
  },

  countInView() {
    return this.firstAt(this.until) - this.firstAt(this.from);
  },
};
