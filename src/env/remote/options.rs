//! Options of the connection to a simulator.

use std::fmt;
use std::time::Duration;

/// Options of the connection between a [`RemoteEnvironment`](super::RemoteEnvironment) and its simulator.
///
/// | Setting | Default |
/// |---|---|
/// | [`with_deadline`](Self::with_deadline) | 60 s |
/// | [`with_restart`](Self::with_restart) | off |
/// | [`with_active_wait`](Self::with_active_wait) | 0 s |
/// | [`with_pictures`](Self::with_pictures) | off |
/// | [`with_secret`](Self::with_secret) | none |
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use actor_critic::env::remote::RemoteOptions;
///
/// let options = RemoteOptions::new().with_deadline(Duration::from_secs(10)).with_restart(true);
/// ```
#[derive(Clone, PartialEq)]
pub struct RemoteOptions {
    pub(super) deadline: Duration,
    pub(super) restart: bool,
    pub(super) active_wait: Duration,
    pub(super) pictures: bool,
    pub(super) secret: String,
}

impl Default for RemoteOptions {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(60),
            restart: false,
            active_wait: Duration::ZERO,
            pictures: false,
            secret: String::new(),
        }
    }
}

/// Shows everything but the secret.
impl fmt::Debug for RemoteOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { deadline, restart, active_wait, pictures, secret } = self;
        let secret = if secret.is_empty() { "none" } else { "hidden" };
        f.debug_struct("RemoteOptions")
            .field("deadline", deadline)
            .field("restart", restart)
            .field("active_wait", active_wait)
            .field("pictures", pictures)
            .field("secret", &secret)
            .finish()
    }
}

impl RemoteOptions {
    /// Creates the defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the longest time for one answer, counted from its request. The first answer includes the start of the simulator.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Sets whether a simulator that ended, did not answer in time or broke the protocol is started again at the next reset.
    #[must_use]
    pub fn with_restart(mut self, restart: bool) -> Self {
        self.restart = restart;
        self
    }

    /// Sets how long to poll for an answer before sleeping. Polling keeps a core busy, and saves the time to wake up.
    #[must_use]
    pub fn with_active_wait(mut self, active_wait: Duration) -> Self {
        self.active_wait = active_wait;
        self
    }

    /// Sets whether to fetch a picture after each reset and each step, for [`Render`](crate::env::Render). The simulator needs time
    /// to draw each one.
    #[must_use]
    pub fn with_pictures(mut self, pictures: bool) -> Self {
        self.pictures = pictures;
        self
    }

    /// Sets the shared secret, of at least 16 bytes. It is sent unencrypted.
    #[must_use]
    pub fn with_secret(mut self, secret: impl Into<String>) -> Self {
        self.secret = secret.into();
        self
    }
}
