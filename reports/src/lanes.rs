//! A history as a drawing: a lane for each client, time from left to right, a bar for each operation.
//!
//! The picture is that of Herlihy and Wing (1990): bars that overlap are concurrent, and a bar that ends left of where
//! another begins comes before it. Columns stand for the order of events and not for spans of time. What is wider than
//! the terminal goes on below. What it simplifies: only so many operations are drawn; the rest is counted.

use unicode_width::UnicodeWidthChar;

/// An operation as a bar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bar {
    /// The lane that it is on. Bars of one lane must not overlap.
    pub lane: String,
    /// What is written on it.
    pub label: String,
    /// The event with which it begins. No two events of a drawing have the same number.
    pub from: u64,
    /// The event with which it ends; `None`: it is open.
    pub until: Option<u64>,
    /// How it stands out.
    pub mark: Mark,
}

/// How a bar stands out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Not at all.
    Plain,
    /// It is the one to look at.
    Culprit,
}

/// How many operations are drawn, and how often a drawing may go on below.
const BARS: usize = 24;
const BANDS: usize = 6;

/// How many columns a label may take: the first of these with which the drawing fits.
const LABELS: [usize; 3] = [24, 16, 10];

/// How many columns the name of a lane may take.
const NAME: usize = 16;

/// The fewest columns for the bars, however narrow the terminal.
const COLUMNS_MIN: usize = 24;

/// Draws bars, in at most `width` columns if that is 42 or more.
#[must_use]
pub fn draw(bars: &[Bar], width: u16) -> String {
    let mut bars: Vec<&Bar> = bars.iter().collect();
    bars.sort_by_key(|bar| bar.from);
    let skipped = bars.len().saturating_sub(BARS);
    // The last ones tell most, and the one to look at always does.
    let mut place = 0;
    bars.retain(|bar| {
        place += 1;
        place > skipped || bar.mark == Mark::Culprit
    });
    let mut lanes: Vec<(&str, String)> = Vec::new();
    for bar in &bars {
        if !lanes.iter().any(|(lane, _)| *lane == bar.lane) {
            lanes.push((&bar.lane, cut(&bar.lane, NAME)));
        }
    }
    let names = lanes.iter().map(|(_, name)| columns(name)).max().unwrap_or_default();
    let room = usize::from(width).saturating_sub(names + 2).max(COLUMNS_MIN);
    let layouts = LABELS.map(|label| Layout::of(&bars, label));
    let layout = layouts.iter().find(|layout| layout.columns <= room).unwrap_or(&layouts[1]);
    let rows: Vec<Vec<Cell>> = lanes.iter().map(|(lane, _)| layout.row(&bars, lane)).collect();
    let mut text = String::new();
    if skipped > 0 {
        text.push_str(&format!("... {skipped} more before these\n"));
    }
    let bands = layout.columns.div_ceil(room);
    for band in 0..bands.min(BANDS) {
        if band > 0 {
            text.push_str("...\n");
        }
        let window = band * room..((band + 1) * room).min(layout.columns);
        for ((_, name), row) in lanes.iter().zip(&rows) {
            let line = line(&row[window.clone()]);
            if !line.is_empty() {
                text.push_str(&format!("{name}{}  {line}\n", " ".repeat(names - columns(name))));
            }
        }
    }
    let undrawn = layout.spans.iter().filter(|(from, _)| *from >= BANDS * room).count();
    if undrawn > 0 {
        text.push_str(&format!("... {undrawn} more behind these\n"));
    }
    text
}

/// What a column of a row shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cell {
    Blank,
    Shown(char),
    /// The second half of a wide character.
    Covered,
}

/// Where bars are.
pub(crate) struct Layout {
    pub(crate) labels: Vec<String>,
    /// The first column of each bar, and its last; for an open one the last that it needs.
    pub(crate) spans: Vec<(usize, usize)>,
    pub(crate) columns: usize,
}

impl Layout {
    /// Events go from left to right, each in a column of its own, and as far apart as the labels need. The bars are in the
    /// order in which they begin.
    pub(crate) fn of(bars: &[&Bar], label: usize) -> Layout {
        let labels: Vec<String> = bars.iter().map(|bar| cut(&bar.label, label)).collect();
        let mut events: Vec<(u64, usize, Edge)> = Vec::new();
        for (place, bar) in bars.iter().enumerate() {
            events.push((bar.from, place, Edge::Left));
            events.extend(bar.until.map(|until| (until, place, Edge::Right)));
        }
        events.sort_unstable();
        let mut spans = vec![(0, 0); bars.len()];
        let mut next = 0;
        for (_, place, edge) in events {
            let on_lane = |(other, bar): &(usize, &&Bar)| *other != place && bar.lane == bars[place].lane;
            match edge {
                Edge::Left => {
                    let before = bars[..place].iter().enumerate().filter(on_lane).map(|(other, _)| spans[other].1 + 1);
                    let from = before.max().unwrap_or_default().max(next);
                    spans[place] = (from, from + columns(&labels[place]) + 3);
                    next = from + 1;
                }
                Edge::Right => {
                    spans[place].1 = spans[place].1.max(next);
                    next = spans[place].1 + 1;
                }
            }
        }
        let columns = spans.iter().map(|(_, until)| until + 1).max().unwrap_or_default();
        Layout { labels, spans, columns }
    }

    fn row(&self, bars: &[&Bar], lane: &str) -> Vec<Cell> {
        let mut row = vec![Cell::Blank; self.columns];
        let on_lane: Vec<usize> = (0..bars.len()).filter(|place| bars[*place].lane == lane).collect();
        for (number, &place) in on_lane.iter().enumerate() {
            let (from, last) = self.spans[place];
            let (left, line, right) = match (bars[place].mark, bars[place].until) {
                (Mark::Plain, Some(_)) => ('├', '─', '┤'),
                (Mark::Culprit, Some(_)) => ('╞', '═', '╡'),
                (Mark::Plain | Mark::Culprit, None) => ('├', '┄', '┄'),
            };
            // An open bar goes on until its lane is needed again.
            let next = on_lane.get(number + 1).map_or(self.columns, |next| self.spans[*next].0);
            let last = if bars[place].until.is_some() { last } else { next - 1 };
            row[from..=last].fill(Cell::Shown(line));
            (row[from], row[last]) = (Cell::Shown(left), Cell::Shown(right));
            let mut column = from + 2;
            for character in self.labels[place].chars() {
                row[column] = Cell::Shown(character);
                let wide = column + 1..column + character.width().unwrap_or_default();
                row[wide].fill(Cell::Covered);
                column += character.width().unwrap_or_default();
            }
        }
        row
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Edge {
    Left,
    Right,
}

fn line(cells: &[Cell]) -> String {
    let mut line = String::new();
    for (column, cell) in cells.iter().enumerate() {
        match *cell {
            Cell::Blank => line.push(' '),
            // Half of a wide character cannot be shown.
            Cell::Shown(character) if column + character.width().unwrap_or_default() > cells.len() => line.push(' '),
            Cell::Shown(character) => line.push(character),
            Cell::Covered if column == 0 => line.push(' '),
            Cell::Covered => {}
        }
    }
    line.trim_end().to_owned()
}

fn columns(text: &str) -> usize {
    text.chars().map(|character| character.width().unwrap_or_default()).sum()
}

/// Shortens to so many columns, with escapes for what has no width or would disturb a terminal.
fn cut(text: &str, most: usize) -> String {
    let mut shown = String::new();
    for character in text.chars() {
        let is_plain = character.width().is_some_and(|width| width > 0);
        let piece = if is_plain {
            crate::words::printable(character.encode_utf8(&mut [0; 4]))
        } else {
            character.escape_default().to_string()
        };
        if columns(&shown) + columns(&piece) > most {
            while columns(&shown) > most.saturating_sub(2) {
                shown.pop();
            }
            return shown + "..";
        }
        shown.push_str(&piece);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(lane: &str, label: &str, from: u64, until: Option<u64>) -> Bar {
        Bar { lane: lane.to_owned(), label: label.to_owned(), from, until, mark: Mark::Plain }
    }

    fn culprit(bar: Bar) -> Bar {
        Bar { mark: Mark::Culprit, ..bar }
    }

    #[test]
    fn bars_overlap_if_and_only_if_the_operations_do() {
        let bars = [
            bar("a", "put 1", 0, Some(1)),
            bar("b", "put 2", 2, Some(4)),
            bar("a", "put 3", 3, None),
            culprit(bar("c", "read 1", 5, Some(6))),
        ];
        let expected = "\
a  ├─put 1─┤ ├┄put 3┄┄┄┄┄┄┄┄┄┄┄
b           ├─put 2─┤
c                    ╞═read 1═╡
";
        assert_eq!(draw(&bars, 80), expected);
    }

    #[test]
    fn what_is_too_wide_goes_on_below() {
        let bars: Vec<Bar> = (0..6).map(|n| bar("client", &format!("operation {n}"), 2 * n, Some(2 * n + 1))).collect();
        let text = draw(&bars, 42);
        assert!(text.lines().all(|line| columns(line) <= 42), "{text}");
        assert_eq!(text.lines().filter(|line| *line == "...").count(), 2, "{text}");
    }

    #[test]
    fn of_many_the_last_are_drawn_and_the_culprit() {
        let mut bars: Vec<Bar> = (0..400).map(|n| bar(&n.to_string(), "x", n, Some(1_000 + n))).collect();
        bars[0] = culprit(bars[0].clone());
        let text = draw(&bars, 80);
        assert!(text.starts_with("... 376 more before these\n") && text.contains("╞═x"), "{text}");
        let long: Vec<Bar> = (0..20).map(|n| bar("a", &"x".repeat(40), 2 * n, Some(2 * n + 1))).collect();
        assert!(draw(&long, 42).ends_with("... 8 more behind these\n"), "{}", draw(&long, 42));
    }

    #[test]
    fn labels_keep_their_columns_whatever_is_written_on_them() {
        for label in
            ["漢字漢字漢字漢字漢字漢字漢字", "a\u{301}\u{301}", "\u{1b}[31m\n", "\u{202e}x", "", "\u{200b}", "👩‍👩‍👧"]
        {
            for width in [0, 41, 42, 43, 44, 80] {
                let bars = [bar(label, label, 0, Some(2)), bar("b", "read", 1, Some(3)), bar("c", label, 4, Some(5))];
                let text = draw(&bars, width);
                assert!(!text.contains(['\u{1b}', '\u{202e}', '\u{200b}']), "{text}");
                assert!(text.lines().all(|line| columns(line) <= usize::from(width).max(42)), "{width}: {text}");
            }
        }
    }

    #[test]
    fn nothing_is_drawn_of_nothing() {
        assert_eq!(draw(&[], 80), "");
    }
}
