//! What is left of a run to look at: an animation of an episode, and a report as one HTML file.
//!
//! [`record_episode`] plays an episode in an environment that can be drawn, [`Animation`] turns its pictures into a
//! GIF, and [`Report`] is a page of sections that needs no network, no script and no other file. [`RunReport`] is an
//! [`Observer`](crate::train::Observer) that leaves the report of its run behind.
//!
//! Nothing here depends on the clock but the timing of a [`RunReport`], which can be left out.

use std::path::{Path, PathBuf};

use crate::env::EnvironmentError;
use crate::policy::ActError;
use crate::space::{SpaceError, count};
use crate::train::plot::PlotError;

mod animation;
mod page;
mod palette;
mod raster;
mod recording;
mod run_report;
mod table;

pub use animation::Animation;
pub use page::Report;
pub use recording::{Recording, record_episode};
pub use run_report::RunReport;
pub use table::Table;

/// Why an animation or a report could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// An environment that failed, or broke its contract, while an episode was recorded.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    /// A space that cannot be used.
    #[error(transparent)]
    Space(#[from] SpaceError),
    /// A policy that could not act.
    #[error(transparent)]
    Act(#[from] ActError),
    /// An environment that does not draw itself in mid-episode.
    #[error("an environment must draw itself once it is reset, got no picture after {steps} steps")]
    NotDrawn {
        /// Steps of the episode so far.
        steps: usize,
    },
    /// There is nothing to show.
    #[error("an animation needs at least one picture, got none")]
    NoFrames,
    /// A width or height beyond what an animation can have.
    #[error("width and height of an animation must be 1 to {most} px, got {width} by {height}; choose another width")]
    Size {
        /// Largest width and height.
        most: u16,
        /// Width in px.
        width: u64,
        /// Height in px, as it follows from the first picture.
        height: u64,
    },
    /// A speed that GIF cannot express, or browsers do not show.
    #[error("frames per second must be more than 0 and at most 50, got {value}; show every n-th picture instead")]
    FramesPerSecond {
        /// What was asked for.
        value: f64,
    },
    /// A picture that is not SVG.
    #[error("picture {index} must be an SVG document: {source}")]
    Svg {
        /// Index of the picture.
        index: usize,
        /// What the parser says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A picture of another shape than the first.
    #[error("picture {index} must be as large as the first, {} by {} px, got {} by {} px", expected.0, expected.1, found.0, found.1)]
    OtherSize {
        /// Index of the picture.
        index: usize,
        /// Width and height of the first.
        expected: (u16, u16),
        /// Width and height of this one.
        found: (u16, u16),
    },
    /// A picture that could not be drawn, or an animation that could not be encoded.
    #[error("cannot make the animation: {0}")]
    Encoding(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Bytes that are not an animation.
    #[error("an animation in a report must be a GIF, got bytes that begin with {found:?}")]
    NotAGif {
        /// The first six bytes, or fewer.
        found: Vec<u8>,
    },
    /// A row that does not fit its table.
    #[error("row {row} of a table must have {}, one per column, got {found}", count(*expected, "cell", "cells"))]
    Row {
        /// Index of the row.
        row: usize,
        /// Number of columns.
        expected: usize,
        /// Number of cells.
        found: usize,
    },
    /// A plot that could not be drawn.
    #[error("cannot draw the plot {title:?}: {source}")]
    Plot {
        /// Its title.
        title: String,
        /// What is wrong with it.
        source: PlotError,
    },
    /// Settings that JSON cannot hold.
    #[error("the settings {name:?} must be data that JSON can hold: {source}")]
    Settings {
        /// What they are called.
        name: String,
        /// What is wrong with them.
        source: serde_json::Error,
    },
    /// A file or the folder above it that could not be written.
    #[error("cannot write {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Writes a file, and makes the folders above it.
fn write(path: &Path, bytes: &[u8]) -> Result<(), ReportError> {
    let folder = path.parent().map_or(Ok(()), std::fs::create_dir_all);
    folder
        .and_then(|()| std::fs::write(path, bytes))
        .map_err(|source| ReportError::Io { path: path.to_path_buf(), source })
}

#[cfg(test)]
mod tests;
