//! The words that commands of all golden scripts are made of, and the macro that makes each script a test.

use std::error::Error;

use goldenscript::ArgumentConsumer;
use whitewater_raft::NodeId;

pub(crate) type Failure = Box<dyn Error>;

pub(crate) fn node(word: &str) -> Result<NodeId, Failure> {
    let number = word.strip_prefix('n').ok_or_else(|| format!("{word} is no server; say n1"))?;
    Ok(NodeId(number.parse()?))
}

pub(crate) fn next_node(args: &mut ArgumentConsumer) -> Result<NodeId, Failure> {
    node(args.next_pos().ok_or("say which server")?)
}

/// The servers named by all positional arguments that are left, in that order.
pub(crate) fn nodes(args: &mut ArgumentConsumer) -> Result<Vec<NodeId>, Failure> {
    std::iter::from_fn(|| args.next_pos()).map(node).collect()
}

/// The servers in one argument: `"n1 n2"`.
pub(crate) fn nodes_in(words: &str) -> Result<Vec<NodeId>, Failure> {
    words.split_whitespace().map(node).collect()
}

/// `key=number`, if it is there.
pub(crate) fn number<Number>(args: &mut ArgumentConsumer, key: &str) -> Result<Option<Number>, Failure>
where
    Number: std::str::FromStr<Err: Error + 'static>,
{
    Ok(args.take_key(key).map(str::parse).transpose()?)
}

/// `key=words`, which must be there.
pub(crate) fn key<'a>(args: &mut ArgumentConsumer<'a>, name: &str) -> Result<&'a str, Failure> {
    args.take_key(name).ok_or_else(|| format!("say {name}=...").into())
}

/// Makes each script of the folders a test, and one more that finds the scripts that are not listed.
macro_rules! scripts {
    ($runner:expr; $($folder:ident { $($name:ident),* $(,)? })*) => {
        $(mod $folder {
            use super::*;

            $(#[test]
            fn $name() {
                let file = concat!("tests/scripts/", stringify!($folder), "/", stringify!($name));
                goldenscript::run(&mut $runner, file).unwrap_or_else(|error| panic!("{file}: {error}"));
            })*

            #[test]
            fn every_script_is_run() {
                let folder = concat!("tests/scripts/", stringify!($folder));
                #[expect(clippy::disallowed_methods, reason = "a test may look at its own directory")]
                let files = std::fs::read_dir(folder).expect("the scripts are there");
                let mut files: Vec<_> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
                files.sort_unstable();
                let run: &[&str] = &[$(stringify!($name)),*];
                assert_eq!(files, run, "list each script once, in order");
            }
        })*
    };
}
pub(crate) use scripts;
