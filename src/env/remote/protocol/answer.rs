//! The answers of a simulator.

use super::ProtocolError;
use super::body::{Body, put_floats, put_text};
use super::frame::{Frame, put_frame};
use super::hello::{Hello, take_head};

/// The answer of a simulator to one [`Request`](super::Request).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Answer {
    /// Answer to a hello: frame `h`.
    Hello(Box<Hello>),
    /// Answer to a reset: frame `o`.
    Observation {
        /// The first observation of the episode.
        observation: Vec<f32>,
    },
    /// Answer to a step: frame `s`.
    Step {
        /// The reward, in double precision.
        reward: f64,
        /// The task reached a state without a future.
        terminated: bool,
        /// The episode was cut off from outside.
        truncated: bool,
        /// The next observation.
        observation: Vec<f32>,
    },
    /// Answer to a request for a picture: frame `p`.
    Picture {
        /// Pixels in a row.
        width: u32,
        /// Rows.
        height: u32,
        /// Red, green and blue of each pixel, row by row from the top.
        pixels: Vec<u8>,
    },
    /// A failure, in answer to any request: frame `e`.
    Failure {
        /// The kind of failure.
        code: FailureCode,
        /// A report for a reader, such as a traceback.
        report: String,
    },
}

/// The kind of failure that a simulator reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FailureCode {
    /// The simulator failed: code 0, and every code without a meaning.
    Failed,
    /// The simulator does not understand the request: code 1.
    NotUnderstood,
    /// The shared secret is wrong: code 2.
    Secret,
    /// A package that the simulator needs is not installed: code 16.
    Package,
    /// There is no environment of this name: code 17.
    UnknownId,
    /// A space is not a box of real numbers: code 18.
    Space,
}

const CODES: [(FailureCode, u8); 6] = [
    (FailureCode::Failed, 0),
    (FailureCode::NotUnderstood, 1),
    (FailureCode::Secret, 2),
    (FailureCode::Package, 16),
    (FailureCode::UnknownId, 17),
    (FailureCode::Space, 18),
];

impl FailureCode {
    fn number(self) -> u8 {
        CODES.iter().find(|(code, _)| *code == self).map_or(0, |(_, number)| *number)
    }

    fn of(number: u8) -> Self {
        CODES.iter().find(|(_, known)| *known == number).map_or(Self::Failed, |(code, _)| *code)
    }
}

impl Answer {
    /// Describes the answer, for messages.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Hello(_) => "a simulator's hello",
            Self::Observation { .. } => "a first observation",
            Self::Step { .. } => "a step",
            Self::Picture { .. } => "a picture",
            Self::Failure { .. } => "a failure",
        }
    }

    /// Appends the answer as one frame.
    pub fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Hello(hello) => put_frame(out, b'h', |out| hello.put(out)),
            Self::Observation { observation } => put_frame(out, b'o', |out| put_floats(out, observation)),
            Self::Step { reward, terminated, truncated, observation } => put_frame(out, b's', |out| {
                out.extend(reward.to_le_bytes());
                out.push(u8::from(*terminated) | u8::from(*truncated) << 1);
                put_floats(out, observation);
            }),
            Self::Picture { width, height, pixels } => put_frame(out, b'p', |out| {
                out.extend(width.to_le_bytes());
                out.extend(height.to_le_bytes());
                out.extend_from_slice(pixels);
            }),
            Self::Failure { code, report } => put_frame(out, b'e', |out| {
                out.push(code.number());
                put_text(out, report);
            }),
        }
    }

    /// Reads an answer from a frame.
    ///
    /// # Errors
    ///
    /// [`ProtocolError`] with the first rule that the frame breaks.
    pub fn parse(Frame { kind, body }: Frame<'_>) -> Result<Self, ProtocolError> {
        match kind {
            b'h' => {
                let mut body = Body::new("a simulator's hello", body);
                take_head(&mut body)?;
                let hello = Hello::take(&mut body)?;
                body.finish()?;
                Ok(Self::Hello(Box::new(hello)))
            }
            b'o' => Ok(Self::Observation { observation: Body::new("a first observation", body).remaining_floats()? }),
            b's' => {
                let mut body = Body::new("a step", body);
                let reward = f64::from_le_bytes(body.bytes()?);
                let [flags] = body.bytes()?;
                if flags > 3 {
                    return Err(ProtocolError::Flags { found: flags });
                }
                let observation = body.remaining_floats()?;
                Ok(Self::Step { reward, terminated: flags & 1 != 0, truncated: flags & 2 != 0, observation })
            }
            b'p' => {
                let mut body = Body::new("a picture", body);
                let (width, height) = (u32::from_le_bytes(body.bytes()?), u32::from_le_bytes(body.bytes()?));
                Ok(Self::Picture { width, height, pixels: body.pixels(width, height)? })
            }
            b'e' => {
                let mut body = Body::new("a failure", body);
                let [code] = body.bytes()?;
                let report = body.text()?;
                body.finish()?;
                Ok(Self::Failure { code: FailureCode::of(code), report })
            }
            b'H' | b'R' | b'S' | b'P' => {
                Err(ProtocolError::UnexpectedKind { expected: "one of a simulator", found: "a request of a trainer" })
            }
            found => Err(ProtocolError::UnknownKind { found }),
        }
    }
}
