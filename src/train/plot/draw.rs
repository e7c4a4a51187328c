//! Drawing plots as SVG.

use std::iter::once;

use plotters::chart::ChartBuilder;
use plotters::drawing::IntoDrawingArea;
use plotters::element::{Circle, PathElement, Polygon};
use plotters::prelude::SVGBackend;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontTransform, RGBColor, WHITE};

use super::axis::{self, Axis};
use super::legend::Legend;
use super::pen::{Area, DrawingError, GRID, INK, PX, TEXT_SIZE, draw_dashes, text_style, text_width};
use super::picture::register_fonts;
use super::{Curve, Emphasis, Picture, Plot, PlotError};

const TITLE_SIZE: i32 = 20 * PX;
const TICK_LENGTH: i32 = 5 * PX;
const MARGIN: i32 = 14 * PX;

const AXIS: RGBColor = RGBColor(0x80, 0x80, 0x80);
/// Okabe and Ito's colours without their yellow, which is too pale for a line on white.
const PALETTE: [RGBColor; 7] = [
    RGBColor(0x00, 0x72, 0xB2),
    RGBColor(0xD5, 0x5E, 0x00),
    RGBColor(0x00, 0x9E, 0x73),
    RGBColor(0xCC, 0x79, 0xA7),
    RGBColor(0xE6, 0x9F, 0x00),
    RGBColor(0x56, 0xB4, 0xE9),
    RGBColor(0x00, 0x00, 0x00),
];
/// Lengths of dash and gap; the second reference line of a plot uses the second pattern.
const DASHES: [(i32, i32); 3] = [(9 * PX, 6 * PX), (3 * PX, 4 * PX), (16 * PX, 4 * PX)];

/// Draws `plots` row by row, each of `size` px.
pub(super) fn draw(plots: &[Plot], columns: usize, size: (u32, u32)) -> Result<Picture, PlotError> {
    if plots.is_empty() {
        return Err(PlotError::Empty);
    }
    let columns = columns.clamp(1, plots.len());
    let rows = plots.len().div_ceil(columns);
    let pixels = |cells: usize, size: u32| {
        let most = i32::MAX.unsigned_abs() / PX.unsigned_abs();
        let pixels = u32::try_from(cells).ok().and_then(|cells| cells.checked_mul(size));
        let too_many = || PlotError::Drawing(format!("{cells} times {size} px are too many").into());
        pixels.filter(|pixels| *pixels <= most).ok_or_else(too_many)
    };
    let (width, height) = (pixels(columns, size.0)?, pixels(rows, size.1)?);
    let (wide, high) = (width * PX.unsigned_abs(), height * PX.unsigned_abs());

    register_fonts();
    let axes = plots.iter().map(|plot| axes(plot, size)).collect::<Result<Vec<_>, _>>()?;
    let mut svg = String::new();
    let paint = |svg: &mut String| -> Result<(), DrawingError> {
        let root = SVGBackend::with_string(svg, (wide, high)).into_drawing_area();
        root.fill(&WHITE)?;
        for ((area, plot), (x, y)) in root.split_evenly((rows, columns)).iter().zip(plots).zip(&axes) {
            draw_plot(area, plot, x, y)?;
        }
        root.present()
    };
    paint(&mut svg).map_err(|error| PlotError::Drawing(error.into()))?;

    // The size in px belongs into the head, and joins must be round: the tip of a sharp one would lie beyond its point.
    let head = format!(r#"<svg width="{wide}" height="{high}""#);
    let real_head = format!(r#"<svg width="{width}" height="{height}" stroke-linejoin="round""#);
    Ok(Picture::new(svg.replacen(&head, &real_head, 1)))
}

/// Makes the axes, with a tick every 90 px of width and 50 px of height at most.
fn axes(plot: &Plot, (width, height): (u32, u32)) -> Result<(Axis, Axis), PlotError> {
    axis::check(plot)?;
    Ok((Axis::x(plot, f64::from(width) / 90.0)?, Axis::y(plot, f64::from(height) / 50.0)?))
}

fn draw_plot(area: &Area<'_>, plot: &Plot, x: &Axis, y: &Axis) -> Result<(), DrawingError> {
    let text = text_style(TEXT_SIZE);
    let mut number_width = 0;
    for tick in &y.ticks {
        number_width = number_width.max(text_width(area, &y.number(*tick), &text)?);
    }
    let line = |label: &str| if label.is_empty() { 0 } else { TEXT_SIZE * 3 / 2 };
    let title = if plot.title.is_empty() { 0 } else { TITLE_SIZE * 3 / 2 };

    let mut chart = ChartBuilder::on(area)
        .margin(MARGIN)
        .margin_top(MARGIN + title)
        // Half of the last number of the x axis stands out to the right.
        .margin_right(MARGIN + TEXT_SIZE)
        .x_label_area_size(2 * TICK_LENGTH + TEXT_SIZE + line(&plot.x_label))
        .y_label_area_size(2 * TICK_LENGTH + number_width + line(&plot.y_label))
        .build_cartesian_2d(x.clone(), y.clone())?;
    chart
        .configure_mesh()
        .bold_line_style(GRID.stroke_width(PX.unsigned_abs()))
        .axis_style(AXIS.stroke_width(PX.unsigned_abs()))
        .label_style(text.clone())
        .x_label_formatter(&|tick| x.number(*tick))
        .y_label_formatter(&|tick| y.number(*tick))
        .set_all_tick_mark_size(TICK_LENGTH)
        .draw()?;

    let field = chart.plotting_area();
    let legend_area = field.strip_coord_spec();
    let (left, top) = field.get_base_pixel();
    let place = |point: &(f64, f64)| {
        let (column, row) = field.map_coordinate(point);
        (column - left, row - top)
    };
    draw_names(area, plot, &legend_area, (left, top))?;

    let mut legend = Legend::default();
    let clamp = |value: f64| value.clamp(y.low, y.high);
    for (curve, color) in colored(plot) {
        let edges = curve.edges();
        let lows = edges.iter().map(|&(x, low, _)| (x, clamp(low)));
        let highs = edges.iter().rev().map(|&(x, _, high)| (x, clamp(high)));
        let outline: Vec<_> = lows.chain(highs).collect();
        legend.avoid(&outline.iter().map(place).collect::<Vec<_>>());
        field.draw(&Polygon::new(outline, color.mix(0.18).filled()))?;
    }
    for (curve, color) in colored(plot) {
        let style = match curve.emphasis {
            Emphasis::Thick => color.stroke_width(PX.unsigned_abs() * 5 / 2),
            Emphasis::Thin => color.mix(0.4).stroke_width(PX.unsigned_abs() * 6 / 5),
        };
        legend.add(&curve.label, style, None);
        for piece in pieces_within(&curve.points, y) {
            legend.avoid(&piece.iter().map(place).collect::<Vec<_>>());
            match *piece {
                [dot] => field.draw(&Circle::new(dot, 4 * PX, style.filled()))?,
                _ => field.draw(&PathElement::new(piece, style))?,
            }
        }
    }
    let (width, _) = field.dim_in_pixel();
    let width = i32::try_from(width).expect("a picture is at most i32::MAX units wide");
    for (reference, dashes) in plot.references.iter().zip(DASHES.iter().cycle()) {
        if (y.low..=y.high).contains(&reference.y) {
            let style = INK.stroke_width(PX.unsigned_abs() * 3 / 2);
            let (_, row) = place(&(x.low, reference.y));
            draw_dashes(&legend_area, (0, width), row, style, *dashes)?;
            legend.avoid(&[(0, row), (width, row)]);
            legend.add(&reference.label, style, Some(*dashes));
        }
    }
    legend.draw(&legend_area)
}

/// Writes the title and the names of the axes.
fn draw_names(area: &Area<'_>, plot: &Plot, field: &Area<'_>, (left, top): (i32, i32)) -> Result<(), DrawingError> {
    let (panel_left, panel_top) = area.get_base_pixel();
    let (x_pixels, y_pixels) = field.get_pixel_range();
    let (middle, center) = (
        left - panel_left + (x_pixels.end - x_pixels.start) / 2,
        top - panel_top + (y_pixels.end - y_pixels.start) / 2,
    );
    let (wide, high) = area.get_pixel_range();
    let (wide, high) = (wide.end - wide.start, high.end - high.start);

    let at = |h, v| Pos::new(h, v);
    // A long title shrinks rather than being cut off.
    let width = text_width(area, &plot.title, &text_style(TITLE_SIZE))?;
    let most = 2 * (wide - middle).min(middle) - MARGIN;
    let size = if width > most { (TITLE_SIZE * most / width).max(1) } else { TITLE_SIZE };
    area.draw_text(&plot.title, &text_style(size).pos(at(HPos::Center, VPos::Top)), (middle, MARGIN))?;

    let text = text_style(TEXT_SIZE);
    area.draw_text(&plot.x_label, &text.pos(at(HPos::Center, VPos::Bottom)), (middle, high - MARGIN))?;
    let upwards = text.transform(FontTransform::Rotate270).pos(at(HPos::Center, VPos::Top));
    area.draw_text(&plot.y_label, &upwards, (MARGIN, center))
}

fn colored(plot: &Plot) -> impl Iterator<Item = (&Curve, RGBColor)> {
    let curves = plot.curves.iter().enumerate().filter(|(_, curve)| !curve.is_empty());
    curves.map(|(index, curve)| (curve, PALETTE[curve.color.unwrap_or(index) % PALETTE.len()]))
}

/// Cuts a line where it leaves the axis; returns the pieces inside.
pub(super) fn pieces_within(points: &[(f64, f64)], y: &Axis) -> Vec<Vec<(f64, f64)>> {
    let inside = |point: &(f64, f64)| (y.low..=y.high).contains(&point.1);
    let mut pieces = Vec::new();
    let mut piece: Vec<(f64, f64)> = points.first().copied().filter(inside).into_iter().collect();
    for pair in points.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        // The shares of the way from one point to the next at which it crosses the two ends of the axis.
        let mut crossings = [(y.low - from.1) / (to.1 - from.1), (y.high - from.1) / (to.1 - from.1)];
        crossings.sort_by(f64::total_cmp);
        let mut between = crossings.into_iter().filter(|share| (0.0..=1.0).contains(share));
        let at =
            |share: f64| (from.0 + share * (to.0 - from.0), (from.1 + share * (to.1 - from.1)).clamp(y.low, y.high));
        match (inside(&from), inside(&to)) {
            (true, true) => piece.push(to),
            (true, false) => {
                piece.extend(between.next_back().map(at));
                pieces.push(std::mem::take(&mut piece));
            }
            (false, true) => piece.extend(between.take(1).map(at).chain(once(to))),
            (false, false) => {
                let chord: Vec<_> = between.map(at).collect();
                pieces.extend((chord.len() == 2).then_some(chord));
            }
        }
    }
    pieces.push(piece);
    pieces.retain(|piece| !piece.is_empty());
    pieces
}
