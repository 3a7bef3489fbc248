//! A process that is spoken to in lines over pipes, and that is never trusted to behave: whatever it does or leaves undone,
//! the caller gets an answer in bounded time and memory, and nothing of the process is left behind.
//!
//! It runs in a process group of its own, so that what it started goes when it goes. Who leaves that group still has a mark in
//! its environment, and is looked for when there was trouble, and when this program ends. What it simplifies: whoever rids
//! itself of that, too, is not found.

use std::collections::VecDeque;
use std::fs;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::ioctl_fionbio;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::HostError;

/// What a process may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes of a line, without its end.
    pub line_bytes_max: usize,
    /// The most memory in use, in bytes, of the process alone.
    pub memory_bytes_max: u64,
    /// The most processes and threads in its group.
    pub tasks_max: usize,
}

/// Why a process has no line to give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It has ended, as these words say.
    Ended(String),
    /// It was killed, by somebody else or for want of memory, and nobody can say that it was its own fault.
    Killed(String),
    /// It has closed its output, and goes on all the same.
    Closed,
    /// Its line is longer than it may be; this is its beginning.
    Endless(Vec<u8>),
    /// Its time was over; this is what there is of a line.
    Late(Vec<u8>),
    /// It takes more than [`Limits`] allow, in words.
    Greedy(String),
}

/// How much is kept of what a process prints to its standard error, from its end.
const STDERR_BYTES_KEPT: usize = 4 << 10;

/// How long a process that has closed its output, or is to end, may take to end.
const ENDING: Duration = Duration::from_millis(500);

/// How often a process that is waited for is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// The variable of the environment that marks a process and all that it starts: the number of this process, a point, and a
/// number of its own.
const MARK: &str = "WHITEWATER_PROCESS";

/// How many processes were started.
static STARTED: AtomicU64 = AtomicU64::new(0);

/// How often marked processes are looked for, while there are some: they may start others meanwhile.
const SWEEPS: u32 = 20;

/// The processes that are not known to have ended; none once this program is about to end, when no others may begin.
static ALIVE: Mutex<Option<Vec<Pid>>> = Mutex::new(Some(Vec::new()));

/// A process, from its start until it is dropped. Then it ends, with all that it has started.
pub struct Process {
    child: Child,
    pid: Pid,
    mark: String,
    was_ended: bool,
    limits: Limits,
    stdin: Option<ChildStdin>,
    stdout: ChildStdout,
    stderr: Option<ChildStderr>,
    /// What is still to be written, from a place on.
    outgoing: (Vec<u8>, usize),
    /// What was read: lines were given away up to the first place, and no line ends before the second.
    incoming: Vec<u8>,
    taken: usize,
    searched: usize,
    printed: VecDeque<u8>,
    /// When it was last looked at.
    looked: Instant,
}

impl Process {
    /// Starts a program with its arguments. It is looked for as a shell would do, and no shell is involved.
    ///
    /// # Errors
    /// If there is no such program, or it cannot be started.
    pub fn start(words: &[String], limits: Limits) -> Result<Process, HostError> {
        let (program, arguments) = words.split_first().ok_or_else(|| HostError("no program is named".to_owned()))?;
        let mut command = Command::new(program);
        command.args(arguments);
        Process::spawn(command, limits)
    }

    /// Starts this program again, which can tell by [`super::is_started_by_itself`].
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start_self(limits: Limits) -> Result<Process, HostError> {
        let program =
            std::env::current_exe().map_err(|error| HostError(format!("cannot find this program: {error}")))?;
        let mut command = Command::new(program);
        command.env(super::WORKER, "1");
        Process::spawn(command, limits)
    }

    fn spawn(mut command: Command, limits: Limits) -> Result<Process, HostError> {
        let program = super::printable(&command.get_program().to_string_lossy());
        let fail = |error: io::Error| HostError(format!("cannot start `{program}`: {}", super::why(&error)));
        let mark = format!("{}.{}.", std::process::id(), STARTED.fetch_add(1, Ordering::Relaxed));
        command.env(MARK, &mark).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let (mut child, pid) = {
            let mut alive = ALIVE.lock().unwrap_or_else(PoisonError::into_inner);
            let alive = alive.as_mut().ok_or_else(|| fail(io::Error::other("this program is about to end")))?;
            let child = command.spawn().map_err(fail)?;
            let pid = Pid::from_child(&child);
            alive.push(pid);
            (child, pid)
        };
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let process = Process {
            child,
            pid,
            mark,
            was_ended: false,
            limits,
            stdin,
            stdout: stdout.expect("its output is a pipe"),
            stderr,
            outgoing: (Vec::new(), 0),
            incoming: Vec::new(),
            taken: 0,
            searched: 0,
            printed: VecDeque::new(),
            looked: Instant::now(),
        };
        process.never_block().map_err(fail)?;
        Ok(process)
    }

    fn never_block(&self) -> io::Result<()> {
        self.stdin.iter().try_for_each(|pipe| ioctl_fionbio(pipe, true))?;
        self.stderr.iter().try_for_each(|pipe| ioctl_fionbio(pipe, true))?;
        Ok(ioctl_fionbio(&self.stdout, true)?)
    }

    /// How much of what it was told it has not taken yet. The system keeps a little more for it, which is not counted.
    #[must_use]
    pub fn unread_bytes(&self) -> usize {
        self.outgoing.0.len() - self.outgoing.1
    }

    /// Hands over a line, with its end. It is written as the process takes it, while lines are waited for.
    pub fn say(&mut self, line: &[u8]) {
        let (bytes, written) = &mut self.outgoing;
        bytes.drain(..*written);
        *written = 0;
        bytes.extend_from_slice(line);
        self.write();
    }

    /// The next line of its output, without its end.
    ///
    /// # Errors
    /// If there is none, or none within the time that is left of this limit (in nanoseconds) since the stopwatch was
    /// started.
    pub fn line(&mut self, since: super::Stopwatch, limit_ns: u64) -> Result<&[u8], Failure> {
        let deadline = since.0 + Duration::from_nanos(limit_ns);
        loop {
            if let Some(end) = self.incoming[self.searched..].iter().position(|byte| *byte == b'\n') {
                let (begin, end) = (self.taken, self.searched + end);
                (self.taken, self.searched) = (end + 1, end + 1);
                if end - begin > self.limits.line_bytes_max {
                    return Err(Failure::Endless(self.incoming[begin..end].to_vec()));
                }
                return Ok(&self.incoming[begin..end]);
            }
            self.incoming.drain(..self.taken);
            (self.taken, self.searched) = (0, self.incoming.len());
            if self.searched > self.limits.line_bytes_max {
                return Err(Failure::Endless(self.incoming.clone()));
            }
            let now = Instant::now();
            if now >= deadline {
                return Err(Failure::Late(self.incoming.clone()));
            }
            self.look(now)?;
            self.wait((deadline - now).min(LOOK))?;
        }
    }

    /// Waits until there is something to be done about a pipe, and does it.
    fn wait(&mut self, at_most: Duration) -> Result<(), Failure> {
        let has_outgoing = self.outgoing.1 < self.outgoing.0.len();
        let mut pipes = vec![PollFd::new(&self.stdout, PollFlags::IN)];
        pipes.extend(self.stderr.iter().map(|pipe| PollFd::from_borrowed_fd(pipe.as_fd(), PollFlags::IN)));
        let writable = self.stdin.iter().filter(|_| has_outgoing);
        pipes.extend(writable.map(|pipe| PollFd::from_borrowed_fd(pipe.as_fd(), PollFlags::OUT)));
        let at_most = Timespec::try_from(at_most).expect("it is a moment");
        // That a signal came is no news: whoever calls this looks again.
        let _ = poll(&mut pipes, Some(&at_most));
        let is_readable = !pipes[0].revents().is_empty();
        drop(pipes);
        self.read_stderr();
        if has_outgoing {
            self.write();
        }
        if is_readable { self.read() } else { Ok(()) }
    }

    fn write(&mut self) {
        let (bytes, written) = &mut self.outgoing;
        while let Some(stdin) = &mut self.stdin
            && *written < bytes.len()
        {
            match stdin.write(&bytes[*written..]) {
                Ok(count) if count > 0 => *written += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // It does not listen any more. Whether it has something to say all the same shows when it is waited for.
                Ok(_) | Err(_) => self.stdin = None,
            }
        }
    }

    fn read(&mut self) -> Result<(), Failure> {
        let old = self.incoming.len();
        self.incoming.resize(old + (16 << 10), 0);
        let read = self.stdout.read(&mut self.incoming[old..]);
        self.incoming.truncate(old + read.as_ref().copied().unwrap_or_default());
        match read {
            Ok(0) => Err(self.ending()),
            Ok(_) => Ok(()),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => Ok(()),
            Err(_) => Err(self.ending()),
        }
    }

    fn read_stderr(&mut self) {
        let mut buffer = [0; 4 << 10];
        // What comes without an end is not waited for.
        for _ in 0..16 {
            let Some(stderr) = &mut self.stderr else { return };
            match stderr.read(&mut buffer) {
                Ok(0) => self.stderr = None,
                Ok(count) => self.printed.extend(&buffer[..count]),
                Err(_) => return,
            }
            let surplus = self.printed.len().saturating_sub(STDERR_BYTES_KEPT);
            self.printed.drain(..surplus);
        }
    }

    /// The process has closed its output: how did it end?
    fn ending(&mut self) -> Failure {
        let stopwatch = Instant::now();
        loop {
            self.read_stderr();
            match self.child.try_wait() {
                Ok(Some(status)) => return ended(status),
                Ok(None) if stopwatch.elapsed() < ENDING => std::thread::sleep(Duration::from_millis(1)),
                Ok(None) | Err(_) => return Failure::Closed,
            }
        }
    }

    /// Looks now and then whether the process takes more than it may.
    fn look(&mut self, now: Instant) -> Result<(), Failure> {
        if now.duration_since(self.looked) < LOOK {
            return Ok(());
        }
        self.looked = now;
        let Limits { memory_bytes_max, tasks_max, .. } = self.limits;
        let own = format!("/proc/{}/status", self.pid.as_raw_nonzero());
        if super::resident_bytes(&own).is_some_and(|bytes| bytes > memory_bytes_max) {
            return Err(Failure::Greedy(format!("it uses more than {} MiB of memory", memory_bytes_max >> 20)));
        }
        let tasks = tasks_of(self.pid);
        if tasks > tasks_max {
            return Err(Failure::Greedy(format!("it has started more than {tasks_max} processes and threads")));
        }
        Ok(())
    }

    /// What it has printed to its standard error last.
    #[must_use]
    pub fn printed(&self) -> Vec<u8> {
        self.printed.iter().copied().collect()
    }

    /// Whether it has not ended, as far as is known.
    pub fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Ends it because there was trouble with it, and waits for what it has printed last.
    pub fn end(&mut self) {
        self.was_ended = true;
        self.kill();
        let _ = self.child.wait();
        self.read_stderr();
    }

    fn kill(&self) {
        // Its number is its own as long as nobody has waited for it; afterwards its group has it while anybody is in there.
        let _ = kill_process_group(self.pid, Signal::KILL);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        // Killed, it ends; if it does not, the system is to blame, and nobody else can end it.
        let _ = self.child.wait();
        if let Some(alive) = &mut *ALIVE.lock().unwrap_or_else(PoisonError::into_inner) {
            alive.retain(|pid| *pid != self.pid);
        }
        if self.was_ended {
            sweep(&self.mark);
        }
    }
}

/// Ends every process that is still alive, and lets no other one begin: this one is about to end without asking anybody. Threads
/// that were left behind do not know, and a run of theirs may go on with its next node.
pub fn end_processes() {
    let alive = ALIVE.lock().unwrap_or_else(PoisonError::into_inner).take();
    end_all(&alive.unwrap_or_default());
}

/// Ends every process that is still alive: nobody waits any more for those that did.
pub fn end_given_up() {
    let alive = ALIVE.lock().unwrap_or_else(PoisonError::into_inner).clone();
    end_all(&alive.unwrap_or_default());
}

/// Ends these processes, and all that they have started.
fn end_all(processes: &[Pid]) {
    for pid in processes {
        let _ = kill_process_group(*pid, Signal::KILL);
    }
    if STARTED.load(Ordering::Relaxed) > 0 {
        sweep(&format!("{}.", std::process::id()));
    }
}

/// Ends the processes whose mark begins like this, wherever they have gone.
fn sweep(mark: &str) {
    let marked = format!("{MARK}={mark}").into_bytes();
    let is_marked = |pid: &Pid| {
        let environment = fs::read(format!("/proc/{}/environ", pid.as_raw_nonzero())).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable.starts_with(&marked))
    };
    for _ in 0..SWEEPS {
        let found: Vec<Pid> = numbers().filter_map(Pid::from_raw).filter(is_marked).collect();
        for pid in &found {
            let _ = kill_process(*pid, Signal::KILL);
        }
        if found.is_empty() {
            return;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The numbers of all processes, where the system tells.
fn numbers() -> impl Iterator<Item = i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn ended(status: ExitStatus) -> Failure {
    const KILLED: i32 = Signal::KILL.as_raw();
    match (status.code(), status.signal()) {
        (Some(code), _) => Failure::Ended(format!("it has ended with exit code {code}")),
        (None, Some(KILLED)) => {
            Failure::Killed("it was killed from outside: perhaps there was no memory left".to_owned())
        }
        (None, signal) => Failure::Ended(format!("it was ended by signal {}", signal.unwrap_or_default())),
    }
}

/// How many threads there are in the processes of a group, as far as the system tells.
fn tasks_of(group: Pid) -> usize {
    let group = group.as_raw_nonzero().to_string();
    let tasks = numbers().filter_map(|number| {
        let stat = fs::read_to_string(format!("/proc/{number}/stat")).ok()?;
        // The name of the program, in brackets, may hold anything.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        // Behind the name: state, parent, group; the number of threads is the 18th.
        if *fields.get(2)? != group { None } else { fields.get(17)?.parse::<usize>().ok() }
    });
    tasks.sum()
}
