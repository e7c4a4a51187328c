//! Shapes in flat colours on a square of 400 by 400.

use std::fmt::Write;

/// Side of the picture in user units.
pub(super) const SIDE: f64 = 400.0;

/// A flat colour, as SVG writes it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Colour(&'static str);

impl Colour {
    pub(super) const PAPER: Self = Self("#faf9f6");
    /// Parts that do not move: ground, track, frame.
    pub(super) const GROUND: Self = Self("#b9bec5");
    /// Guide lines.
    pub(super) const FAINT: Self = Self("#dfe1e4");
    /// The part that the agent drives.
    pub(super) const BODY: Self = Self("#3f6c9b");
    /// The part that the body carries or swings.
    pub(super) const LIMB: Self = Self("#d4694c");
    pub(super) const JOINT: Self = Self("#2d333b");
    /// The target.
    pub(super) const TARGET: Self = Self("#57a773");
}

/// A point on the canvas: to the right, and down.
pub(super) type Point = (f64, f64);

/// An SVG document that is being drawn; later shapes cover earlier ones.
#[derive(Debug)]
pub(super) struct Canvas {
    svg: String,
}

impl Canvas {
    /// Starts an empty picture.
    pub(super) fn new() -> Self {
        let svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {SIDE} {SIDE}\" width=\"{SIDE}\" height=\"{SIDE}\">\
             <rect width=\"{SIDE}\" height=\"{SIDE}\" fill=\"{}\"/>",
            Colour::PAPER.0
        );
        Self { svg }
    }

    /// Draws a straight line with round ends.
    pub(super) fn line(&mut self, (x1, y1): Point, (x2, y2): Point, width: f64, Colour(colour): Colour) {
        let [x1, y1, x2, y2] = [x1, y1, x2, y2].map(Number);
        self.put(format_args!(
            "<line x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\" stroke=\"{colour}\" stroke-width=\"{}\" \
             stroke-linecap=\"round\"/>",
            Number(width)
        ));
    }

    /// Fills a circle.
    pub(super) fn disc(&mut self, (x, y): Point, radius: f64, Colour(colour): Colour) {
        let [x, y, radius] = [x, y, radius].map(Number);
        self.put(format_args!("<circle cx=\"{x}\" cy=\"{y}\" r=\"{radius}\" fill=\"{colour}\"/>"));
    }

    /// Draws the outline of a circle.
    pub(super) fn ring(&mut self, (x, y): Point, radius: f64, width: f64, Colour(colour): Colour) {
        let [x, y, radius, width] = [x, y, radius, width].map(Number);
        self.put(format_args!(
            "<circle cx=\"{x}\" cy=\"{y}\" r=\"{radius}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\"/>"
        ));
    }

    /// Fills a polygon.
    pub(super) fn polygon(&mut self, corners: &[Point], Colour(colour): Colour) {
        self.svg.push_str("<polygon points=\"");
        for (i, &(x, y)) in corners.iter().enumerate() {
            let space = if i == 0 { "" } else { " " };
            self.put(format_args!("{space}{},{}", Number(x), Number(y)));
        }
        self.put(format_args!("\" fill=\"{colour}\"/>"));
    }

    /// Fills a rectangle around `center`, turned clockwise by `angle` rad.
    pub(super) fn turned_rectangle(&mut self, center: Point, (width, height): (f64, f64), angle: f64, colour: Colour) {
        let corners = [(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)];
        let corners = corners.map(|(right, down)| turned(center, (right * width, down * height), angle));
        self.polygon(&corners, colour);
    }

    /// Returns the document.
    pub(super) fn finish(mut self) -> String {
        self.svg.push_str("</svg>");
        self.svg
    }

    fn put(&mut self, text: std::fmt::Arguments<'_>) {
        self.svg.write_fmt(text).expect("a string takes all that is written to it");
    }
}

/// Returns the point that lies at `offset` from `origin` after a clockwise turn by `angle` rad.
pub(super) fn turned((x, y): Point, (right, down): (f64, f64), angle: f64) -> Point {
    let (sine, cosine) = libm::sincos(angle);
    (x + right * cosine - down * sine, y + right * sine + down * cosine)
}

/// Writes a coordinate: to a tenth, limited to the neighbourhood of the picture, and without a negative zero.
struct Number(f64);

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let tenths = (self.0 * 10.0).round().clamp(-1e5, 1e5);
        write!(f, "{}", tenths / 10.0 + 0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coordinates_are_short_and_finite() {
        let text = |x: f64| Number(x).to_string();
        assert_eq!([text(1.0), text(0.25), text(-0.04), text(123.456)], ["1", "0.3", "0", "123.5"]);
        assert_eq!([text(1e300), text(f64::NEG_INFINITY)], ["10000", "-10000"]);
    }

    #[test]
    fn a_quarter_turn_clockwise_brings_the_right_down() {
        let (x, y) = turned((10.0, 20.0), (5.0, 0.0), std::f64::consts::FRAC_PI_2);
        assert!((x - 10.0).abs() < 1e-12 && (y - 25.0).abs() < 1e-12);
    }
}
