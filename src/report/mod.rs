//! Reports and animations: one HTML file about a run, a GIF of an episode.
//!
//! - [`record_episode`] plays an episode and keeps its pictures.
//! - [`Animation`] turns pictures into a GIF.
//! - [`Report`] is a page of sections, without network, scripts or other files.
//! - [`RunReport`] is an [`Observer`](crate::train::Observer) that writes the report of its run.
//!
//! Only the timing in a [`RunReport`] depends on the clock, and you can leave it out.

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
    /// An environment that returns no picture in the middle of an episode.
    #[error("an environment must draw itself once it is reset, got no picture after {steps} steps")]
    NotDrawn {
        /// Steps of the episode so far.
        steps: usize,
    },
    /// There is no picture.
    #[error("an animation needs at least one picture, got none")]
    NoFrames,
    /// A width or height beyond the limits of an animation.
    #[error("width and height of an animation must be 1 to {most} px, got {width} by {height}; choose another width")]
    Size {
        /// Largest width and height.
        most: u16,
        /// Width in px.
        width: u64,
        /// Height in px, from the shape of the first picture.
        height: u64,
    },
    /// A pace that GIF cannot express, or browsers do not show.
    #[error("frames per second must be more than 0 and at most 50, got {value}; show every n-th picture instead")]
    FramesPerSecond {
        /// The pace.
        value: f64,
    },
    /// A picture that is not SVG.
    #[error("picture {index} must be an SVG document: {source}")]
    Svg {
        /// Index of the picture.
        index: usize,
        /// The error of the parser.
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
    /// A row with another number of cells than the table has columns.
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
        /// The reason.
        source: PlotError,
    },
    /// Settings that JSON cannot hold.
    #[error("the settings {name:?} must be data that JSON can hold: {source}")]
    Settings {
        /// Name of the settings.
        name: String,
        /// The reason.
        source: serde_json::Error,
    },
    /// A file or the folder above it that could not be written.
    #[error("cannot write {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The error of the file system.
        source: std::io::Error,
    },
}

/// Writes a file, and makes its parent folders.
fn write(path: &Path, bytes: &[u8]) -> Result<(), ReportError> {
    let folder = path.parent().map_or(Ok(()), std::fs::create_dir_all);
    folder
        .and_then(|()| std::fs::write(path, bytes))
        .map_err(|source| ReportError::Io { path: path.to_path_buf(), source })
}

#[cfg(test)]
mod tests;
