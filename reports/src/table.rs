//! How tables and named figures of a report are laid out: columns two blanks apart, names in front, words never cut.
//!
//! What it simplifies: every character is taken to be one column wide.

use comfy_table::{CellAlignment, ContentArrangement, Table, TableStyle};

/// A table without lines but the one under its heading; columns are two spaces apart.
pub(crate) fn table(heading: &[&str], left_aligned: &[usize], width: u16) -> Table {
    let mut table = Table::new();
    table.load_style(STYLE).set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    table.set_header(heading.iter().copied());
    for (place, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        let is_left = left_aligned.contains(&place);
        column.set_cell_alignment(if is_left { CellAlignment::Left } else { CellAlignment::Right });
    }
    table
}

const STYLE: TableStyle = comfy_table::presets::NOTHING;

/// The table without the blanks at the end of its lines.
pub(crate) fn trimmed(table: &Table) -> String {
    table.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

/// The columns that belong to the name of a figure.
const LABEL: usize = 14;

/// A figure under its name, broken between words; what goes on stands below.
pub(crate) fn labelled(label: &str, words: &str, width: u16) -> String {
    let mut text = String::new();
    let mut line = format!("{label:<LABEL$}");
    for word in words.split(' ') {
        let is_empty = line.chars().count() == LABEL;
        if !is_empty && line.chars().count() + 1 + word.chars().count() > usize::from(width) {
            text.push_str(&format!("{line}\n"));
            line = " ".repeat(LABEL);
        } else if !is_empty {
            line.push(' ');
        }
        line.push_str(word);
    }
    text + &line + "\n"
}
