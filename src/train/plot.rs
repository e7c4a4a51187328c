//! Plots of learning curves, as SVG and PNG, without fonts or libraries of the system.
//!
//! A [`Plot`] has [`Curve`]s and draws itself into a [`Picture`]. [`draw_panels`] puts several plots into one
//! picture. [`LearningCurve`] is an [`Observer`](super::Observer) that writes the picture of its run. The
//! same input gives the same bytes.
//!
//! The PNG is the SVG, rendered with a font that is part of the program; a browser without that font shows the SVG in
//! another one. Colours are those of Okabe and Ito, which colour-blind readers can tell apart[^1].
//!
//! [^1]: M. Okabe and K. Ito (2008). *Color Universal Design: How to make figures and presentations that are friendly
//!     to colorblind people*.

use std::path::{Path, PathBuf};

mod axis;
mod draw;
mod learning_curve;
mod legend;
mod pen;
mod picture;

pub use learning_curve::LearningCurve;
pub use picture::Picture;

/// Width and height of a single plot in px.
const PLOT_SIZE: (u32, u32) = (1000, 600);
/// Width and height of each of several panels in px.
const PANEL_SIZE: (u32, u32) = (500, 360);

/// Why a picture could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlotError {
    /// There is nothing to draw.
    #[error("a plot needs at least one point, got none")]
    Empty,
    /// A curve, its band or a reference line has a NaN or an infinity.
    #[error("point {index} of {curve:?} must be finite, got {value}")]
    NonFinite {
        /// Label of the curve or reference line.
        curve: String,
        /// Index of the point within the curve or its band; 0 for a reference line.
        index: usize,
        /// The first such number of the point.
        value: f64,
    },
    /// The range of an axis is invalid.
    #[error("the {axis} range must ascend and have a finite width, got {low} to {high}")]
    Range {
        /// `"x"` or `"y"`.
        axis: &'static str,
        /// Lower end.
        low: f64,
        /// Upper end.
        high: f64,
    },
    /// The picture could not be drawn or rendered.
    #[error("cannot draw the picture: {0}")]
    Drawing(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A file or the folder above it could not be written.
    #[error("cannot write {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The error of the file system.
        #[source]
        source: std::io::Error,
    },
}

/// How prominent a curve is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Emphasis {
    /// A thick line, for the main result.
    #[default]
    Thick,
    /// A thin, pale line, for noisy data behind a thick one.
    Thin,
}

/// A labelled line through points, with an optional band around it.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// Name in the legend; empty for a curve that the legend leaves out.
    pub label: String,
    /// Points `(x, y)` in the order in which the line visits them; a single point becomes a dot.
    pub points: Vec<(f64, f64)>,
    /// Edges of the band as `(x, low, high)`, such as mean ± standard deviation over seeds.
    pub band: Option<Vec<(f64, f64, f64)>>,
    /// How prominent it is.
    pub emphasis: Emphasis,
    /// Index into the seven colours of the palette, taken modulo 7; `None` for the curve's place in the plot.
    pub color: Option<usize>,
}

impl Curve {
    /// Makes a thick curve through `points`.
    pub fn new(label: impl Into<String>, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        let points = points.into_iter().collect();
        Self { label: label.into(), points, band: None, emphasis: Emphasis::Thick, color: None }
    }

    /// Makes a thin, pale curve through `points`.
    pub fn thin(label: impl Into<String>, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        Self { emphasis: Emphasis::Thin, ..Self::new(label, points) }
    }

    /// Makes a thick curve whose x is the index of each value, from 0.
    ///
    /// # Examples
    ///
    /// ```
    /// use actor_critic::train::plot::Curve;
    ///
    /// assert_eq!(Curve::from_values("return", [5.0, 7.0]).points, [(0.0, 5.0), (1.0, 7.0)]);
    /// ```
    pub fn from_values(label: impl Into<String>, values: impl IntoIterator<Item = f64>) -> Self {
        Self::new(label, values.into_iter().enumerate().map(|(index, value)| (index as f64, value)))
    }

    /// Adds a band with the edges `(x, low, high)`.
    #[must_use]
    pub fn with_band(mut self, edges: impl IntoIterator<Item = (f64, f64, f64)>) -> Self {
        self.band = Some(edges.into_iter().collect());
        self
    }

    /// Chooses a colour of the palette: 0 blue, 1 vermilion, 2 green, 3 purple, 4 orange, 5 sky blue, 6 black.
    #[must_use]
    pub fn with_color(mut self, index: usize) -> Self {
        self.color = Some(index);
        self
    }

    /// Returns whether there is no point to draw.
    fn is_empty(&self) -> bool {
        self.points.is_empty() && self.edges().is_empty()
    }

    /// Returns the edges of the band; empty without a band.
    fn edges(&self) -> &[(f64, f64, f64)] {
        self.band.as_deref().unwrap_or_default()
    }
}

/// A dashed horizontal line at a known value, such as the optimum.
#[derive(Debug, Clone, PartialEq)]
pub struct Reference {
    /// Name in the legend.
    pub label: String,
    /// Its y value.
    pub y: f64,
}

/// A picture with two axes, described but not yet drawn.
///
/// # Examples
///
/// ```
/// use actor_critic::train::plot::{Curve, Plot};
///
/// let picture = Plot::new("Pendulum-v1")
///     .with_labels("episode", "return")
///     .with_curve(Curve::from_values("SAC", [-1400.0, -900.0, -150.0]))
///     .with_reference("optimum", -137.5)
///     .draw()?;
/// assert!(picture.svg().starts_with("<svg"));
/// # Ok::<(), actor_critic::train::plot::PlotError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plot {
    /// Heading, may be empty.
    pub title: String,
    /// Name of the x axis, may be empty.
    pub x_label: String,
    /// Name of the y axis, may be empty.
    pub y_label: String,
    /// The curves; a later one lies over an earlier one.
    pub curves: Vec<Curve>,
    /// The dashed lines; a line outside the y range is left out.
    pub references: Vec<Reference>,
    /// Ends of the y axis, where curves are cut off; `None` to fit the curves and the references.
    pub y_range: Option<(f64, f64)>,
}

impl Plot {
    /// Makes a plot without curves.
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), ..Self::default() }
    }

    /// Names the axes.
    #[must_use]
    pub fn with_labels(mut self, x_label: impl Into<String>, y_label: impl Into<String>) -> Self {
        self.x_label = x_label.into();
        self.y_label = y_label.into();
        self
    }

    /// Adds a curve.
    #[must_use]
    pub fn with_curve(mut self, curve: Curve) -> Self {
        self.curves.push(curve);
        self
    }

    /// Adds a dashed horizontal line.
    #[must_use]
    pub fn with_reference(mut self, label: impl Into<String>, y: f64) -> Self {
        self.references.push(Reference { label: label.into(), y });
        self
    }

    /// Fixes the y axis.
    #[must_use]
    pub fn with_y_range(mut self, low: f64, high: f64) -> Self {
        self.y_range = Some((low, high));
        self
    }

    /// Draws the plot, 1000 px wide and 600 px high.
    ///
    /// # Errors
    ///
    /// - [`PlotError::Empty`] if no curve has a point
    /// - [`PlotError::NonFinite`] for the first NaN or infinity
    /// - [`PlotError::Range`] if the y range is empty, or values differ by more than an `f64` can hold
    /// - [`PlotError::Drawing`] if the drawing library fails
    pub fn draw(&self) -> Result<Picture, PlotError> {
        draw::draw(std::slice::from_ref(self), 1, PLOT_SIZE)
    }

    /// Draws the plot and writes `stem` + `.svg` and `stem` + `.png`.
    ///
    /// # Errors
    ///
    /// As [`draw`](Self::draw) and [`Picture::write`].
    pub fn write(&self, stem: impl AsRef<Path>) -> Result<(), PlotError> {
        self.draw()?.write(stem)
    }
}

/// Draws several plots into one picture, row by row, each 500 px wide and 360 px high.
///
/// `columns` plots share a row; 0 counts as 1. Each has its own axes: see [`share_y_range`].
///
/// # Errors
///
/// As [`Plot::draw`] for each plot, and [`PlotError::Empty`] if there is none.
pub fn draw_panels(panels: &[Plot], columns: usize) -> Result<Picture, PlotError> {
    draw::draw(panels, columns, PANEL_SIZE)
}

/// Draws several plots into one picture and writes `stem` + `.svg` and `stem` + `.png`.
///
/// # Errors
///
/// As [`draw_panels`] and [`Picture::write`].
pub fn write_panels(panels: &[Plot], columns: usize, stem: impl AsRef<Path>) -> Result<(), PlotError> {
    draw_panels(panels, columns)?.write(stem)
}

/// Gives all plots the same y range, which fits every curve and reference line, so that you can compare them.
///
/// # Errors
///
/// As [`Plot::draw`] for each plot.
///
/// # Examples
///
/// ```
/// use actor_critic::train::plot::{Curve, Plot, share_y_range};
///
/// let panel = |values| Plot::new("").with_curve(Curve::from_values("return", values));
/// let mut panels = [panel([0.0, 50.0]), panel([20.0, 100.0])];
/// share_y_range(&mut panels)?;
/// assert_eq!(panels[0].y_range, Some((-4.0, 104.0))); // 4 % of room at either end
/// assert_eq!(panels[0].y_range, panels[1].y_range);
/// # Ok::<(), actor_critic::train::plot::PlotError>(())
/// ```
pub fn share_y_range(panels: &mut [Plot]) -> Result<(), PlotError> {
    let mut shared: Option<(f64, f64)> = None;
    for panel in &*panels {
        let (low, high) = axis::y_extent(panel)?;
        shared = Some(shared.map_or((low, high), |(least, most)| (least.min(low), most.max(high))));
    }
    let Some(extent) = shared else { return Ok(()) };
    let range = axis::with_room("y", extent)?;
    panels.iter_mut().for_each(|panel| panel.y_range = Some(range));
    Ok(())
}

#[cfg(test)]
mod tests;
