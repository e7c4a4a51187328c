//! Simulators as child processes.

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use super::stream::Stream;

/// How long a process may take to end after it has closed its channel.
const GRACE: Duration = Duration::from_secs(1);

/// A program that uses the protocol over file descriptor 0.
#[derive(Debug, Clone)]
pub(super) struct Program {
    pub(super) path: PathBuf,
    pub(super) arguments: Vec<OsString>,
}

impl Program {
    /// Starts the program. Its standard output goes to our standard error.
    pub(super) fn start(&self) -> io::Result<(Stream, Process)> {
        let (ours, theirs) = UnixStream::pair()?;
        let mut command = Command::new(&self.path);
        command.args(&self.arguments).stdin(Stdio::from(OwnedFd::from(theirs))).stdout(io::stderr());
        let child = spawn(command)?;
        Ok((Stream::Unix(ours), Process { child }))
    }
}

/// A command to start, and where to send the child.
type Job = (Command, Sender<io::Result<Child>>);

/// Starts a child from a thread that lives as long as this process.
///
/// Linux can end a child when the thread that started it ends. So this thread must live at least as long as the run.
fn spawn(command: Command) -> io::Result<Child> {
    static SPAWNER: OnceLock<Sender<Job>> = OnceLock::new();
    let ended = || io::Error::other("the thread that starts simulators has ended");
    let spawner = match SPAWNER.get() {
        Some(spawner) => spawner,
        None => {
            let (sender, jobs) = channel();
            std::thread::Builder::new().name("simulators".to_owned()).spawn(move || start_all(&jobs))?;
            SPAWNER.get_or_init(|| sender)
        }
    };
    let (sender, child) = channel();
    spawner.send((command, sender)).map_err(|_| ended())?;
    child.recv().map_err(|_| ended())?
}

fn start_all(jobs: &Receiver<Job>) {
    for (mut command, sender) in jobs {
        let child = command.spawn();
        // It holds the child's end of the channel, which must be the child's alone before anybody waits for its end.
        drop(command);
        // The requesting thread has ended. The child ends too, because its channel is closed.
        drop(sender.send(child));
    }
}

/// A running simulator, killed and reaped when it is dropped.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
}

impl Process {
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns how the process ended, after it has closed its channel.
    pub(super) fn status(&mut self) -> String {
        let until = Instant::now() + GRACE;
        while Instant::now() < until {
            match self.child.try_wait() {
                Ok(Some(status)) => return status.to_string(),
                Ok(None) => std::thread::sleep(Duration::from_millis(1)),
                Err(error) => return format!("its status is unknown: {error}"),
            }
        }
        "it closed its channel and did not end".to_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // An error says that it has ended already, which is what is wanted.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
