//! A watch on what other people's code does in this process: if it does not come back, somebody is told, and says how this
//! process ends.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often the watch looks.
const LOOK: Duration = Duration::from_millis(50);

/// Whether anybody watches.
static WATCHED: AtomicBool = AtomicBool::new(false);

/// Since when something is being done, and what it is, in words.
type Begun = (Instant, Box<dyn Fn() -> String + Send>);

/// What is being done.
static CURRENT: Mutex<Option<Begun>> = Mutex::new(None);

fn set(begun: Option<Begun>) {
    *CURRENT.lock().unwrap_or_else(PoisonError::into_inner) = begun;
}

/// From now on [`turn`]s are watched, one at a time. When one takes longer than this, in nanoseconds, `stuck` is told which; it
/// should end the process, because nothing else can end the turn.
pub fn watch_turns(limit_ns: u64, stuck: impl Fn(&str) + Send + 'static) {
    WATCHED.store(true, Ordering::SeqCst);
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(LOOK);
            let current = CURRENT.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((since, what)) = &*current
                && since.elapsed() > Duration::from_nanos(limit_ns)
            {
                stuck(&what());
            }
        }
    });
}

/// The end of a turn, however it ends.
struct Ended;

impl Drop for Ended {
    fn drop(&mut self) {
        set(None);
    }
}

/// Does what may not come back; `what` says in words what it is.
pub fn turn<T>(what: impl Fn() -> String + Send + 'static, work: impl FnOnce() -> T) -> T {
    if !WATCHED.load(Ordering::Relaxed) {
        return work();
    }
    set(Some((Instant::now(), Box::new(what))));
    let _ended = Ended;
    work()
}
