//! Pictures of a simulator, as SVG for [`Render`](crate::env::Render).

use std::collections::BTreeMap;
use std::fmt::Write;

/// Most cells in a row or a column of the drawing.
const CELLS: usize = 100;

/// Side of the drawing in user units.
const SIDE: usize = 400;

/// Draws pixels, three bytes each, row by row, as cells of one colour each: at most 100 by 100, in 4,096 colours.
///
/// `None` without a pixel, or if the number of bytes does not match width and height.
pub(super) fn svg(width: usize, height: usize, pixels: &[u8]) -> Option<String> {
    let is_whole = width.checked_mul(height).and_then(|count| count.checked_mul(3)) == Some(pixels.len());
    if !is_whole || pixels.is_empty() {
        return None;
    }
    // Pixels to a cell, so that the longer side fits.
    let step = width.max(height).div_ceil(CELLS);
    let (columns, rows) = (width.div_ceil(step), height.div_ceil(step));
    let colour = |column: usize, row: usize| {
        let (xs, ys) = (column * step..((column + 1) * step).min(width), row * step..((row + 1) * step).min(height));
        let mut sums = [0_usize; 3];
        for pixel in
            ys.clone().flat_map(|y| pixels[3 * (y * width + xs.start)..3 * (y * width + xs.end)].chunks_exact(3))
        {
            sums.iter_mut().zip(pixel).for_each(|(sum, &part)| *sum += usize::from(part));
        }
        let most = 255 * xs.len() * ys.len();
        sums.map(|sum| ((15 * sum + most / 2) / most) as u8)
    };

    // One path a colour, of the rectangles that are one cell high.
    let mut paths: BTreeMap<[u8; 3], (usize, String)> = BTreeMap::new();
    for row in 0..rows {
        let mut start = 0;
        while start < columns {
            let here = colour(start, row);
            let end = (start + 1..columns).find(|&column| colour(column, row) != here).unwrap_or(columns);
            let (cells, path) = paths.entry(here).or_default();
            let length = end - start;
            *cells += length;
            put(path, format_args!("M{start} {row}h{length}v1h-{length}z"));
            start = end;
        }
    }
    let background = paths.iter().max_by_key(|(_, (cells, _))| cells).map(|(colour, _)| *colour)?;
    let [r, g, b] = background;
    let cells = columns.max(rows);
    let (left, top) = ((cells - columns) as f64 / 2.0, (cells - rows) as f64 / 2.0);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {SIDE} {SIDE}\" width=\"{SIDE}\" height=\"{SIDE}\" \
         shape-rendering=\"crispEdges\"><rect width=\"{SIDE}\" height=\"{SIDE}\" fill=\"#{r:x}{g:x}{b:x}\"/>\
         <g transform=\"scale({}) translate({left} {top})\">",
        SIDE as f64 / cells as f64
    );
    for ([r, g, b], (_, path)) in paths.iter().filter(|(colour, _)| **colour != background) {
        put(&mut out, format_args!("<path fill=\"#{r:x}{g:x}{b:x}\" d=\"{path}\"/>"));
    }
    out.push_str("</g></svg>");
    Some(out)
}

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("writing to a string does not fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_a_colour_are_rectangles_on_the_most_common_one() {
        let (white, red) = ([255, 255, 255], [255, 0, 0]);
        let pixels = [white, red, red, white, white, white].concat();
        assert_eq!(
            svg(3, 2, &pixels).unwrap(),
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 400 400\" width=\"400\" height=\"400\" \
             shape-rendering=\"crispEdges\"><rect width=\"400\" height=\"400\" fill=\"#fff\"/>\
             <g transform=\"scale(133.33333333333334) translate(0 0.5)\"><path fill=\"#f00\" d=\"M1 0h2v1h-2z\"/></g></svg>"
        );
    }

    #[test]
    fn cells_are_means_of_their_pixels() {
        // 200 by 100 pixels are 100 by 50 cells of four pixels; in the first, one is white and three are black: 63.75 of 255.
        let mut pixels = vec![0; 3 * 200 * 100];
        pixels[..3].fill(255);
        assert!(svg(200, 100, &pixels).unwrap().contains("<path fill=\"#444\" d=\"M0 0h1v1h-1z\"/>"));
    }

    #[test]
    fn what_is_no_picture_is_refused() {
        assert_eq!(svg(0, 0, &[]), None);
        assert_eq!(svg(2, 2, &[0; 11]), None);
        assert_eq!(svg(usize::MAX, 2, &[0; 6]), None);
    }
}
