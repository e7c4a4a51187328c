//! Units, text styles and dashes of plots.

use std::io;

use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind};
use plotters::element::PathElement;
use plotters::prelude::SVGBackend;
use plotters::style::{FontDesc, FontFamily, FontStyle, RGBColor, ShapeStyle, TextStyle};

use super::picture::FONT_FAMILY;

/// Units per px: plotters draws on whole numbers, and lines on whole pixels would look jagged.
pub(super) const PX: i32 = 10;

pub(super) const TEXT_SIZE: i32 = 16 * PX;

pub(super) const INK: RGBColor = RGBColor(0x26, 0x26, 0x26);
pub(super) const GRID: RGBColor = RGBColor(0xE6, 0xE6, 0xE6);

pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
pub(super) type DrawingError = DrawingAreaErrorKind<io::Error>;

/// Draws a dashed horizontal line between two columns.
pub(super) fn draw_dashes(
    area: &Area<'_>,
    (left, right): (i32, i32),
    row: i32,
    style: ShapeStyle,
    (dash, gap): (i32, i32),
) -> Result<(), DrawingError> {
    let starts = std::iter::successors(Some(left), |start| Some(start + dash + gap)).take_while(|start| *start < right);
    for start in starts {
        area.draw(&PathElement::new([(start, row), ((start + dash).min(right), row)], style))?;
    }
    Ok(())
}

/// Makes the style of a text `size` units high.
pub(super) fn text_style(size: i32) -> TextStyle<'static> {
    // The SVG backend divides by this to get from the height of a line to the size of its font.
    const LINE_HEIGHT: f64 = 1.24;
    FontDesc::new(FontFamily::Name(FONT_FAMILY), f64::from(size) * LINE_HEIGHT, FontStyle::Normal).color(&INK)
}

/// Measures a text.
pub(super) fn text_width(area: &Area<'_>, text: &str, style: &TextStyle<'_>) -> Result<i32, DrawingError> {
    let (width, _) = area.estimate_text_size(text, style)?;
    // It is measured with lines of this font's own height, 1.12, but set with lines 1.24 high.
    Ok(i32::try_from(u64::from(width) * 112 / 124).unwrap_or(i32::MAX))
}
