//! The repository's own rules, as tests: the arrows between crates, one `clippy.toml`, a module doc in every file, and
//! the one place that may touch the world outside.
#![expect(clippy::disallowed_methods, reason = "a test of the repository reads its files")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the workspace").to_owned()
}

/// Every file below the workspace's crates with this extension, or this name.
fn files(ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = ["sim", "raft", "kv", "scenarios", "reports"].map(|name| root().join(name)).into();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the folder can be read") {
            let path = entry.expect("the entry can be read").path();
            if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    assert!(!found.is_empty() || ending == "clippy.toml", "there are files that end in {ending}");
    found
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).expect("the file can be read")
}

#[test]
fn crates_depend_on_each_other_along_the_arrows_only() {
    let arrows: [(&str, &[&str]); 5] = [
        ("sim", &[]),
        ("raft", &[]),
        ("kv", &["raft"]),
        ("reports", &["sim"]),
        ("scenarios", &["kv", "raft", "reports", "sim"]),
    ];
    for (name, allowed) in arrows {
        let manifest: toml::Table = text(&root().join(name).join("Cargo.toml")).parse().expect("the manifest is TOML");
        let used: BTreeSet<&str> = ["dependencies", "dev-dependencies", "build-dependencies"]
            .iter()
            .filter_map(|section| manifest.get(*section)?.as_table())
            .flat_map(|section| section.keys())
            .filter_map(|dependency| dependency.strip_prefix("whitewater-"))
            .collect();
        assert_eq!(used, allowed.iter().copied().collect(), "the arrows of {name}");
    }
}

#[test]
fn the_ban_on_clocks_and_threads_is_in_one_file() {
    assert!(root().join("clippy.toml").exists());
    assert_eq!(files("clippy.toml"), Vec::<PathBuf>::new(), "a crate's own clippy.toml would replace the root's");
}

#[test]
fn every_file_opens_with_what_it_is() {
    let silent: Vec<PathBuf> = files(".rs").into_iter().filter(|path| !text(path).starts_with("//! ")).collect();
    assert_eq!(silent, Vec::<PathBuf>::new());
}

#[test]
fn files_stay_short_enough_to_read() {
    let lines = |path: &PathBuf| text(path).lines().take_while(|line| *line != "#[cfg(test)]").count();
    let long: Vec<PathBuf> = files(".rs").into_iter().filter(|path| lines(path) > 600).collect();
    assert_eq!(long, Vec::<PathBuf>::new());
}

#[test]
fn only_the_host_lifts_the_ban_on_the_outside_world() {
    let lifts = |path: &PathBuf| {
        let text = text(path);
        ["disallowed_methods", "disallowed_macros"].iter().any(|lint| text.contains(&format!("clippy::{lint}")))
    };
    let lifting: Vec<PathBuf> = files(".rs")
        .into_iter()
        .filter(|path| path.components().any(|part| part.as_os_str() == "src"))
        .filter(lifts)
        .collect();
    let host = root().join("scenarios/src/host");
    // The switch of bugs belongs to a thread; a build without the feature has none.
    let others = [host.with_extension("rs"), root().join("raft/src/lib.rs")];
    for path in lifting {
        assert!(path.starts_with(&host) || others.contains(&path), "{} is not the host", path.display());
    }
}
