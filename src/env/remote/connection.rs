//! A connection to a simulator: one answer to each request, before a deadline.

use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

#[cfg(unix)]
use super::process::Process;
use super::protocol::{Answer, FailureCode, FrameError, FrameReader, Hello, ProtocolError, Request};
use super::stream::Stream;
use super::{RemoteError, RemoteOptions};

/// How long a simulator may take to close, before it is killed.
const GRACE: Duration = Duration::from_secs(5);

/// A connection to a simulator.
#[derive(Debug)]
pub(super) struct Connection {
    stream: Stream,
    #[cfg(unix)]
    process: Option<Process>,
    /// The name of the simulator in messages.
    simulator: String,
    place: String,
    options: RemoteOptions,
    reader: FrameReader,
    out: Vec<u8>,
    /// Whether requests and answers match, so that the simulator can be used further.
    in_step: bool,
}

/// A request that was sent and not answered yet.
#[derive(Debug)]
pub(super) struct Sent {
    request: &'static str,
    at: Instant,
}

impl Connection {
    /// Takes a channel to a simulator at `place`, whose name is unknown before its hello.
    pub(super) fn new(stream: Stream, name: Option<&str>, place: &str, options: RemoteOptions) -> Self {
        Self {
            stream,
            #[cfg(unix)]
            process: None,
            simulator: label(name, place),
            place: place.to_owned(),
            options,
            reader: FrameReader::new(),
            out: Vec::new(),
            in_step: true,
        }
    }

    #[cfg(unix)]
    pub(super) fn with_process(mut self, process: Process) -> Self {
        self.process = Some(process);
        self
    }

    #[cfg(unix)]
    pub(super) fn process_id(&self) -> Option<u32> {
        self.process.as_ref().map(Process::id)
    }

    /// Returns whether the simulator can be used further.
    pub(super) fn is_in_step(&self) -> bool {
        self.in_step
    }

    /// Exchanges hellos, and takes the name of the simulator from its hello.
    pub(super) fn greet(&mut self) -> Result<Hello, RemoteError> {
        let timeout = Some(self.options.deadline.max(Duration::from_millis(1)));
        self.stream.set_write_timeout(timeout).map_err(|error| self.io(error))?;
        let sent = self.send(&Request::Hello { secret: self.options.secret.clone() })?;
        match self.receive(&sent)? {
            Answer::Hello(hello) => {
                self.simulator = label(Some(&hello.name), &self.place);
                Ok(*hello)
            }
            other => Err(self.unexpected("a simulator's hello", &other)),
        }
    }

    /// Sends a request.
    pub(super) fn send(&mut self, request: &Request) -> Result<Sent, RemoteError> {
        if self.reader.pending() > 0 {
            return Err(self.protocol(ProtocolError::Unasked { bytes: self.reader.pending() }));
        }
        self.out.clear();
        request.put(&mut self.out);
        let sent = Sent { request: request.name(), at: Instant::now() };
        let written = (&self.stream).write_all(&self.out);
        written.map_err(|error| self.fault(error.into(), &sent))?;
        Ok(sent)
    }

    /// Receives the answer to a request; a failure that the simulator reports is an error.
    pub(super) fn receive(&mut self, sent: &Sent) -> Result<Answer, RemoteError> {
        // A time that the clock cannot hold is no deadline.
        let deadline = sent.at.checked_add(self.options.deadline);
        let active = Some(self.options.active_wait).filter(|active| !active.is_zero());
        let spin_until = active.and_then(|active| Instant::now().checked_add(active));
        let mut channel = self.stream.timed(deadline, spin_until);
        let frame = self.reader.read(&mut channel);
        let answer = frame.and_then(|frame| Ok(Answer::parse(frame)?)).map_err(|error| self.fault(error, sent))?;
        match answer {
            Answer::Failure { code, report } => Err(self.reported(code, report, sent.request)),
            answer => Ok(answer),
        }
    }

    /// Makes the error for an answer that does not belong to its request.
    pub(super) fn unexpected(&mut self, expected: &'static str, found: &Answer) -> RemoteError {
        self.protocol(ProtocolError::UnexpectedKind { expected, found: found.name() })
    }

    fn protocol(&mut self, source: ProtocolError) -> RemoteError {
        self.in_step = false;
        RemoteError::Protocol { simulator: self.simulator.clone(), source }
    }

    fn io(&mut self, source: std::io::Error) -> RemoteError {
        self.in_step = false;
        RemoteError::Io { simulator: self.simulator.clone(), source }
    }

    fn fault(&mut self, error: FrameError, sent: &Sent) -> RemoteError {
        self.in_step = false;
        let (simulator, request) = (self.simulator.clone(), sent.request);
        match error {
            FrameError::Protocol(source) => RemoteError::Protocol { simulator, source },
            FrameError::Closed => self.closed(request),
            FrameError::Io(error) => match error.kind() {
                ErrorKind::BrokenPipe | ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted => {
                    self.closed(request)
                }
                ErrorKind::TimedOut | ErrorKind::WouldBlock => {
                    RemoteError::Deadline { simulator, request, deadline: self.options.deadline }
                }
                _ => RemoteError::Io { simulator, source: error },
            },
        }
    }

    fn closed(&mut self, request: &'static str) -> RemoteError {
        let simulator = self.simulator.clone();
        #[cfg(unix)]
        if let Some(process) = &mut self.process {
            return RemoteError::Died { simulator, request, status: process.status() };
        }
        RemoteError::Closed { simulator, request }
    }

    fn reported(&mut self, code: FailureCode, report: String, request: &'static str) -> RemoteError {
        let simulator = self.simulator.clone();
        match code {
            FailureCode::Failed => RemoteError::Failed { simulator, request, report },
            FailureCode::NotUnderstood => RemoteError::NotUnderstood { simulator, request, report },
            FailureCode::Secret => RemoteError::SecretRefused { simulator },
            FailureCode::Package => RemoteError::NoPackage { simulator, report },
            FailureCode::UnknownId => RemoteError::UnknownId { simulator, report },
            FailureCode::Space => RemoteError::NoBox { simulator, report },
        }
    }
}

fn label(name: Option<&str>, place: &str) -> String {
    name.map_or_else(|| place.to_owned(), |name| format!("{name} in {place}"))
}

impl Drop for Connection {
    /// Lets a simulator that waits for a request close its environment; kills one that does not.
    fn drop(&mut self) {
        #[cfg(unix)]
        if self.process.is_none() || !self.in_step || self.stream.close_writing().is_err() {
            return;
        }
        #[cfg(not(unix))]
        return;
        let mut channel = self.stream.timed(Instant::now().checked_add(GRACE), None);
        // It closes its side when it has ended. Anything else it says now is of no interest.
        while channel.read(&mut [0; 256]).is_ok_and(|count| count > 0) {}
    }
}
