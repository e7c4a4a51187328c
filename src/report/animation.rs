//! Animated GIFs of episodes.

use std::path::Path;

use gif::{DisposalMethod, Encoder, Frame, Repeat};

use super::ReportError;
use super::palette::Histogram;
use super::raster::{Patch, Raster};

/// Shortest time that browsers show a frame for, in hundredths of a second, is 2.
const MOST_FRAMES_PER_SECOND: f64 = 50.0;

/// An animated GIF of a sequence of SVG pictures.
///
/// The file is small: it stores the exact colours of the drawings, or the best 256 of them, and of
/// each picture only the rectangle that changes. The same pictures give the same bytes.
///
/// | Setting | Default |
/// |---|---|
/// | [`with_width`](Self::with_width) | 200 px |
/// | [`with_frames_per_second`](Self::with_frames_per_second) | 20 |
/// | [`with_every`](Self::with_every) | 1 |
/// | [`with_repeats`](Self::with_repeats) | without end |
///
/// # Examples
///
/// ```
/// use actor_critic::env::{Environment, Pendulum, Render};
/// use actor_critic::report::Animation;
///
/// let mut env = Pendulum::v1();
/// env.reset(0)?;
/// let mut frames = Vec::new();
/// for _ in 0..20 {
///     frames.extend(env.render());
///     env.step(&[0.0])?;
/// }
/// let gif = Animation::new(frames).with_width(100).with_every(2).gif()?;
/// assert!(gif.starts_with(b"GIF89a"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Animation {
    frames: Vec<String>,
    width: u32,
    frames_per_second: f64,
    every: usize,
    repeats: Option<u16>,
}

impl Animation {
    /// Takes SVG documents in the order in which they are shown, such as the frames of a
    /// [`Recording`](super::Recording).
    pub fn new(frames: impl IntoIterator<Item = String>) -> Self {
        Self { frames: frames.into_iter().collect(), width: 200, frames_per_second: 20.0, every: 1, repeats: None }
    }

    /// Sets the width in px, in \[1, 2048\]; the height follows from the first picture.
    #[must_use]
    pub fn with_width(mut self, width: u32) -> Self {
        self.width = width;
        self
    }

    /// Sets how many pictures a second are shown, in (0, 50\]; 20 is the pace of Pendulum-v1.
    ///
    /// A GIF counts in hundredths of a second. Single pictures are shown a hundredth longer or shorter, so that the animation keeps the
    /// pace.
    #[must_use]
    pub fn with_frames_per_second(mut self, frames_per_second: f64) -> Self {
        self.frames_per_second = frames_per_second;
        self
    }

    /// Shows only the pictures whose index is a multiple of `every`; 0 counts as 1.
    #[must_use]
    pub fn with_every(mut self, every: usize) -> Self {
        self.every = every;
        self
    }

    /// Shows the animation once, and then this many times more, instead of without end.
    #[must_use]
    pub fn with_repeats(mut self, repeats: u16) -> Self {
        self.repeats = Some(repeats);
        self
    }

    /// Returns the bytes of the GIF.
    ///
    /// # Errors
    ///
    /// - [`ReportError::NoFrames`], [`ReportError::FramesPerSecond`] or [`ReportError::Size`] if there are no pictures, or the pace or size is out of
    ///   range
    /// - [`ReportError::Svg`] or [`ReportError::OtherSize`] if a picture is not SVG, or has another shape than the first
    /// - [`ReportError::Encoding`] if the libraries that draw and encode fail
    pub fn gif(&self) -> Result<Vec<u8>, ReportError> {
        let value = self.frames_per_second;
        // Written as a negation so that NaN is rejected too.
        if !(value > 0.0 && value <= MOST_FRAMES_PER_SECOND) {
            return Err(ReportError::FramesPerSecond { value });
        }
        let (size, shots) = self.shots()?;
        let mut histogram = Histogram::default();
        shots.iter().for_each(|shot| histogram.add(&shot.patch.raster.pixels));
        let palette = histogram.palette();

        let failed = |error: gif::EncodingError| ReportError::Encoding(error.into());
        let mut bytes = Vec::new();
        let mut encoder = Encoder::new(&mut bytes, size.0, size.1, &palette.bytes()).map_err(failed)?;
        encoder.set_repeat(self.repeats.map_or(Repeat::Infinite, Repeat::Finite)).map_err(failed)?;
        for Shot { patch, delay } in shots {
            let frame = Frame {
                left: patch.left,
                top: patch.top,
                width: patch.raster.width,
                height: patch.raster.height,
                delay,
                dispose: DisposalMethod::Keep,
                buffer: palette.indices(&patch.raster.pixels).into(),
                ..Frame::default()
            };
            encoder.write_frame(&frame).map_err(failed)?;
        }
        drop(encoder);
        Ok(bytes)
    }

    /// Writes the GIF file, and makes its parent folders.
    ///
    /// # Errors
    ///
    /// As [`gif`](Self::gif), or [`ReportError::Io`].
    pub fn write(&self, path: impl AsRef<Path>) -> Result<(), ReportError> {
        super::write(path.as_ref(), &self.gif()?)
    }

    /// Draws the pictures, and keeps the changed part of each.
    fn shots(&self) -> Result<((u16, u16), Vec<Shot>), ReportError> {
        let mut before: Option<Raster> = None;
        let mut shots: Vec<Shot> = Vec::new();
        for (shown, (index, svg)) in self.frames.iter().enumerate().step_by(self.every.max(1)).enumerate() {
            let raster = Raster::draw(svg, index, self.width)?;
            let patch = match &before {
                None => Some(Patch { left: 0, top: 0, raster: raster.clone() }),
                Some(first) if (first.width, first.height) != (raster.width, raster.height) => {
                    let (expected, found) = ((first.width, first.height), (raster.width, raster.height));
                    return Err(ReportError::OtherSize { index, expected, found });
                }
                Some(before) => raster.changes_from(before),
            };
            let delay = self.ticks(shown + 1) - self.ticks(shown);
            match (patch, shots.last_mut()) {
                // A picture like the one before prolongs that one, as long as a GIF can count.
                (None, Some(last)) if last.delay.checked_add(clamp(delay)).is_some() => last.delay += clamp(delay),
                (patch, _) => {
                    let patch = patch.unwrap_or_else(|| Patch { left: 0, top: 0, raster: raster.clone() });
                    shots.push(Shot { patch, delay: clamp(delay) });
                }
            }
            before = Some(raster);
        }
        let size = before.map(|raster| (raster.width, raster.height)).ok_or(ReportError::NoFrames)?;
        Ok((size, shots))
    }

    /// Returns when the picture `shown` starts, in hundredths of a second.
    fn ticks(&self, shown: usize) -> u64 {
        // A float that is too large for an integer becomes the largest one.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let ticks = (shown as f64 * 100.0 / self.frames_per_second).round() as u64;
        ticks
    }
}

/// The changed part of a picture, and how long it is shown.
struct Shot {
    patch: Patch,
    /// In hundredths of a second.
    delay: u16,
}

fn clamp(ticks: u64) -> u16 {
    u16::try_from(ticks).unwrap_or(u16::MAX)
}
