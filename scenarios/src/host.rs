//! The host: the one place that touches threads, files, the wall clock, signals and the environment.
//!
//! Whatever is here may differ between two runs, so nothing here may reach what a run computes; it decides only which
//! runs are made, and where their results go. What it simplifies: an interrupt does not break a run off; what it was
//! about to find is abandoned.

#![expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "this is the host")]

pub mod process;
pub mod watch;

use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, IsTerminal, Read, Write};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{JoinHandle, ThreadId};
use std::time::{Duration, Instant};

use whitewater_reports::words::printable;

/// Something that the host could not do, in words for the user.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct HostError(String);

impl HostError {
    fn file(action: &str, path: &Path, why: impl fmt::Display) -> HostError {
        HostError(format!("cannot {action} {}: {why}", shown(path)))
    }
}

/// A path as errors print it.
#[must_use]
pub fn shown(path: &Path) -> String {
    printable(&path.display().to_string())
}

/// Measures the wall clock.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts now.
    #[must_use]
    pub fn start() -> Stopwatch {
        Stopwatch(Instant::now())
    }

    /// Nanoseconds since the start.
    #[must_use]
    pub fn elapsed_ns(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// How many runs this machine can make at the same time.
#[must_use]
pub fn parallelism() -> u32 {
    std::thread::available_parallelism().map_or(1, |count| u32::try_from(count.get()).unwrap_or(u32::MAX))
}

/// How this program was called, as a word for a shell.
#[must_use]
pub fn program() -> String {
    let called = std::env::args().next().unwrap_or_default();
    whitewater_reports::words::shell_word(&called)
}

/// The command line of this process as a shell understands it, without the directory that the program lies in.
#[must_use]
pub fn command_line() -> String {
    let program = std::env::args_os().next().unwrap_or_default();
    let program = Path::new(&program).file_name().unwrap_or_default().to_string_lossy().into_owned();
    let arguments = std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned());
    let words = std::iter::once(program).chain(arguments).map(|word| whitewater_reports::words::shell_word(&word));
    words.collect::<Vec<String>>().join(" ")
}

/// How this program was called, for a shell.
#[must_use]
pub fn own_command() -> String {
    let program = std::env::args_os().next().unwrap_or_default();
    whitewater_reports::words::shell_word(&program.to_string_lossy())
}

/// Tells a process that it was started by this program, to make runs.
const WORKER: &str = "WHITEWATER_WORKER";

/// Whether this process was started by [`process::Process::start_self`].
#[must_use]
pub fn is_started_by_itself() -> bool {
    std::env::var_os(WORKER).is_some()
}

/// Calls `take` with each line of the standard input, without its end, until that ends.
pub fn each_line(mut take: impl FnMut(&[u8])) {
    for line in io::stdin().lock().split(b'\n') {
        let Ok(line) = line else { return };
        take(&line);
    }
}

/// Ends this process.
pub fn exit(code: u8) -> ! {
    process::end_processes();
    std::process::exit(i32::from(code))
}

/// The width of the terminal that shows the standard output; none if it goes elsewhere.
#[must_use]
pub fn stdout_width() -> Option<u16> {
    terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| width.0)
}

/// The memory of this process that is in use, in bytes, where the system tells (Linux does).
#[must_use]
pub fn resident_memory_bytes() -> Option<u64> {
    resident_bytes("/proc/self/status")
}

/// The memory that is in use by the process of this file of Linux.
fn resident_bytes(status: &str) -> Option<u64> {
    let status = fs::read_to_string(status).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1 << 10)
}

/// Whether somebody watches the standard error on a terminal.
#[must_use]
pub fn is_watched() -> bool {
    io::stderr().is_terminal()
}

/// The largest history that is read, in bytes.
pub const HISTORY_BYTES_MAX: u64 = 256 << 20;

/// The largest scenario that is read, in bytes.
pub const SCENARIO_BYTES_MAX: u64 = 4 << 20;

/// Whether there is something at this path.
#[must_use]
pub fn exists(path: &Path) -> bool {
    path.exists()
}

/// Whether there is a directory at this path.
#[must_use]
pub fn is_directory(path: &Path) -> bool {
    path.is_dir()
}

/// Reads a file that is not larger than `bytes_max`.
///
/// # Errors
/// If it cannot be read, or is larger.
pub fn read(path: &Path, bytes_max: u64) -> Result<Vec<u8>, HostError> {
    if path.is_dir() {
        return Err(HostError::file("read", path, "it is a directory: name a file in it"));
    }
    let file = File::open(path).map_err(|error| HostError::file("read", path, why(&error)))?;
    read_all(file, path, bytes_max)
}

/// The standard input, as it comes. Reading more than `bytes_max` from it fails.
#[must_use]
pub fn stdin_at_most(bytes_max: u64) -> impl BufRead {
    BufReader::new(AtMost { source: io::stdin(), left: bytes_max, bytes_max })
}

/// A source that fails where more than so many bytes come from it.
struct AtMost<R> {
    source: R,
    left: u64,
    bytes_max: u64,
}

impl<R: Read> Read for AtMost<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer)?;
        self.left = self.left.checked_sub(read as u64).ok_or_else(|| io::Error::other(too_large(self.bytes_max)))?;
        Ok(read)
    }
}

fn too_large(bytes_max: u64) -> String {
    format!("it is larger than {} MiB, the most that is read", bytes_max >> 20)
}

/// Reads a source to its end, if it is not longer than `bytes_max`; errors name the path.
///
/// # Errors
/// If it cannot be read, or is longer.
pub fn read_all(source: impl Read, path: &Path, bytes_max: u64) -> Result<Vec<u8>, HostError> {
    let mut bytes = Vec::new();
    source.take(bytes_max + 1).read_to_end(&mut bytes).map_err(|error| HostError::file("read", path, why(&error)))?;
    if bytes.len() as u64 > bytes_max {
        return Err(HostError::file("read", path, too_large(bytes_max)));
    }
    Ok(bytes)
}

/// The words of an operating system without its error number.
fn why(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_lowercase()
}

/// The largest program that is read, in bytes.
pub const PROGRAM_BYTES_MAX: u64 = 1 << 30;

/// The bytes of this program.
///
/// # Errors
/// If the system does not give them.
pub fn own_program() -> Result<Vec<u8>, HostError> {
    let path =
        std::env::current_exe().map_err(|error| HostError(format!("cannot find this program: {}", why(&error))))?;
    read(&path, PROGRAM_BYTES_MAX)
}

/// The names of the files of a folder that end like this, in their order; what is no plain file, such as a link, is left out.
///
/// # Errors
/// If there is no such folder.
pub fn files_in(path: &Path, ending: &str) -> Result<Vec<OsString>, HostError> {
    let fail = |error: io::Error| HostError::file("read", path, why(&error));
    let mut names = Vec::new();
    for entry in fs::read_dir(path).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        let is_plain = entry.file_type().is_ok_and(|kind| kind.is_file());
        if is_plain && entry.file_name().to_string_lossy().ends_with(ending) {
            names.push(entry.file_name());
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// Makes a directory, and shows that files can be written in it.
///
/// # Errors
/// If that is not so.
pub fn prepare_directory(path: &Path) -> Result<(), HostError> {
    let fail = |error: io::Error| HostError::file("write into", path, why(&error));
    fs::create_dir_all(path).map_err(fail)?;
    let probe = temporary(&path.join("probe"));
    File::create(&probe).and_then(|_| fs::remove_file(&probe)).map_err(fail)
}

/// Writes a file under a temporary name and renames it: nobody ever sees half of it.
///
/// # Errors
/// If it cannot be written.
pub fn write_atomically(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), HostError> {
    let temporary = temporary(path);
    let written = File::create(&temporary).and_then(|file| {
        let mut file = io::BufWriter::new(file);
        write(&mut file)?;
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(&temporary, path)
    });
    written.map_err(|error| {
        // What is left of it is of no use; that it cannot be removed either is no more news.
        let _ = fs::remove_file(&temporary);
        HostError::file("write", path, why(&error))
    })
}

/// Writes a file that is not there yet.
///
/// # Errors
/// If it is there, or cannot be written.
pub fn create(path: &Path, text: &str) -> Result<(), HostError> {
    let file = fs::OpenOptions::new().write(true).create_new(true).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|error| {
        let is_there = error.kind() == io::ErrorKind::AlreadyExists;
        let why =
            if is_there { "it is there already: choose another name, or remove it".to_owned() } else { why(&error) };
        HostError::file("write", path, why)
    })
}

fn temporary(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    path.with_file_name(name)
}

/// Removes a file if it is there.
///
/// # Errors
/// If it is there and stays.
pub fn remove(path: &Path) -> Result<(), HostError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(HostError::file("remove", path, why(&error))),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Writes to the standard output. A reader that has had enough, like `head`, is no error.
///
/// # Errors
/// If it cannot be written for another reason, such as a full disk.
pub fn write_stdout(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), HostError> {
    let mut stdout = io::BufWriter::new(io::stdout().lock());
    match write(&mut stdout).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
            // Dropping the buffer would try to write the rest once more.
            let _ = stdout.into_parts();
            Ok(())
        }
        Err(error) => {
            let _ = stdout.into_parts();
            Err(HostError(format!("cannot write to the standard output: {}", why(&error))))
        }
        Ok(()) => Ok(()),
    }
}

/// Writes a line to the standard error. There is nobody left to tell if that fails.
pub fn tell(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// The threads that are inside [`guard`], each as often as it is, with the panic that was seen there.
static GUARDED: Mutex<Vec<(ThreadId, Option<String>)>> = Mutex::new(Vec::new());

fn guarded() -> MutexGuard<'static, Vec<(ThreadId, Option<String>)>> {
    GUARDED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From now on a panic inside [`guard`] prints nothing; whoever called that is told.
pub fn keep_panics() {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let place = panic.location().map(|place| format!(" ({}:{})", place.file(), place.line())).unwrap_or_default();
        let payload = panic.payload();
        let text = payload.downcast_ref::<String>().map(String::as_str).or(payload.downcast_ref::<&str>().copied());
        let text = text.unwrap_or("a panic without a message");
        let thread = std::thread::current().id();
        if let Some((_, kept)) = guarded().iter_mut().rfind(|(guarded, _)| *guarded == thread) {
            *kept = Some(format!("{text}{place}"));
            return;
        }
        print(panic);
    }));
}

/// Does some work; if it panics, says why and where.
///
/// # Errors
/// If it panics.
pub fn guard<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    let thread = std::thread::current().id();
    guarded().push((thread, None));
    let result = catch_unwind(AssertUnwindSafe(work));
    let mut guarded = guarded();
    let place = guarded.iter().rposition(|(guarded, _)| *guarded == thread).expect("this thread is guarded");
    let (_, kept) = guarded.remove(place);
    result.map_err(|_| kept.unwrap_or_else(|| "a panic without a message".to_owned()))
}

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// The exit code of a process that was interrupted.
pub const INTERRUPTED_CODE: u8 = 130;

/// From now on an interrupt (SIGINT, SIGTERM or SIGHUP) is only noted, to be asked for with [`is_interrupted`]; the
/// second one ends the process at once.
///
/// # Errors
/// If the system refuses.
pub fn keep_interrupts() -> Result<(), HostError> {
    let handle = || {
        if INTERRUPTED.swap(true, Ordering::SeqCst) {
            process::end_processes();
            std::process::exit(i32::from(INTERRUPTED_CODE));
        }
    };
    ctrlc::set_handler(handle).map_err(|error| HostError(format!("cannot handle interrupts: {error}")))
}

/// Whether somebody has interrupted since [`keep_interrupts`].
#[must_use]
pub fn is_interrupted() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}

/// How often [`parallel`] reports when nothing comes in.
const TICK: Duration = Duration::from_millis(100);

/// Results that may wait to be taken, before workers wait for them to be.
const WAITING_MAX: usize = 1_024;

/// Calls `work` with 0, 1, 2 and so on from `workers` threads until it returns `None`, and gives each result to `take`
/// on the calling thread, in the order in which they come; now and then also nothing, so that it can show progress.
/// When `take` breaks, what is still worked on is abandoned: its thread ends when it has finished, and nobody waits.
///
/// # Panics
/// If `work` panics.
pub fn parallel<R: Send + 'static>(
    workers: u32,
    work: impl Fn(u64) -> Option<R> + Send + Sync + 'static,
    mut take: impl FnMut(Option<R>) -> ControlFlow<()>,
) {
    let shared = Arc::new((AtomicU64::new(0), work));
    let (sender, receiver) = sync_channel(WAITING_MAX);
    let spawn = |_| {
        let (sender, shared) = (sender.clone(), Arc::clone(&shared));
        std::thread::spawn(move || {
            let (next, work) = &*shared;
            while let Some(result) = work(next.fetch_add(1, Ordering::Relaxed)) {
                if sender.send(result).is_err() {
                    return;
                }
            }
        })
    };
    let threads: Vec<JoinHandle<()>> = (0..workers).map(spawn).collect();
    drop(sender);
    loop {
        let taken = match receiver.recv_timeout(TICK) {
            Ok(result) => take(Some(result)),
            Err(RecvTimeoutError::Timeout) => take(None),
            Err(RecvTimeoutError::Disconnected) => break,
        };
        if taken.is_break() {
            return;
        }
    }
    for thread in threads {
        thread.join().unwrap_or_else(|panic| resume_unwind(panic));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_worked_on_once() {
        for workers in [1, 3] {
            let mut seen = Vec::new();
            let take = |result| {
                seen.extend(result);
                ControlFlow::Continue(())
            };
            parallel(workers, |number| (number < 5_000).then_some(number), take);
            seen.sort_unstable();
            assert_eq!(seen, (0..5_000).collect::<Vec<_>>());
        }
    }

    #[test]
    fn nobody_waits_for_what_is_abandoned() {
        let stopwatch = Stopwatch::start();
        let work = |_| {
            std::thread::sleep(Duration::from_secs(60));
            Some(())
        };
        parallel(2, work, |_| ControlFlow::Break(()));
        assert!(stopwatch.elapsed_ns() < 30_000_000_000);
    }

    #[test]
    fn a_panic_of_a_worker_is_not_lost() {
        let result = guard(|| parallel(2, |_| -> Option<()> { panic!("broken") }, |_| ControlFlow::Continue(())));
        assert!(result.is_err());
    }

    #[test]
    fn a_panic_is_an_error_with_its_message() {
        keep_panics();
        let why = guard(|| -> u32 { panic!("the {} broke", "thing") }).expect_err("it panicked");
        assert!(why.starts_with("the thing broke (") && why.contains("host.rs:"), "{why}");
        assert_eq!(guard(|| 5), Ok(5));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn memory_that_is_taken_shows() {
        let taken = vec![1_u8; 64 << 20];
        let resident = resident_memory_bytes().expect("Linux tells");
        assert!(resident >= taken.len() as u64, "{resident} bytes");
    }

    #[test]
    fn files_are_written_whole_and_read_up_to_a_limit() {
        let directory = std::env::temp_dir().join(format!("whitewater-host-{}", std::process::id()));
        prepare_directory(&directory).expect("a temporary directory");
        let path = directory.join("file");
        write_atomically(&path, |file| file.write_all(b"12345")).expect("written");
        assert_eq!(read(&path, 5), Ok(b"12345".to_vec()));
        assert!(read(&path, 4).is_err());
        let failed = write_atomically(&path, |_| Err(io::Error::other("no")));
        assert!(failed.is_err() && read(&path, 5) == Ok(b"12345".to_vec()));
        let names: Vec<_> = fs::read_dir(&directory).expect("listed").map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["file"]);
        fs::remove_dir_all(&directory).expect("removed");
    }
}
