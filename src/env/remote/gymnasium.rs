//! Environments of Gymnasium, in a Python process.

use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::environment::Origin;
use super::process::Program;
use super::{RemoteEnvironment, RemoteError, RemoteOptions};

/// The program that the child process runs.
const TEXT: &str = include_str!("gymnasium.py");

/// The environment variable that names the Python to use instead of `python3`.
const PYTHON: &str = "ACTOR_CRITIC_PYTHON";

/// An environment of [Gymnasium](https://gymnasium.farama.org), to be started in its own Python process.
///
/// Use [`make`](Self::make) for an id alone. For options, start with [`new`](Self::new) and end with [`start`](Self::start).
///
/// - Observations: boxes of real numbers, and `Dict` and `Tuple` of them. A `Dict` is flattened in the order of its keys, which
///   Gymnasium sorts, a `Tuple` by position, a box row by row. Numbers are cast to f32 once.
/// - Actions: one box of floating-point numbers, flattened row by row.
/// - Other spaces, such as `Discrete`, are refused by name ([`RemoteError::NoBox`]).
/// - Output that the environment prints goes to standard error.
/// - The Python process ends with this one, even if this one is killed. It ignores Ctrl-C and SIGTERM, which the trainer handles.
///
/// Only on Unix. Elsewhere, run a simulator as a server and [connect](RemoteEnvironment::connect) to it.
///
/// # Examples
///
/// ```no_run
/// use actor_critic::env::remote::Gymnasium;
/// use actor_critic::env::{Environment, check_environment};
///
/// let mut env = Gymnasium::make("HalfCheetah-v5")?;
/// check_environment(&mut env)?;
///
/// let mut ant = Gymnasium::new("Ant-v5")
///     .with_keyword("include_cfrc_ext_in_observation", false)
///     .with_wrapper("gymnasium.wrappers:TimeLimit", [("max_episode_steps", 500.into())])
///     .start()?;
/// assert_eq!(ant.observation_space().dim(), 27);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Gymnasium {
    id: String,
    keywords: Map<String, Value>,
    wrappers: Vec<Value>,
    small_seeds: bool,
    python: Option<PathBuf>,
    options: RemoteOptions,
}

impl Gymnasium {
    /// Starts the environment registered as `id`, as [`new`](Self::new) and [`start`](Self::start) do.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn make(id: &str) -> Result<RemoteEnvironment, RemoteError> {
        Self::new(id).start()
    }

    /// Names an environment, such as `HalfCheetah-v5`, or `my_module:MyTask-v0` for one that `my_module` registers.
    pub fn new(id: impl Into<String>) -> Self {
        let (keywords, wrappers) = (Map::new(), Vec::new());
        Self { id: id.into(), keywords, wrappers, small_seeds: false, python: None, options: RemoteOptions::new() }
    }

    /// Adds a keyword argument of `gymnasium.make`.
    #[must_use]
    pub fn with_keyword(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.keywords.insert(name.into(), value.into());
        self
    }

    /// Adds a wrapper around the environment and earlier wrappers, named as `module:attribute`, with keyword arguments.
    #[must_use]
    pub fn with_wrapper<'a>(
        mut self,
        path: impl Into<String>,
        keywords: impl IntoIterator<Item = (&'a str, Value)>,
    ) -> Self {
        let keywords: Map<String, Value> = keywords.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        self.wrappers.push(json!({ "path": path.into(), "keywords": keywords }));
        self
    }

    /// Passes the seeds of `reset` modulo 2³², for environments that accept no larger ones, such as dm_control's.
    #[must_use]
    pub fn with_small_seeds(mut self) -> Self {
        self.small_seeds = true;
        self
    }

    /// Chooses the Python. The default is the environment variable `ACTOR_CRITIC_PYTHON`, or else `python3`.
    #[must_use]
    pub fn with_python(mut self, python: impl Into<PathBuf>) -> Self {
        self.python = Some(python.into());
        self
    }

    /// Draws a picture after each reset and each step, for [`Render`](crate::env::Render): `render_mode="rgb_array"`.
    #[must_use]
    pub fn with_pictures(mut self) -> Self {
        self.options = self.options.with_pictures(true);
        self.with_keyword("render_mode", "rgb_array")
    }

    /// Sets the options of the connection: deadline, restarts and more.
    #[must_use]
    pub fn with_options(mut self, options: RemoteOptions) -> Self {
        self.options = options;
        self
    }

    /// Starts Python, imports Gymnasium and makes the environment.
    ///
    /// # Errors
    ///
    /// - [`RemoteError::NoPython`] if Python cannot be started, [`RemoteError::NoPackage`] if Gymnasium or another package that the
    ///   environment needs is missing
    /// - [`RemoteError::UnknownId`] or [`RemoteError::NoBox`] if there is no such environment, or it has other spaces
    /// - [`RemoteError::Failed`] if making it raises an exception
    /// - [`RemoteError::Deadline`], [`RemoteError::Died`], [`RemoteError::Protocol`] or [`RemoteError::Io`] if the process sends no
    ///   hello
    pub fn start(&self) -> Result<RemoteEnvironment, RemoteError> {
        let python = self.python.clone().or_else(|| std::env::var_os(PYTHON).map(PathBuf::from));
        let settings = json!({
            "id": self.id,
            "keywords": self.keywords,
            "wrappers": self.wrappers,
            "small_seeds": self.small_seeds,
        });
        let arguments = ["-c".to_owned(), TEXT.to_owned(), settings.to_string()].map(Into::into).to_vec();
        let program = Program { path: python.unwrap_or_else(|| "python3".into()), arguments };
        RemoteEnvironment::start(Origin::Python { program, id: self.id.clone() }, self.options.clone())
    }
}
