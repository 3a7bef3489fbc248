//! The coverage report in a browser: nothing goes wrong in it, it asks for nothing, it is not blank, and hostile text stays text.
//!
//! Needs `chromium`; skipped with a message where there is none.

#![expect(clippy::disallowed_methods, reason = "a test of the command touches files, as the host does")]

#[expect(dead_code, reason = "other tests of the command line need more of it")]
mod cli_support;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use cli_support::{code, empty_directory, whitewater};
use serde_json::Value;

/// Text that would do something wherever it is not escaped.
const HOSTILE: &str = "</script></style><script>document.title='owned'</script><img src=https://example.org/x onerror=console.error(1)>\
                       \"'`{{7*7}}\u{202e}\u{1b}[31m]]>-->";

/// Opens a page as a person would, with these extra arguments; nothing if there is no browser.
fn browse(directory: &Path, page: &Path, arguments: &[&str]) -> Option<Output> {
    let profile = directory.join("profile");
    let mut command = Command::new("chromium");
    command.args([
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-default-apps",
        "--disable-sync",
        "--hide-scrollbars",
        "--window-size=1280,1600",
        "--enable-logging=stderr",
        "--host-resolver-rules=MAP * ~NOTFOUND",
    ]);
    command.arg(format!("--user-data-dir={}", profile.display())).args(arguments);
    command.arg(format!("file://{}", page.display()));
    match command.output() {
        Ok(output) => Some(output),
        Err(_) => {
            println!("skipped: there is no chromium here");
            None
        }
    }
}

/// What a page asked for, from the browser's log of the network. What the browser itself asks for has no origin.
fn requests(log: &Path) -> Vec<String> {
    let log: Value = serde_json::from_str(&std::fs::read_to_string(log).expect("the log")).expect("it is JSON");
    let of_page = |event: &Value| {
        let initiator = event["params"]["initiator"].as_str()?;
        let url = event["params"]["url"].as_str()?;
        (initiator != "not an origin" && !url.starts_with("data:")).then(|| url.to_owned())
    };
    log["events"].as_array().expect("events").iter().filter_map(of_page).collect()
}

/// A campaign in which every text is hostile.
fn hostile_campaign(directory: &Path) -> PathBuf {
    let made = whitewater("run storm story tests/fixtures/impossible.toml --seeds 0..3 --jobs 1 --out")
        .arg(directory.join("out"))
        .output()
        .expect("the command starts");
    assert_eq!(code(&made), 1);
    let path = directory.join("out/campaign.json");
    let mut json: Value = serde_json::from_str(&std::fs::read_to_string(&path).expect("written")).expect("it is JSON");
    for scenario in json["scenarios"].as_array_mut().expect("scenarios") {
        scenario["summary"] = HOSTILE.into();
        scenario["argument"] = HOSTILE.into();
        scenario["script"] = vec![HOSTILE; 60].into();
        scenario["reaches"] = vec![HOSTILE].into();
        let faults = scenario["faults"].as_array().expect("faults").len();
        scenario["faults"] = vec![HOSTILE; faults].into();
    }
    let name = HOSTILE.to_owned();
    json["scenarios"][0]["name"] = name.clone().into();
    for run in json["runs"].as_array_mut().expect("runs") {
        if run["scenario"] == "storm" {
            run["scenario"] = name.clone().into();
        }
        if run["verdict"] == "violation" {
            (run["check"], run["name"], run["why"]) = (HOSTILE.into(), HOSTILE.into(), HOSTILE.into());
        }
        run["digest"] = HOSTILE.into();
    }
    for pace in json["parts"][0]["paces"].as_array_mut().expect("paces") {
        pace["sample"]["lineage"] = HOSTILE.into();
        if pace["scenario"] == "storm" {
            pace["scenario"] = name.clone().into();
        }
    }
    (json["parts"][0]["command"], json["bug"], json["target"]) = (HOSTILE.into(), HOSTILE.into(), HOSTILE.into());
    json["version"] = HOSTILE.into();
    for probe in json["coverage"]["probes"].as_array_mut().expect("probes").iter_mut().take(2) {
        (probe["section"], probe["summary"]) = (HOSTILE.into(), HOSTILE.into());
    }
    std::fs::write(&path, serde_json::to_string(&json).expect("it is JSON")).expect("it can be written");
    path
}

fn write_page(directory: &Path, arguments: &str) -> PathBuf {
    let lcov = format!("SF:{}\nDA:1,1\nend_of_record\n", HOSTILE.replace('\u{1b}', ""));
    std::fs::write(directory.join("lines.info"), lcov).expect("it can be written");
    let page = directory.join("page.html");
    let mut command = whitewater(&format!("report {arguments} --lcov lines.info --out page.html"));
    let written = command.current_dir(directory).output().expect("the command starts");
    assert_eq!(code(&written), 0, "{}", String::from_utf8_lossy(&written.stderr));
    page
}

#[test]
fn nothing_goes_wrong_in_it_and_it_asks_for_nothing() {
    let directory = empty_directory("report-page");
    hostile_campaign(&directory);
    let page = write_page(&directory, "out");
    let (log, shot) = (directory.join("net.json"), directory.join("page.png"));
    let (log_argument, shot_argument) =
        (format!("--log-net-log={}", log.display()), format!("--screenshot={}", shot.display()));
    let Some(shown) = browse(&directory, &page, &[&log_argument, &shot_argument]) else { return };
    let messages = String::from_utf8_lossy(&shown.stderr);
    let of_page: Vec<&str> = messages.lines().filter(|line| line.contains("CONSOLE")).collect();
    assert_eq!(of_page, [""; 0], "errors of the page");
    assert_eq!(requests(&log), [""; 0]);
    // A page that is blank, asks for something and has an error: all of that would be noticed.
    let other = directory.join("other.html");
    let text = "<!doctype html><img src=http://example.org/x><script>nothing.there()</script>";
    std::fs::write(&other, text).expect("it can be written");
    let blank_shot = directory.join("blank.png");
    let argument = format!("--screenshot={}", blank_shot.display());
    let shown = browse(&directory, &other, &[&log_argument, &argument]).expect("it was there");
    assert!(String::from_utf8_lossy(&shown.stderr).lines().any(|line| line.contains("CONSOLE")));
    assert!(requests(&log).iter().any(|url| url == "http://example.org/x"), "{:?}", requests(&log));
    let size = |path: &Path| std::fs::metadata(path).expect("a screenshot").len();
    assert!(size(&shot) > 8 * size(&blank_shot), "{} bytes against {}", size(&shot), size(&blank_shot));
}

#[test]
fn hostile_text_stays_text() {
    let directory = empty_directory("report-page-hostile");
    hostile_campaign(&directory);
    let page = write_page(&directory, "out");
    let text = std::fs::read_to_string(&page).expect("written");
    assert_eq!(text.matches("<script").count(), 1, "its own");
    assert_eq!(text.matches("<img").count(), 0);
    assert_eq!(text.matches("</style>").count(), 1);
    assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'), "nothing turns the text around");
    assert!(text.contains("&#60;script&#62;") || text.contains("&lt;script&gt;"), "it is there, as text");
    let Some(shown) = browse(&directory, &page, &["--dump-dom"]) else { return };
    let dom = String::from_utf8_lossy(&shown.stdout);
    assert!(dom.contains("How it was made") && dom.contains("<button type=\"button\">"), "the script ran to its end");
    assert!(!dom.contains("<title>owned"), "nobody else's did");
}

/// A table sorts by the column whose heading is clicked, numbers as numbers, and back.
#[test]
fn tables_sort_by_a_click() {
    let directory = empty_directory("report-page-sort");
    let made = whitewater("run calm lossy storm figure-8 --seeds 0..2 --jobs 1 --out")
        .arg(directory.join("out"))
        .output()
        .expect("the command starts");
    assert_eq!(code(&made), 0);
    let page = directory.join("out/report.html");
    let text = std::fs::read_to_string(&page).expect("run --out writes it");
    let click = "const heading=[...document.querySelectorAll('#scenarios thead button')].find((b)=>b.textContent==='answered');\
                 const order=()=>[...document.querySelectorAll('#scenarios tbody tr')].map((r)=>Number(r.cells[6].dataset.sort));\
                 heading.click();const up=order();heading.click();const down=order();\
                 document.title='SORTED '+JSON.stringify([up,down]);";
    let clicked = directory.join("clicked.html");
    std::fs::write(&clicked, text.replace("</body>", &format!("<script>{click}</script></body>"))).expect("written");
    let Some(shown) = browse(&directory, &clicked, &["--dump-dom"]) else { return };
    let dom = String::from_utf8_lossy(&shown.stdout);
    let title =
        dom.split("<title>SORTED ").nth(1).and_then(|rest| rest.split("</title>").next()).expect("it was clicked");
    let [up, down]: [Vec<u64>; 2] = serde_json::from_str(title).expect("two orders");
    assert_eq!((up.len(), up.is_sorted(), down.iter().rev().is_sorted()), (4, true, true), "{title}");
}
