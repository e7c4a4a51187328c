//! Ranges of axes and positions of their ticks.

use std::ops::Range;

use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};

use super::{Curve, Plot, PlotError};

/// Share of the extent that is left free at either end of a y axis.
const ROOM: f64 = 0.04;
/// An extent below this share of the values is rounding and drawn as a single value.
const NARROW: f64 = 1e-9;

/// An axis with the values that get a grid line and a number.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Axis {
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) ticks: Vec<f64>,
    step: f64,
}

impl Axis {
    /// Makes the x axis of a plot: exactly as wide as its curves.
    pub(super) fn x(plot: &Plot, most_ticks: f64) -> Result<Self, PlotError> {
        let xs = plot
            .curves
            .iter()
            .flat_map(|curve| curve.points.iter().map(|point| point.0).chain(curve.edges().iter().map(|edge| edge.0)));
        let (low, high) = widened("x", extent(xs).ok_or(PlotError::Empty)?)?;
        Ok(Self::new(low, high, most_ticks))
    }

    /// Makes the y axis of a plot.
    pub(super) fn y(plot: &Plot, most_ticks: f64) -> Result<Self, PlotError> {
        let (low, high) = match plot.y_range {
            // Written as a negation so that NaN is rejected too.
            Some((low, high)) if !(low < high && (high - low).is_finite()) => {
                return Err(PlotError::Range { axis: "y", low, high });
            }
            Some(range) => widened("y", range)?,
            None => with_room("y", y_extent(plot)?)?,
        };
        Ok(Self::new(low, high, most_ticks))
    }

    /// Steps by 1, 2 or 5 times a power of ten.
    fn new(low: f64, high: f64, most_ticks: f64) -> Self {
        let least_step = (high - low) / most_ticks.max(1.0);
        let power = 10_f64.powf(least_step.log10().floor());
        let step =
            [1.0, 2.0, 5.0].map(|digit| digit * power).into_iter().find(|step| *step >= least_step * (1.0 - 1e-9));
        let step = step.unwrap_or(10.0 * power);
        // Nudged so that an end that is a multiple of the step but for rounding keeps its tick.
        let (first, last) = ((low / step - 1e-9).ceil(), (high / step + 1e-9).floor());
        let ticks = std::iter::successors(Some(first), |tick| Some(tick + 1.0))
            .take_while(|tick| *tick <= last)
            // Adding zero turns a negative zero into a plain one.
            .map(|tick| tick * step + 0.0)
            .collect();
        Self { low, high, ticks, step }
    }

    /// Writes a tick with as many digits as the difference of its neighbours needs, and a true minus sign.
    pub(super) fn number(&self, tick: f64) -> String {
        let largest = self.low.abs().max(self.high.abs());
        // Nudged because the logarithm of a power of ten may round to just below a whole number.
        let decade = |size: f64| (size.log10() + 1e-9).floor();
        // A float that is negative or too large for an integer becomes the nearest one.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let digits = |count: f64| count as usize;
        let text = if largest < 1e7 && self.step > 0.99e-4 {
            format!("{tick:.*}", digits(-decade(self.step)))
        } else if tick.abs() < self.step / 2.0 {
            "0".to_owned()
        } else {
            format!("{tick:.*e}", digits(decade(largest) - decade(self.step)))
        };
        text.replace('-', "\u{2212}")
    }
}

impl Ranged for Axis {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (start, end): (i32, i32)) -> i32 {
        let share = (value - self.low) / (self.high - self.low);
        // A float that is too large for an integer becomes the largest one.
        #[allow(clippy::cast_possible_truncation)]
        let offset = (share * f64::from(end - start)).round() as i32;
        start.saturating_add(offset)
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if hint.weight().allow_light_points() { Vec::new() } else { self.ticks.clone() }
    }

    fn range(&self) -> Range<f64> {
        self.low..self.high
    }
}

/// Finds the least and the greatest y of a plot.
pub(super) fn y_extent(plot: &Plot) -> Result<(f64, f64), PlotError> {
    check(plot)?;
    let curves = plot.curves.iter().flat_map(|curve| {
        let edges = curve.edges().iter().flat_map(|edge| [edge.1, edge.2]);
        curve.points.iter().map(|point| point.1).chain(edges)
    });
    let references = plot.references.iter().map(|reference| reference.y);
    extent(curves.chain(references)).ok_or(PlotError::Empty)
}

/// Leaves some space below and above the values of a y axis.
pub(super) fn with_room(axis: &'static str, extent: (f64, f64)) -> Result<(f64, f64), PlotError> {
    let (low, high) = widened(axis, extent)?;
    let room = (high - low) * ROOM;
    widened(axis, (low - room, high + room))
}

/// Checks that there is something to draw and that every number of it is finite.
pub(super) fn check(plot: &Plot) -> Result<(), PlotError> {
    if plot.curves.iter().all(Curve::is_empty) {
        return Err(PlotError::Empty);
    }
    for curve in &plot.curves {
        let points = curve.points.iter().enumerate().map(|(index, &(x, y))| (index, [x, y, y]));
        let edges = curve.edges().iter().enumerate().map(|(index, &(x, low, high))| (index, [x, low, high]));
        for (index, values) in points.chain(edges) {
            finite(&curve.label, index, &values)?;
        }
    }
    plot.references.iter().try_for_each(|reference| finite(&reference.label, 0, &[reference.y]))
}

fn finite(label: &str, index: usize, values: &[f64]) -> Result<(), PlotError> {
    match values.iter().find(|value| !value.is_finite()) {
        Some(&value) => Err(PlotError::NonFinite { curve: label.to_owned(), index, value }),
        None => Ok(()),
    }
}

fn extent(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.fold(None, |extent, value| {
        Some(extent.map_or((value, value), |(low, high): (f64, f64)| (low.min(value), high.max(value))))
    })
}

/// Makes room around a single value, so that an axis always has a width.
fn widened(axis: &'static str, (low, high): (f64, f64)) -> Result<(f64, f64), PlotError> {
    let size = low.abs().max(high.abs());
    let (low, high) = if high - low > size * NARROW && high - low > f64::MIN_POSITIVE * 1e20 {
        (low, high)
    } else {
        let half = if size > f64::MIN_POSITIVE * 1e20 { size * 0.05 } else { 0.5 };
        (low - half, high + half)
    };
    if (high - low).is_finite() { Ok((low, high)) } else { Err(PlotError::Range { axis, low, high }) }
}
