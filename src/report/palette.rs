//! The colours of an animation: the exact colours of its pictures if there are few, else the best 256.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::raster::Pixel;

/// Most colours of a GIF.
const MOST_COLORS: usize = 256;

/// Colours by index, and an index for each pixel that was counted.
#[derive(Debug, PartialEq)]
pub(super) struct Palette {
    pub(super) colors: Vec<Pixel>,
    indices: BTreeMap<Pixel, u8>,
}

/// Counts how often each colour occurs.
#[derive(Debug, Default)]
pub(super) struct Histogram(BTreeMap<Pixel, u64>);

impl Histogram {
    pub(super) fn add(&mut self, pixels: &[Pixel]) {
        pixels.iter().for_each(|pixel| *self.0.entry(*pixel).or_default() += 1);
    }

    /// Chooses the colours.
    ///
    /// All colours start in one box. The box whose colours its most frequent colour represents worst is divided in two, until there are
    /// 256 boxes. Every colour is shown as the most frequent one of its box, so the flat colours of a drawing stay exact,
    /// and only blends along edges change.
    pub(super) fn palette(self) -> Palette {
        let whole = ColorBox::new(self.0.into_iter().collect());
        let mut boxes = vec![whole];
        while boxes.len() < MOST_COLORS {
            // The first of several that are served equally badly, so that the outcome is defined.
            let worst = (0..boxes.len()).max_by_key(|&index| (boxes[index].error, Reverse(index)));
            let Some(worst) = worst.filter(|&index| boxes[index].error > 0) else { break };
            let (low, high) = boxes.swap_remove(worst).cut();
            boxes.extend([low, high]);
        }
        let colors = boxes.iter().map(|cut| cut.representative).collect();
        let indices = (0_u8..=u8::MAX)
            .zip(&boxes)
            .flat_map(|(index, cut)| cut.colors.iter().map(move |(color, _)| (*color, index)))
            .collect();
        Palette { colors, indices }
    }
}

impl Palette {
    /// Returns the colours in a row, as a file has them.
    pub(super) fn bytes(&self) -> Vec<u8> {
        self.colors.concat()
    }

    /// Returns the index of each pixel.
    pub(super) fn indices(&self, pixels: &[Pixel]) -> Vec<u8> {
        pixels.iter().map(|pixel| *self.indices.get(pixel).expect("every pixel was counted")).collect()
    }
}

/// Colours that are shown as one colour.
struct ColorBox {
    colors: Vec<(Pixel, u64)>,
    representative: Pixel,
    /// Sum of squared distances from the representative over all pixels.
    error: u64,
}

impl ColorBox {
    fn new(colors: Vec<(Pixel, u64)>) -> Self {
        let most = colors.iter().max_by_key(|(color, count)| (*count, Reverse(*color)));
        let representative = most.map_or([0; 3], |(color, _)| *color);
        let error = colors.iter().map(|(color, count)| distance(*color, representative) * count).sum();
        Self { colors, representative, error }
    }

    /// Divides at the mean of the channel with the largest variance, by number of pixels.
    fn cut(mut self) -> (Self, Self) {
        let spread = |channel: usize| {
            let channels = self.colors.iter().map(|(color, _)| color[channel]);
            channels.clone().max().unwrap_or(0) - channels.min().unwrap_or(0)
        };
        let channel = (0..3).max_by_key(|&channel| (spread(channel), Reverse(channel))).unwrap_or(0);
        self.colors.sort_by_key(|(color, _)| (color[channel], *color));
        let count: u64 = self.colors.iter().map(|(_, count)| count).sum();
        let sum: u64 = self.colors.iter().map(|(color, count)| u64::from(color[channel]) * count).sum();
        // A box that is cut has two colours or more, so each side gets one.
        let at = self.colors.partition_point(|(color, _)| u64::from(color[channel]) * count <= sum);
        let high = self.colors.split_off(at.clamp(1, self.colors.len() - 1));
        (Self::new(self.colors), Self::new(high))
    }
}

fn distance(a: Pixel, b: Pixel) -> u64 {
    a.iter().zip(b).map(|(a, b)| u64::from(a.abs_diff(b)).pow(2)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn palette(pixels: &[Pixel]) -> Palette {
        let mut histogram = Histogram::default();
        histogram.add(pixels);
        histogram.palette()
    }

    #[test]
    fn up_to_256_colours_are_kept_exactly() {
        let pixels: Vec<Pixel> = (0..=255).map(|value| [value, 255 - value, value / 2]).collect();
        let palette = palette(&pixels);
        assert_eq!(palette.colors.len(), 256);
        let shown: Vec<Pixel> =
            palette.indices(&pixels).iter().map(|index| palette.colors[usize::from(*index)]).collect();
        assert_eq!(shown, pixels);
    }

    #[test]
    fn of_more_colours_the_flat_ones_stay_and_the_others_move_a_little() {
        let (white, red) = ([255; 3], [204, 85, 68]);
        let mut pixels = [[white; 5_000], [red; 5_000]].concat();
        // 1,000 blends, each once: 10 × 10 × 10 on a grid of steps of 25.
        pixels.extend((0..1_000_u32).map(|n| [n % 10, n / 10 % 10, n / 100].map(|step| 25 * step as u8)));
        let palette = palette(&pixels);
        assert_eq!(palette.colors.len(), 256);
        assert!(palette.colors.contains(&white) && palette.colors.contains(&red));
        let shown = palette.indices(&pixels);
        let worst = pixels.iter().zip(shown).map(|(pixel, index)| distance(*pixel, palette.colors[usize::from(index)]));
        // Four colours of the grid share a box, so none is further than two steps of the grid in each channel.
        let worst = worst.max().unwrap();
        assert!(worst <= 3 * 50 * 50, "{worst}");
    }

    #[test]
    fn of_two_colours_that_must_share_the_frequent_one_is_shown() {
        // 255 greys, black and nearly black: one more than there is room for, and no other two are as close as those.
        let (black, nearly) = ([0; 3], [0, 0, 1]);
        let mut pixels: Vec<Pixel> = (1..=255).map(|grey| [grey; 3]).collect();
        pixels.extend([[black; 10].as_slice(), &[nearly]].concat());
        let palette = palette(&pixels);
        let shown = palette.indices(&pixels).into_iter().map(|index| palette.colors[usize::from(index)]);
        let moved: Vec<_> = pixels.iter().copied().zip(shown).filter(|(pixel, shown)| pixel != shown).collect();
        assert_eq!(moved, [(nearly, black)]);
    }
}
