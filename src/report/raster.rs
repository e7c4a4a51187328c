//! Pictures as pixels, and the part that changes from one to the next.

use resvg::tiny_skia::{Color, Pixmap, Transform};
use resvg::usvg::{Options, Tree};

use super::ReportError;

/// Red, green and blue.
pub(super) type Pixel = [u8; 3];

/// Largest width and height of an animation in px.
pub(super) const MOST_PIXELS: u16 = 2_048;

/// A picture in rows of pixels.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Raster {
    pub(super) width: u16,
    pub(super) height: u16,
    pub(super) pixels: Vec<Pixel>,
}

/// A part of a picture.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Patch {
    pub(super) left: u16,
    pub(super) top: u16,
    pub(super) raster: Raster,
}

impl Raster {
    /// Draws an SVG document on white, `width` px wide, with the height of its shape.
    pub(super) fn draw(svg: &str, index: usize, width: u32) -> Result<Self, ReportError> {
        let tree = Tree::from_str(svg, &Options::default())
            .map_err(|source| ReportError::Svg { index, source: source.into() })?;
        let scale = width as f32 / tree.size().width();
        let height = (tree.size().height() * scale).round();
        let in_range = 1.0..=f32::from(MOST_PIXELS);
        if !in_range.contains(&(width as f32)) || !in_range.contains(&height) {
            // A float that is too large for an integer becomes the largest one.
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            let height = height as u64;
            return Err(ReportError::Size { most: MOST_PIXELS, width: width.into(), height });
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let (width, height) = (width as u16, height as u16);
        let mut pixmap = Pixmap::new(width.into(), height.into())
            .ok_or_else(|| ReportError::Encoding("a picture does not fit into memory".into()))?;
        pixmap.fill(Color::WHITE);
        resvg::render(&tree, Transform::from_scale(scale, scale), &mut pixmap.as_mut());
        // On white nothing is transparent, so premultiplied colours are the colours.
        let pixels = pixmap.pixels().iter().map(|pixel| [pixel.red(), pixel.green(), pixel.blue()]).collect();
        Ok(Self { width, height, pixels })
    }

    /// Returns the smallest rectangle with all differences from `before`, a picture of the same size; `None` without a difference.
    pub(super) fn changes_from(&self, before: &Self) -> Option<Patch> {
        let width = usize::from(self.width);
        let rows = |raster| Raster::rows(raster);
        let differs = |(now, then): (&[Pixel], &[Pixel])| now != then;
        let top = rows(self).zip(rows(before)).position(differs)?;
        let bottom = rows(self).zip(rows(before)).enumerate().filter(|(_, pair)| differs(*pair)).last()?.0;
        let (mut left, mut right) = (width, 0);
        for (now, then) in rows(self).zip(rows(before)) {
            let differs = |(now, then): (&Pixel, &Pixel)| now != then;
            if let Some(first) = now.iter().zip(then).position(differs) {
                left = left.min(first);
                right = right.max(now.iter().zip(then).rposition(differs).unwrap_or(first));
            }
        }
        let pixels = rows(self).skip(top).take(bottom - top + 1).flat_map(|row| &row[left..=right]).copied().collect();
        let raster = Self { width: small(right - left + 1), height: small(bottom - top + 1), pixels };
        Some(Patch { left: small(left), top: small(top), raster })
    }

    fn rows(&self) -> impl ExactSizeIterator<Item = &[Pixel]> {
        self.pixels.chunks_exact(self.width.into())
    }
}

fn small(length: usize) -> u16 {
    u16::try_from(length).expect("a picture is at most 2,048 px wide and high")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raster(rows: [&str; 3]) -> Raster {
        let pixels = rows.concat().bytes().map(|letter| [letter; 3]).collect();
        Raster { width: small(rows[0].len()), height: 3, pixels }
    }

    #[test]
    fn changes_are_the_smallest_rectangle_around_them() {
        let before = raster(["aaaa", "aaaa", "aaaa"]);
        let patch = raster(["aaaa", "abaa", "aaba"]).changes_from(&before).unwrap();
        assert_eq!((patch.left, patch.top, patch.raster.width, patch.raster.height), (1, 1, 2, 2));
        assert_eq!(patch.raster.pixels, b"baab".map(|letter| [letter; 3]));
        let patch = raster(["aaab", "abaa", "aaaa"]).changes_from(&before).unwrap();
        assert_eq!((patch.left, patch.top, patch.raster.width, patch.raster.height), (1, 0, 3, 2));
        assert_eq!(raster(["baaa", "aaaa", "aaab"]).changes_from(&before).unwrap().raster.pixels.len(), 12);
        assert_eq!(before.changes_from(&before), None);
    }

    #[test]
    fn a_picture_is_scaled_to_the_width_and_lies_on_white() {
        let svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 40 20\">\
                   <rect width=\"20\" height=\"20\" fill=\"#010203\"/></svg>";
        let raster = Raster::draw(svg, 0, 4).unwrap();
        assert_eq!((raster.width, raster.height), (4, 2));
        let row = [[1, 2, 3], [1, 2, 3], [255; 3], [255; 3]];
        assert_eq!(raster.pixels, [row, row].concat());
    }
}
