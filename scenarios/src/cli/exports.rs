//! `--export FORMAT=FILE`: a run for the tools of others.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::ValueEnum;
use whitewater_kv::spec::Missing;
use whitewater_reports::export;
use whitewater_reports::words::{counted, printable};

use crate::formats::{self, Written};
use crate::host::{self, shown};
use crate::page;
use crate::run::Run;

use super::Failure;

/// Where a run goes, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Export {
    format: Format,
    /// The file; - is the standard output.
    pub(crate) path: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A log for ShiViz
    Shiviz,
    /// A trace for Perfetto and chrome://tracing
    Chrome,
    /// A sequence diagram of its end
    Mermaid,
    /// The history as Jepsen writes it
    Edn,
    /// The history as in the tests of Porcupine
    Porcupine,
    /// The history in our own format
    Json,
}

impl FromStr for Export {
    type Err = String;

    fn from_str(text: &str) -> Result<Export, String> {
        let names: Vec<String> = Format::value_variants()
            .iter()
            .filter_map(|format| format.to_possible_value())
            .map(|value| value.get_name().to_owned())
            .collect();
        let expected = || format!("expected FORMAT=FILE, where FORMAT is one of {}", names.join(", "));
        let (format, path) = text.split_once('=').filter(|(_, path)| !path.is_empty()).ok_or_else(expected)?;
        let format = Format::from_str(format, false).map_err(|_| expected())?;
        Ok(Export { format, path: PathBuf::from(path) })
    }
}

impl Export {
    /// Writes a run that was recorded.
    pub(crate) fn write(&self, run: &Run) -> Result<(), Failure> {
        let of_timeline = |export: fn(&whitewater_reports::timeline::Timeline) -> String| Written {
            text: export(&page::timeline(run)),
            weakened: 0,
        };
        let written = match self.format {
            Format::Shiviz => of_timeline(export::shiviz),
            Format::Chrome => of_timeline(export::chrome),
            Format::Mermaid => of_timeline(export::mermaid),
            Format::Edn => formats::write_edn(&run.history).map_err(|why| self.refused(&why))?,
            Format::Porcupine => {
                formats::write_porcupine(&run.history, Missing::Nil).map_err(|why| self.refused(&why))?
            }
            Format::Json => Written { text: formats::write_json(&run.history, Missing::Nil), weakened: 0 },
        };
        if written.weakened > 0 {
            let answers = counted(written.weakened, "answer");
            host::tell(&format!("{answers} that nothing was swapped became :fail, which says less"));
        }
        write_text(&self.path, &written.text)
    }

    fn refused(&self, why: &str) -> Failure {
        Failure::usage(format!("cannot write {}: {}", shown(&self.path), printable(why)))
    }
}

/// Whether a path means the standard output.
pub(crate) fn is_stdout(path: &Path) -> bool {
    path == Path::new("-")
}

/// Writes a file, or to the standard output, and says so.
pub(crate) fn write_text(path: &Path, text: &str) -> Result<(), Failure> {
    if is_stdout(path) {
        host::write_stdout(|stdout| stdout.write_all(text.as_bytes()))?;
    } else {
        host::write_atomically(path, |file| file.write_all(text.as_bytes()))?;
        host::tell(&format!("wrote {}", shown(path)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_export_says_format_and_file() {
        let export: Export = "shiviz=a=b.log".parse().expect("both are there");
        assert_eq!((export.format, export.path), (Format::Shiviz, PathBuf::from("a=b.log")));
        for wrong in ["shiviz", "shiviz=", "visio=a", "=a"] {
            let why = wrong.parse::<Export>().expect_err("something is missing");
            assert!(why.contains("FORMAT=FILE") && why.contains("chrome, mermaid"), "{why}");
        }
    }
}
