//! Servers: an environment for a trainer in another process.

use std::convert::Infallible;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use super::RemoteError;
use super::address::{Address, is_secret, resolve};
use super::protocol::{Answer, FailureCode, FrameError, FrameReader, Hello, ProtocolError, Request};
use super::stream::Stream;
use crate::env::{Environment, EnvironmentError, Spaces, Step};

/// How long a trainer may take to send its hello, and to read an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Listens for trainers.
///
/// # Examples
///
/// ```no_run
/// use actor_critic::env::Pendulum;
/// use actor_critic::env::remote::{Listener, serve};
///
/// let listener = Listener::bind("127.0.0.1:5555")?;
/// serve(&mut Pendulum::v1(), &listener)?;
/// # Ok::<(), actor_critic::env::remote::RemoteError>(())
/// ```
#[derive(Debug)]
pub struct Listener {
    socket: Socket,
    /// The name of the environment in messages.
    address: String,
    secret: String,
    name: String,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(std::os::unix::net::UnixListener),
}

impl Listener {
    /// Listens at `HOST:PORT` on this machine, or at `unix:PATH`. Port 0 chooses a free port.
    ///
    /// # Errors
    ///
    /// [`RemoteError::Address`] or [`RemoteError::Listen`] if the address cannot be used, [`RemoteError::SecretNeeded`] if other
    /// machines can reach it.
    pub fn bind(address: &str) -> Result<Self, RemoteError> {
        Self::bind_with_secret(address, "")
    }

    /// Listens at `HOST:PORT`, which other machines may reach, or at `unix:PATH`, for trainers with the same secret.
    ///
    /// The secret must have at least 16 bytes. It keeps other users out, but it is sent unencrypted, as is everything else. If others can read the network,
    /// use a tunnel.
    ///
    /// # Errors
    ///
    /// As [`bind`](Self::bind), and [`RemoteError::SecretTooShort`].
    pub fn bind_with_secret(address: &str, secret: impl Into<String>) -> Result<Self, RemoteError> {
        let secret = secret.into();
        let parsed: Address = address.parse()?;
        let failed = |source| RemoteError::Listen { address: address.to_owned(), source };
        let (socket, address) = match &parsed {
            Address::Tcp(host) => {
                let socket = TcpListener::bind(&*resolve(host, &secret, failed)?).map_err(failed)?;
                let address = socket.local_addr().map_err(failed)?.to_string();
                (Socket::Tcp(socket), address)
            }
            #[cfg(unix)]
            Address::Unix(path) => {
                let socket = std::os::unix::net::UnixListener::bind(path).map_err(failed)?;
                (Socket::Unix(socket), parsed.to_string())
            }
            #[cfg(not(unix))]
            Address::Unix(_) => return Err(failed(std::io::ErrorKind::Unsupported.into())),
        };
        Ok(Self { socket, address, secret, name: String::from("environment") })
    }

    /// Sets the name of the environment in the messages of trainers.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Returns the address for [`RemoteEnvironment::connect`](super::RemoteEnvironment::connect), with the port that was chosen.
    pub fn address(&self) -> String {
        self.address.clone()
    }

    /// Waits for one trainer, and serves it until it disconnects.
    ///
    /// # Errors
    ///
    /// - [`RemoteError::Listen`] if no connection can be accepted
    /// - [`RemoteError::SecretRefused`] if the trainer has another secret
    /// - [`RemoteError::Protocol`] or [`RemoteError::Io`] if the connection ends in the middle of a request
    pub fn serve_one(&self, env: &mut (impl Environment + ?Sized)) -> Result<(), RemoteError> {
        self.serve_accepted(env, self.accept()?)
    }

    fn accept(&self) -> Result<Stream, RemoteError> {
        let accepted = match &self.socket {
            Socket::Tcp(socket) => socket.accept().and_then(|(stream, _)| Stream::tcp(stream)),
            #[cfg(unix)]
            Socket::Unix(socket) => socket.accept().map(|(stream, _)| Stream::Unix(stream)),
        };
        accepted.map_err(|source| RemoteError::Listen { address: self.address.clone(), source })
    }

    fn serve_accepted(&self, env: &mut (impl Environment + ?Sized), stream: Stream) -> Result<(), RemoteError> {
        let name = format!("a trainer at {}", self.address);
        Session::new(stream, &self.name, &self.secret).run(env).map_err(|error| error.named(name))
    }
}

/// An unused socket file, which would block the next listener.
#[cfg(unix)]
impl Drop for Listener {
    fn drop(&mut self) {
        if let (Socket::Unix(_), Some(path)) = (&self.socket, self.address.strip_prefix("unix:")) {
            drop(std::fs::remove_file(path));
        }
    }
}

/// Serves an environment to one trainer after another, without end.
///
/// A trainer that breaks the protocol is disconnected, and the next one is served.
/// [`Listener::serve_one`] returns the result of each.
///
/// # Errors
///
/// [`RemoteError::Listen`] if no connection can be accepted.
pub fn serve(env: &mut (impl Environment + ?Sized), listener: &Listener) -> Result<Infallible, RemoteError> {
    loop {
        let stream = listener.accept()?;
        // A trainer that misbehaves must not end the service for the others.
        drop(listener.serve_accepted(env, stream));
    }
}

/// Serves an environment to the process that started this one, over file descriptor 0, until that process disconnects.
///
/// Use it to make a program a simulator for [`RemoteEnvironment::spawn`](super::RemoteEnvironment::spawn). `name` is the name of the
/// environment in messages.
///
/// # Errors
///
/// [`RemoteError::Protocol`] or [`RemoteError::Io`] if the channel is no socket, or ends in the middle of a request.
#[cfg(unix)]
pub fn serve_parent(env: &mut (impl Environment + ?Sized), name: &str) -> Result<(), RemoteError> {
    use std::os::fd::AsFd;
    let io = |source| RemoteError::Io { simulator: "the trainer".to_owned(), source };
    let channel = std::io::stdin().as_fd().try_clone_to_owned().map_err(io)?;
    let session = Session::new(Stream::Unix(channel.into()), name, "");
    session.run(env).map_err(|error| error.named("the trainer".to_owned()))
}

/// Why a session ended too early.
enum Ended {
    Frame(FrameError),
    Secret,
}

impl Ended {
    fn named(self, simulator: String) -> RemoteError {
        match self {
            Self::Secret => RemoteError::SecretRefused { simulator },
            Self::Frame(FrameError::Protocol(source)) => RemoteError::Protocol { simulator, source },
            Self::Frame(FrameError::Closed) => RemoteError::Closed { simulator, request: "a hello" },
            Self::Frame(FrameError::Io(source)) => RemoteError::Io { simulator, source },
        }
    }
}

impl<E: Into<FrameError>> From<E> for Ended {
    fn from(error: E) -> Self {
        Self::Frame(error.into())
    }
}

/// A connection with one trainer.
struct Session<'a> {
    stream: Stream,
    name: &'a str,
    secret: &'a str,
    reader: FrameReader,
    out: Vec<u8>,
    /// Whether an episode is running.
    running: bool,
}

impl<'a> Session<'a> {
    fn new(stream: Stream, name: &'a str, secret: &'a str) -> Self {
        Self { stream, name, secret, reader: FrameReader::new(), out: Vec::new(), running: false }
    }

    fn run(mut self, env: &mut (impl Environment + ?Sized)) -> Result<(), Ended> {
        self.stream.set_write_timeout(Some(PATIENCE))?;
        self.greet(env)?;
        // A trainer may think for as long as it likes.
        self.stream.set_read_timeout(None)?;
        loop {
            let request = match self.reader.read(&mut &self.stream) {
                Ok(frame) => Request::parse(frame),
                Err(FrameError::Closed) => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            let answer = match &request {
                Ok(request) => self.answer(env, request),
                Err(error) => not_understood(error.to_string()),
            };
            self.send(&answer)?;
            request?;
        }
    }

    /// Exchanges hellos.
    fn greet(&mut self, env: &(impl Environment + ?Sized)) -> Result<(), Ended> {
        let mut channel = self.stream.timed(Instant::now().checked_add(PATIENCE), None);
        let request = Request::parse(self.reader.read(&mut channel)?);
        let secret = match request {
            Ok(Request::Hello { secret }) => secret,
            Ok(other) => {
                let (expected, found) = ("a trainer's hello", other.name());
                return self.refuse(ProtocolError::UnexpectedKind { expected, found });
            }
            Err(error) => return self.refuse(error),
        };
        if !is_secret(&secret, self.secret) {
            let report = "the shared secret is another one".to_owned();
            self.send(&Answer::Failure { code: FailureCode::Secret, report })?;
            return Err(Ended::Secret);
        }
        let spaces = Spaces::of(env).map_err(|source| ProtocolError::Space { space: "action", source })?;
        let versions = vec![("actor-critic".to_owned(), env!("CARGO_PKG_VERSION").to_owned())];
        self.send(&Answer::Hello(Box::new(Hello { name: self.name.to_owned(), versions, spaces })))?;
        Ok(())
    }

    fn refuse(&mut self, error: ProtocolError) -> Result<(), Ended> {
        self.send(&not_understood(error.to_string()))?;
        Err(error.into())
    }

    fn send(&mut self, answer: &Answer) -> Result<(), FrameError> {
        use std::io::Write;
        self.out.clear();
        answer.put(&mut self.out);
        Ok((&self.stream).write_all(&self.out)?)
    }

    fn answer(&mut self, env: &mut (impl Environment + ?Sized), request: &Request) -> Answer {
        match request {
            Request::Reset { seed } => {
                let observation = env.reset(*seed);
                self.running = observation.is_ok();
                observation.map_or_else(|error| failed(&error), |observation| Answer::Observation { observation })
            }
            Request::Step { .. } if !self.running => {
                not_understood("a step must follow a reset, and must not follow the end of an episode".to_owned())
            }
            Request::Step { action } => match env.step(action) {
                Ok(step) => {
                    self.running = !step.is_last();
                    let Step { observation, reward, terminated, truncated } = step;
                    Answer::Step { reward: reward.into(), terminated, truncated, observation }
                }
                Err(error) => failed(&error),
            },
            Request::Picture => not_understood("this server draws no pictures".to_owned()),
            Request::Hello { .. } => not_understood("a hello must come first, and once".to_owned()),
        }
    }
}

fn not_understood(report: String) -> Answer {
    Answer::Failure { code: FailureCode::NotUnderstood, report }
}

fn failed(error: &EnvironmentError) -> Answer {
    Answer::Failure { code: FailureCode::Failed, report: error.to_string() }
}
