//! Errors of simulators.

use std::io;
use std::time::Duration;

use super::protocol::ProtocolError;

/// Why a simulator could not be started, reached or understood.
///
/// `simulator` is the name in its hello, with its place: `HalfCheetah-v5 in python3`. Before the hello, it is the program or the
/// address.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RemoteError {
    /// The Python of a [`Gymnasium`](super::Gymnasium) could not be started.
    #[error(
        "python must be a program that can be started, got `{python}`: {source}; install it, or set ACTOR_CRITIC_PYTHON to its path"
    )]
    NoPython {
        /// The program.
        python: String,
        /// The reason.
        source: io::Error,
    },
    /// A simulator's program could not be started.
    #[error("a simulator must be a program that can be started, got `{program}`: {source}")]
    NoProgram {
        /// The program.
        program: String,
        /// The reason.
        source: io::Error,
    },
    /// A Python package that the simulator needs could not be imported.
    #[error(
        "{simulator} needs a Python package that cannot be imported; install it with `python -m pip install`, or set ACTOR_CRITIC_PYTHON to another Python: {report}"
    )]
    NoPackage {
        /// The simulator.
        simulator: String,
        /// The report of Python.
        report: String,
    },
    /// No environment is registered under this id.
    #[error(
        "{simulator} must be registered with Gymnasium; check the id, or write `module:id` for one of your own: {report}"
    )]
    UnknownId {
        /// The simulator.
        simulator: String,
        /// The report of Gymnasium.
        report: String,
    },
    /// A space is not a box of real numbers.
    #[error(
        "{simulator} must have boxes of real numbers as spaces; wrap it in an environment with box spaces: {report}"
    )]
    NoBox {
        /// The simulator.
        simulator: String,
        /// Which space, by name.
        report: String,
    },
    /// The text is not an address.
    #[error("an address must be HOST:PORT or unix:PATH, got `{address}`")]
    Address {
        /// The text.
        address: String,
    },
    /// The server could not be reached.
    #[error("a simulator must listen at {address}: {source}")]
    Connect {
        /// The address.
        address: String,
        /// The reason.
        source: io::Error,
    },
    /// The address cannot be used for listening.
    #[error("{address} must be free to listen at: {source}")]
    Listen {
        /// The address.
        address: String,
        /// The reason.
        source: io::Error,
    },
    /// An address of another machine without a shared secret.
    #[error(
        "an address outside this machine needs a shared secret, got {address} without one; set it on both sides, or use 127.0.0.1 and a tunnel"
    )]
    SecretNeeded {
        /// The address.
        address: String,
    },
    /// A shared secret that is too short.
    #[error("a shared secret must have at least {minimum} bytes, got {found}")]
    SecretTooShort {
        /// The fewest bytes allowed.
        minimum: usize,
        /// Bytes of the secret.
        found: usize,
    },
    /// The simulator has another shared secret.
    #[error("{simulator} must have the same shared secret as the trainer; set it on both sides")]
    SecretRefused {
        /// The simulator.
        simulator: String,
    },
    /// Bytes that do not follow the protocol.
    #[error("{simulator} broke the protocol: {source}")]
    Protocol {
        /// The simulator.
        simulator: String,
        /// The rule, and what was found.
        source: ProtocolError,
    },
    /// No answer in time.
    #[error("{simulator} must answer {request} within {} s, and did not; if it is slow, set a longer deadline", deadline.as_secs_f64())]
    Deadline {
        /// The simulator.
        simulator: String,
        /// The request.
        request: &'static str,
        /// The longest time for an answer.
        deadline: Duration,
    },
    /// The simulator's process ended.
    #[error("{simulator} ended before it had answered {request}: {status}; its output is on standard error")]
    Died {
        /// The simulator.
        simulator: String,
        /// The request.
        request: &'static str,
        /// How the process ended, such as `signal: 9 (SIGKILL)`.
        status: String,
    },
    /// The simulator closed the connection.
    #[error("{simulator} closed the connection before it had answered {request}")]
    Closed {
        /// The simulator.
        simulator: String,
        /// The request.
        request: &'static str,
    },
    /// The channel failed.
    #[error("the connection to {simulator} failed: {source}")]
    Io {
        /// The simulator.
        simulator: String,
        /// The reason.
        source: io::Error,
    },
    /// The simulator reports its own failure, such as an exception.
    #[error("{simulator} failed in {request}:\n{report}")]
    Failed {
        /// The simulator.
        simulator: String,
        /// The request.
        request: &'static str,
        /// The report, such as a traceback.
        report: String,
    },
    /// The simulator does not understand a request.
    #[error("{simulator} did not understand {request}: {report}")]
    NotUnderstood {
        /// The simulator.
        simulator: String,
        /// The request.
        request: &'static str,
        /// The report.
        report: String,
    },
    /// A lost simulator is not started again.
    #[error("{simulator} was lost earlier ({reason}) and is not started again; use `with_restart(true)` to restart it")]
    Lost {
        /// The simulator.
        simulator: String,
        /// The first failure.
        reason: String,
    },
    /// The simulator after a restart differs from the one before.
    #[error("{simulator} must be the same after a restart, but {difference}")]
    Changed {
        /// The simulator.
        simulator: String,
        /// The first difference.
        difference: String,
    },
    /// `step` got another action than `begin_step`.
    #[error("step must get the action that begin_step got, but they differ on axis {axis}")]
    OtherAction {
        /// The first axis on which they differ.
        axis: usize,
    },
}
