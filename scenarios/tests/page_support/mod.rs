//! Opens a page in a headless Chromium, and tells what it did: errors of its script, requests, and what it looks like.
//!
//! Where there is no Chromium the tests that need one say so and pass. Requests that the browser makes for itself, for
//! updates and the like, are none of the page's: its log says who asked.

#![expect(clippy::disallowed_methods, reason = "a test with a browser touches files, as the host does")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// A browser that was found.
pub(crate) struct Browser(PathBuf);

/// What came of opening a page.
pub(crate) struct Opened {
    /// The document after its script ran.
    pub(crate) dom: String,
    /// What the page asked for, beyond itself.
    pub(crate) requests: Vec<String>,
    /// The screenshot, as a PNG.
    pub(crate) screenshot: Vec<u8>,
}

impl Browser {
    /// The browser of this machine, or a message that there is none.
    pub(crate) fn find() -> Option<Browser> {
        let names = ["chromium", "chromium-browser", "google-chrome"];
        let directories = std::env::var_os("PATH").unwrap_or_default();
        let places = std::env::split_paths(&directories).flat_map(|path| names.map(|name| path.join(name)));
        let found = { places }.find(|path| path.is_file()).map(Browser);
        if found.is_none() {
            println!("skipped: there is no Chromium on the path");
        }
        found
    }

    /// Opens a page.
    pub(crate) fn open(&self, name: &str, html: &str) -> Opened {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("page-{name}"));
        if directory.exists() {
            fs::remove_dir_all(&directory).expect("an earlier run's directory goes");
        }
        fs::create_dir_all(&directory).expect("a directory for a test");
        let (page, log, picture) =
            (directory.join("page.html"), directory.join("net.json"), directory.join("page.png"));
        fs::write(&page, html).expect("the page is written");
        let dom = self.run(&directory, &page, &["--dump-dom".to_owned(), format!("--log-net-log={}", log.display())]);
        let _ = self.run(&directory, &page, &[format!("--screenshot={}", picture.display())]);
        Opened {
            dom,
            requests: requests(&fs::read_to_string(&log).expect("the browser wrote its log")),
            screenshot: fs::read(&picture).expect("the browser took a screenshot"),
        }
    }

    fn run(&self, directory: &Path, page: &Path, what: &[String]) -> String {
        let output = Command::new(&self.0)
            .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"])
            .args(["--disable-background-networking", "--disable-component-update", "--hide-scrollbars"])
            .args(["--window-size=1280,800", "--timeout=20000"])
            .arg(format!("--user-data-dir={}", directory.join("profile").display()))
            .args(what)
            .arg(format!("file://{}", page.display()))
            .stdin(Stdio::null())
            .output()
            .expect("the browser starts");
        String::from_utf8(output.stdout).expect("a document is UTF-8")
    }
}

/// What a page asked for, from the log of the browser.
fn requests(log: &str) -> Vec<String> {
    let log: Value = serde_json::from_str(log).expect("the log is JSON");
    let events = log["events"].as_array().expect("the log has events");
    let asked = events.iter().map(|event| &event["params"]).filter(|params| {
        params["initiator"].as_str().is_some_and(|initiator| initiator != "not an origin") && params["url"].is_string()
    });
    asked.filter_map(|params| params["url"].as_str()).map(str::to_owned).collect()
}

impl Opened {
    /// What the script says of itself in an attribute of the document.
    pub(crate) fn says(&self, what: &str) -> Option<&str> {
        let head = self.dom.split_once('>').and_then(|(_, rest)| rest.split_once('>')).map(|(head, _)| head)?;
        head.split_once(&format!("data-{what}=\""))?.1.split('"').next()
    }

    /// Asserts that the page works: no error, no request, and something to be seen.
    #[track_caller]
    pub(crate) fn assert_works(&self) {
        assert_eq!(self.says("errors"), Some(""), "the script of the page has no errors");
        assert!(self.says("ready").is_some(), "the script of the page comes to its end");
        assert_eq!(self.requests, Vec::<String>::new(), "the page asks for nothing");
        // An empty page of this size takes some 5 kB.
        assert!(self.screenshot.len() > 25_000, "there is little to be seen: {} bytes", self.screenshot.len());
    }
}
