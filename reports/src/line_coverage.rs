//! Line coverage, merged from LCOV files. For information: it says what was executed, not what was met.
//!
//! What it simplifies: branches and functions are not shown. A file that is named differently in two files counts twice.

use lcov::{Reader, Report};

use crate::words::printable;

/// Which lines were executed, by file.
#[derive(Clone, Debug, Default)]
pub struct LineCoverage {
    report: Report,
}

/// The lines of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileLines {
    /// The file.
    pub file: String,
    /// How many lines can be executed.
    pub lines: u64,
    /// How many were.
    pub hit: u64,
}

impl LineCoverage {
    /// Adds what an LCOV file says.
    ///
    /// # Errors
    /// If it is none, or says something else of the same line.
    pub fn add(&mut self, text: &str) -> Result<(), String> {
        let report =
            Report::from_reader(Reader::new(text.as_bytes())).map_err(|error| printable(&error.to_string()))?;
        self.report
            .merge(report)
            .map_err(|error| format!("it does not agree with the files before it: {}", printable(&error.to_string())))
    }

    /// The lines of each file, by name.
    #[must_use]
    pub fn files(&self) -> Vec<FileLines> {
        let mut files: Vec<FileLines> = Vec::new();
        // A file has a section for each test.
        let mut by_file = std::collections::BTreeMap::<String, std::collections::BTreeMap<u32, u64>>::new();
        for (key, section) in &self.report.sections {
            let lines = by_file.entry(key.source_file.to_string_lossy().into_owned()).or_default();
            for (line, value) in &section.lines {
                let count = lines.entry(line.line).or_default();
                *count = count.saturating_add(value.count);
            }
        }
        for (file, lines) in by_file {
            let hit = lines.values().filter(|count| **count > 0).count() as u64;
            files.push(FileLines { file, lines: lines.len() as u64, hit });
        }
        files
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str =
        "TN:a\nSF:src/raft.rs\nDA:1,3\nDA:2,0\nend_of_record\nTN:b\nSF:src/raft.rs\nDA:2,1\nDA:3,0\nend_of_record\n";

    #[test]
    fn files_and_tests_add_up() {
        let mut coverage = LineCoverage::default();
        coverage.add(ONE).expect("it is LCOV");
        coverage
            .add("SF:src/raft.rs\nDA:3,1\nend_of_record\nSF:src/kv.rs\nDA:1,0\nend_of_record\n")
            .expect("it is LCOV");
        let files: Vec<_> = coverage.files().into_iter().map(|file| (file.file, file.hit, file.lines)).collect();
        assert_eq!(files, [("src/kv.rs".to_owned(), 0, 1), ("src/raft.rs".to_owned(), 3, 3)]);
    }

    #[test]
    fn what_is_no_lcov_is_refused() {
        for text in ["<html>\n", "SF:a\nDA:x,1\nend_of_record\n", "DA:1,1\n"] {
            assert!(LineCoverage::default().add(text).is_err_and(|why| !why.is_empty()), "{text}");
        }
    }
}
