//! The legend, in the corner where it covers least.

use plotters::element::{PathElement, Rectangle};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, ShapeStyle, WHITE};

use super::pen::{Area, DrawingError, GRID, PX, TEXT_SIZE, draw_dashes, text_style, text_width};

/// Distance from the frame of the plot.
const DISTANCE: i32 = 10 * PX;
const PADDING: i32 = 8 * PX;
/// Length of the piece of line in front of each label.
const SAMPLE: i32 = 34 * PX;
/// Distance between the points along lines that are counted.
const SPACING: i32 = 6 * PX;

/// Lines to name, and points to avoid.
#[derive(Default)]
pub(super) struct Legend {
    rows: Vec<Row>,
    occupied: Vec<(i32, i32)>,
}

struct Row {
    label: String,
    style: ShapeStyle,
    dashes: Option<(i32, i32)>,
}

impl Legend {
    /// Adds a line; one without a label stays out.
    pub(super) fn add(&mut self, label: &str, style: ShapeStyle, dashes: Option<(i32, i32)>) {
        if !label.is_empty() {
            self.rows.push(Row { label: label.to_owned(), style, dashes });
        }
    }

    /// Marks a line as something that the legend should not cover.
    pub(super) fn avoid(&mut self, line: &[(i32, i32)]) {
        self.occupied.extend(line.first());
        for pair in line.windows(2) {
            let (from, to) = (pair[0], pair[1]);
            let (wide, high) = (to.0 - from.0, to.1 - from.1);
            let parts = (wide.abs().max(high.abs()) / SPACING).max(1);
            let along = |length: i32, part: i32| i64::from(length) * i64::from(part) / i64::from(parts);
            self.occupied.extend((1..=parts).filter_map(|part| {
                let column = i32::try_from(along(wide, part)).ok()? + from.0;
                Some((column, i32::try_from(along(high, part)).ok()? + from.1))
            }));
        }
    }

    /// Draws the rows into the corner that holds the fewest of the occupied points; lower right if several do.
    pub(super) fn draw(&self, area: &Area<'_>) -> Result<(), DrawingError> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let (columns, rows) = area.get_pixel_range();
        let (wide, high) = (columns.end - columns.start, rows.end - rows.start);
        let (font_size, text_width) = self.fit_text(area, wide)?;
        let row_height = font_size * 7 / 5;
        let row_count = i32::try_from(self.rows.len()).unwrap_or(i32::MAX);
        let size = (SAMPLE + 3 * PADDING + text_width, row_height.saturating_mul(row_count) + PADDING);

        let (right, bottom) = (wide - DISTANCE - size.0, high - DISTANCE - size.1);
        let corners = [(right, bottom), (right, DISTANCE), (DISTANCE, bottom), (DISTANCE, DISTANCE)];
        let hidden = |corner: &(i32, i32)| self.occupied.iter().filter(|point| covers(*corner, size, **point)).count();
        let (left, top) = corners.into_iter().min_by_key(hidden).expect("there are four corners");

        let (end, foot) = (left + size.0, top + size.1);
        let frame = [(left, top), (end, foot)];
        // A rectangle's own outline would be a tenth of a px wide.
        let outline = [(left, top), (end, top), (end, foot), (left, foot), (left, top)];
        area.draw(&Rectangle::new(frame, WHITE.mix(0.85).filled()))?;
        area.draw(&PathElement::new(outline, GRID.stroke_width(PX.unsigned_abs())))?;
        let text = text_style(font_size).pos(Pos::new(HPos::Left, VPos::Center));
        for (row, middle) in self.rows.iter().zip((0..).map(|n| top + (PADDING + row_height) / 2 + n * row_height)) {
            let sample = (left + PADDING, left + PADDING + SAMPLE);
            match row.dashes {
                Some(dashes) => draw_dashes(area, sample, middle, row.style, dashes)?,
                None => area.draw(&PathElement::new([(sample.0, middle), (sample.1, middle)], row.style))?,
            }
            area.draw_text(&row.label, &text, (sample.1 + PADDING, middle))?;
        }
        Ok(())
    }

    /// Finds the size of the font at which the longest label fits, and how wide it then is.
    fn fit_text(&self, area: &Area<'_>, wide: i32) -> Result<(i32, i32), DrawingError> {
        let style = text_style(TEXT_SIZE);
        let mut longest = 1;
        for row in &self.rows {
            longest = longest.max(text_width(area, &row.label, &style)?);
        }
        let most = (wide - SAMPLE - 3 * PADDING - 2 * DISTANCE).max(1);
        if longest <= most { Ok((TEXT_SIZE, longest)) } else { Ok(((TEXT_SIZE * most / longest).max(1), most)) }
    }
}

fn covers(corner: (i32, i32), size: (i32, i32), point: (i32, i32)) -> bool {
    let within = |start: i32, length: i32, value: i32| (start - PADDING..=start + length + PADDING).contains(&value);
    within(corner.0, size.0, point.0) && within(corner.1, size.1, point.1)
}
