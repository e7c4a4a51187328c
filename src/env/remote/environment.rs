//! An environment that another process computes.

use super::address::{Address, resolve};
use super::connection::{Connection, Sent};
use super::picture::svg;
#[cfg(unix)]
use super::process::Program;
use super::protocol::{Answer, Hello, Request};
use super::stream::Stream;
use super::{RemoteError, RemoteOptions};
use crate::env::{Environment, EnvironmentError, Render, Replayed, Step, check_action, within_f32};
use crate::space::BoxSpace;

/// An environment that a simulator computes: a child process, or a server.
///
/// The simulator uses the protocol in [`docs/protocol.md`](crate::_docs::protocol). Observations are f32, and a
/// reward is rounded to f32 once. After a failure that the simulator reports, such as an exception, you can reset it and use it again. A simulator that ends,
/// does not answer in time or breaks the protocol is lost: its process is killed, and every later call fails, unless
/// [`with_restart`](RemoteOptions::with_restart) starts another one at the next reset.
///
/// Several simulators compute at the same time if [`begin_step`](Environment::begin_step) is called on all before `step` on any. A
/// trainer does so.
///
/// Dropping it closes the channel and waits for a child process to end. A process that has not ended after 5 s, or was lost, is killed.
///
/// # Examples
///
/// ```
/// use actor_critic::env::remote::{Listener, RemoteEnvironment};
/// use actor_critic::env::{Environment, Pendulum};
///
/// let listener = Listener::bind("127.0.0.1:0")?;
/// let address = listener.address();
/// std::thread::spawn(move || listener.serve_one(&mut Pendulum::v1()));
///
/// let mut env = RemoteEnvironment::connect(&address)?;
/// assert_eq!(env.reset(7)?, Pendulum::v1().reset(7)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct RemoteEnvironment {
    origin: Origin,
    options: RemoteOptions,
    hello: Hello,
    /// `Err` with the reason after the simulator is lost.
    connection: Result<Connection, String>,
    phase: Phase,
    begun: Option<Begun>,
    /// The newest picture, as SVG.
    picture: Option<String>,
}

/// How to start or reach the simulator.
#[derive(Debug, Clone)]
pub(super) enum Origin {
    Address(Address),
    #[cfg(unix)]
    Program(Program),
    /// A Python, and the id of its environment.
    #[cfg(unix)]
    Python {
        program: Program,
        id: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Phase {
    BeforeReset,
    Running,
    Ended,
}

/// A step that was requested and not answered yet.
#[derive(Debug)]
struct Begun {
    action: Vec<f32>,
    sent: Result<Sent, RemoteError>,
}

impl RemoteEnvironment {
    /// Connects to a simulator at `HOST:PORT` or `unix:PATH`, with the default [`RemoteOptions`].
    ///
    /// # Errors
    ///
    /// As [`connect_with`](Self::connect_with).
    pub fn connect(address: &str) -> Result<Self, RemoteError> {
        Self::connect_with(address, RemoteOptions::new())
    }

    /// Connects to a simulator at `HOST:PORT` or `unix:PATH`.
    ///
    /// # Errors
    ///
    /// - [`RemoteError::Address`] or [`RemoteError::Connect`] if nothing listens there
    /// - [`RemoteError::SecretNeeded`] for an address beyond this machine without a secret, [`RemoteError::SecretTooShort`] or
    ///   [`RemoteError::SecretRefused`] for a bad one
    /// - [`RemoteError::Protocol`], [`RemoteError::Deadline`], [`RemoteError::Closed`] or [`RemoteError::Io`] if it sends no hello
    pub fn connect_with(address: &str, options: RemoteOptions) -> Result<Self, RemoteError> {
        Self::start(Origin::Address(address.parse()?), options)
    }

    /// Starts a program that uses the protocol over file descriptor 0, a connected socket.
    ///
    /// Its standard output joins the standard error of this process.
    ///
    /// # Errors
    ///
    /// - [`RemoteError::NoProgram`] if it cannot be started
    /// - [`RemoteError::Protocol`], [`RemoteError::Deadline`], [`RemoteError::Died`] or [`RemoteError::Io`] if it sends no hello
    #[cfg(unix)]
    pub fn spawn<S: Into<std::ffi::OsString>>(
        program: impl Into<std::path::PathBuf>,
        arguments: impl IntoIterator<Item = S>,
        options: RemoteOptions,
    ) -> Result<Self, RemoteError> {
        let arguments = arguments.into_iter().map(Into::into).collect();
        Self::start(Origin::Program(Program { path: program.into(), arguments }), options)
    }

    pub(super) fn start(origin: Origin, options: RemoteOptions) -> Result<Self, RemoteError> {
        let (connection, hello) = origin.open(&options)?;
        let (connection, phase) = (Ok(connection), Phase::BeforeReset);
        Ok(Self { origin, options, hello, connection, phase, begun: None, picture: None })
    }

    /// Returns the hello of the simulator: its name, its versions and its spaces.
    pub fn hello(&self) -> &Hello {
        &self.hello
    }

    /// Makes an environment whose episodes can be saved in the middle, together with the simulator's name and versions.
    pub fn replayed(self) -> Replayed<Self> {
        let identity = [("simulator".to_owned(), self.hello.name.clone())];
        let identity: Vec<_> = identity.into_iter().chain(self.hello.versions.iter().cloned()).collect();
        Replayed::new(self).with_identity(identity)
    }

    /// Returns the number of the simulator's process, if it is a child that has not been lost.
    #[cfg(unix)]
    pub fn process_id(&self) -> Option<u32> {
        self.connection.as_ref().ok()?.process_id()
    }

    /// Calls `ask` with the connection, and drops the connection if it can no longer be used.
    fn with_connection<T>(
        &mut self,
        ask: impl FnOnce(&mut Connection) -> Result<T, RemoteError>,
    ) -> Result<T, RemoteError> {
        let connection = match &mut self.connection {
            Ok(connection) => connection,
            Err(reason) => {
                let (simulator, reason) = (self.hello.name.clone(), reason.clone());
                return Err(RemoteError::Lost { simulator, reason });
            }
        };
        let result = ask(connection);
        if let Err(error) = &result
            && !connection.is_in_step()
        {
            self.connection = Err(error.to_string());
        }
        result
    }

    /// Starts the simulator again if it was lost and restarts are enabled.
    fn restart_if_lost(&mut self) -> Result<(), RemoteError> {
        if self.connection.is_ok() || !self.options.restart {
            return Ok(());
        }
        let (connection, hello) = self.origin.open(&self.options)?;
        if let Some(difference) = difference(&self.hello, &hello) {
            return Err(RemoteError::Changed { simulator: self.hello.name.clone(), difference });
        }
        self.connection = Ok(connection);
        Ok(())
    }

    /// Waits for a step that was begun, and ignores its result.
    fn drop_begun(&mut self) {
        if let Some(Begun { sent: Ok(sent), .. }) = self.begun.take() {
            drop(self.with_connection(|connection| connection.receive(&sent)));
        }
    }

    fn take_step(&mut self, sent: Result<Sent, RemoteError>) -> Result<Step, EnvironmentError> {
        let sent = sent?;
        let step = self.with_connection(|connection| match connection.receive(&sent)? {
            Answer::Step { reward, terminated, truncated, observation } => {
                Ok(Step { observation, reward: within_f32(reward), terminated, truncated })
            }
            other => Err(connection.unexpected("a step", &other)),
        })?;
        self.hello.spaces.check_step(&step)?;
        self.fetch_picture()?;
        Ok(step)
    }

    /// Fetches a picture of the present state, if pictures are enabled.
    fn fetch_picture(&mut self) -> Result<(), RemoteError> {
        if self.options.pictures {
            self.picture = self.with_connection(|connection| {
                let sent = connection.send(&Request::Picture)?;
                match connection.receive(&sent)? {
                    Answer::Picture { width, height, pixels } => Ok(svg(width as usize, height as usize, &pixels)),
                    other => Err(connection.unexpected("a picture", &other)),
                }
            })?;
        }
        Ok(())
    }
}

impl Environment for RemoteEnvironment {
    fn observation_space(&self) -> &BoxSpace {
        self.hello.spaces.observation()
    }

    fn action_space(&self) -> &BoxSpace {
        self.hello.spaces.action()
    }

    fn reset(&mut self, seed: u64) -> Result<Vec<f32>, EnvironmentError> {
        self.drop_begun();
        (self.phase, self.picture) = (Phase::BeforeReset, None);
        self.restart_if_lost()?;
        let observation = self.with_connection(|connection| {
            let sent = connection.send(&Request::Reset { seed })?;
            match connection.receive(&sent)? {
                Answer::Observation { observation } => Ok(observation),
                other => Err(connection.unexpected("a first observation", &other)),
            }
        })?;
        self.hello.spaces.check_observation(&observation)?;
        self.fetch_picture()?;
        self.phase = Phase::Running;
        Ok(observation)
    }

    fn begin_step(&mut self, action: &[f32]) {
        let is_ready = self.phase == Phase::Running && self.begun.is_none();
        // What is refused here is refused by the step, which reports it.
        if is_ready && check_action(self.action_space(), action).is_ok() {
            let request = Request::Step { action: action.to_vec() };
            let sent = self.with_connection(|connection| connection.send(&request));
            self.begun = Some(Begun { action: action.to_vec(), sent });
        }
    }

    fn step(&mut self, action: &[f32]) -> Result<Step, EnvironmentError> {
        check_action(self.action_space(), action)?;
        match self.phase {
            Phase::BeforeReset => return Err(EnvironmentError::StepBeforeReset),
            Phase::Ended => return Err(EnvironmentError::StepAfterEnd),
            Phase::Running => self.begin_step(action),
        }
        let Begun { action: begun, sent } = self.begun.take().expect("a step has begun");
        // Until the answer is there and sound, the episode is lost.
        self.phase = Phase::BeforeReset;
        let step = self.take_step(sent);
        if let Some(axis) = (0..action.len()).find(|&axis| action[axis].to_bits() != begun[axis].to_bits()) {
            return Err(RemoteError::OtherAction { axis }.into());
        }
        let step = step?;
        self.phase = if step.is_last() { Phase::Ended } else { Phase::Running };
        Ok(step)
    }
}

/// Returns the newest picture, as cells of at most 100 by 100; `None` without [`with_pictures`](RemoteOptions::with_pictures).
impl Render for RemoteEnvironment {
    fn render(&self) -> Option<String> {
        self.picture.clone()
    }
}

impl Origin {
    /// Starts or reaches the simulator, and exchanges hellos.
    fn open(&self, options: &RemoteOptions) -> Result<(Connection, Hello), RemoteError> {
        let mut connection = self.connect(options)?;
        let hello = connection.greet()?;
        Ok((connection, hello))
    }

    fn connect(&self, options: &RemoteOptions) -> Result<Connection, RemoteError> {
        match self {
            Self::Address(address) => {
                let place = address.to_string();
                let failed = |source| RemoteError::Connect { address: place.clone(), source };
                Ok(Connection::new(connect(address, options, failed)?, None, &place, options.clone()))
            }
            #[cfg(unix)]
            Self::Program(program) => {
                let place = program.path.display().to_string();
                let failed = |source| RemoteError::NoProgram { program: place.clone(), source };
                let (stream, process) = program.start().map_err(failed)?;
                Ok(Connection::new(stream, None, &place, options.clone()).with_process(process))
            }
            #[cfg(unix)]
            Self::Python { program, id } => {
                let place = program.path.display().to_string();
                let failed = |source| RemoteError::NoPython { python: place.clone(), source };
                let (stream, process) = program.start().map_err(failed)?;
                Ok(Connection::new(stream, Some(id), &place, options.clone()).with_process(process))
            }
        }
    }
}

fn connect(
    address: &Address,
    options: &RemoteOptions,
    failed: impl Fn(std::io::Error) -> RemoteError,
) -> Result<Stream, RemoteError> {
    match address {
        Address::Tcp(host) => {
            let mut last = None;
            for address in resolve(host, &options.secret, &failed)? {
                match std::net::TcpStream::connect_timeout(&address, options.deadline) {
                    Ok(stream) => return Stream::tcp(stream).map_err(failed),
                    Err(error) => last = Some(error),
                }
            }
            Err(failed(last.unwrap_or_else(|| std::io::Error::other("the host has no address"))))
        }
        #[cfg(unix)]
        Address::Unix(path) => std::os::unix::net::UnixStream::connect(path).map(Stream::Unix).map_err(failed),
        #[cfg(not(unix))]
        Address::Unix(_) => Err(failed(std::io::ErrorKind::Unsupported.into())),
    }
}

/// Returns where a simulator differs from the one before the restart.
fn difference(before: &Hello, now: &Hello) -> Option<String> {
    if before.name != now.name {
        return Some(format!("its name was `{}` and is `{}`", before.name, now.name));
    }
    if before.versions != now.versions {
        return Some(format!("it was {} and is {}", before.identity(), now.identity()));
    }
    before.spaces.difference(&now.spaces, ["before", "now"])
}
