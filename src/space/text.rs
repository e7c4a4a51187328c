//! Numbers, vectors and spaces in messages: short, with the axis that matters.

use std::fmt;

use super::BoxSpace;

/// Longest vector that a message shows completely.
const LONGEST: usize = 6;

/// Writes a number with all its digits, with an exponent if most of them would be zeros: at most 17 characters.
pub(crate) fn number(value: f32) -> impl fmt::Display {
    fmt::from_fn(move |f| match value.abs() {
        magnitude if magnitude != 0.0 && !(1e-4..1e9).contains(&magnitude) && value.is_finite() => {
            write!(f, "{value:e}")
        }
        _ => write!(f, "{value}"),
    })
}

/// Writes an interval, `[-2, 2]`.
pub(crate) fn interval(low: f32, high: f32) -> String {
    format!("[{}, {}]", number(low), number(high))
}

/// Writes a count with its noun: `1 axis`, `2 axes`.
pub(crate) fn count(n: usize, one: &'static str, several: &'static str) -> impl fmt::Display {
    fmt::from_fn(move |f| write!(f, "{n} {}", if n == 1 { one } else { several }))
}

/// Writes a short vector completely, and of a long one its length and the first component that is not finite, or else the first.
pub(crate) fn abbreviated(values: &[f32]) -> String {
    if values.len() <= LONGEST {
        let numbers: Vec<String> = values.iter().map(|&value| number(value).to_string()).collect();
        return format!("[{}]", numbers.join(", "));
    }
    let axis = values.iter().position(|value| !value.is_finite()).unwrap_or(0);
    format!("[{} on axis {axis} of {}]", number(values[axis]), values.len())
}

/// The first difference of two vectors or spaces.
#[derive(Debug, PartialEq)]
pub(crate) struct Difference {
    /// The axis, or `None` if the numbers of axes differ.
    pub axis: Option<usize>,
    /// The value of the first one.
    pub first: String,
    /// The value of the second one.
    pub second: String,
    /// Number of other axes that differ.
    pub others: usize,
}

/// Shows the difference, `5 instead of 4 on axis 2`.
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} instead of {}", self.first, self.second)?;
        if let Some(axis) = self.axis {
            write!(f, " on axis {axis}")?;
        }
        write!(f, "{}", self.remark())
    }
}

impl Difference {
    /// Writes how many other axes differ; empty if none does.
    pub(crate) fn remark(&self) -> impl fmt::Display {
        let others = self.others;
        fmt::from_fn(move |f| match others {
            0 => Ok(()),
            1 => write!(f, ", and another axis differs"),
            n => write!(f, ", and {n} more axes differ"),
        })
    }

    /// Compares two lists of axes by the text of each axis.
    pub(crate) fn between<T: PartialEq>(first: &[T], second: &[T], text: impl Fn(&T) -> String) -> Option<Self> {
        if first.len() != second.len() {
            let axes = |n| count(n, "axis", "axes").to_string();
            return Some(Self { axis: None, first: axes(first.len()), second: axes(second.len()), others: 0 });
        }
        let mut differing = (0..first.len()).filter(|&axis| first[axis] != second[axis]);
        let axis = differing.next()?;
        let (here, there) = (text(&first[axis]), text(&second[axis]));
        Some(Self { axis: Some(axis), first: here, second: there, others: differing.count() })
    }
}

/// Compares two vectors bit for bit.
pub(crate) fn first_difference(first: &[f32], second: &[f32]) -> Option<Difference> {
    let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    // All digits: two numbers may differ in the last one.
    Difference::between(&bits(first), &bits(second), |&bits| number(f32::from_bits(bits)).to_string())
}

impl BoxSpace {
    /// Compares with another space.
    pub(crate) fn difference(&self, other: &Self) -> Option<Difference> {
        let axes = |space: &Self| space.low.iter().copied().zip(space.high.iter().copied()).collect::<Vec<_>>();
        Difference::between(&axes(self), &axes(other), |&(low, high)| interval(low, high))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_read_back_the_same() {
        let cases = [
            (0.0, "0"),
            (-0.0, "-0"),
            (0.1, "0.1"),
            (1e6, "1000000"),
            (1e30, "1e30"),
            (f32::MAX, "3.4028235e38"),
            (-1e-45, "-1e-45"),
            (f32::NAN, "NaN"),
            (f32::NEG_INFINITY, "-inf"),
        ];
        for (value, text) in cases {
            assert_eq!(number(value).to_string(), text);
        }
    }

    #[test]
    fn a_long_vector_is_shown_by_one_component() {
        assert_eq!(abbreviated(&[0.5, f32::NAN]), "[0.5, NaN]");
        assert_eq!(abbreviated(&[0.5; 400]), "[0.5 on axis 0 of 400]");
        let mut values = vec![0.5; 400];
        values[317] = f32::INFINITY;
        assert_eq!(abbreviated(&values), "[inf on axis 317 of 400]");
    }

    #[test]
    fn a_difference_names_the_first_axis_and_counts_the_others() {
        let text = |a: &[f32], b: &[f32]| first_difference(a, b).map(|difference| difference.to_string());
        assert_eq!(text(&[1.0, 2.0], &[1.0, 2.0]), None);
        assert_eq!(text(&[1.0, 2.0], &[1.0, 3.0]).unwrap(), "2 instead of 3 on axis 1");
        assert_eq!(text(&[0.0], &[-0.0]).unwrap(), "0 instead of -0 on axis 0");
        assert_eq!(text(&[1.0, 2.0], &[0.0, 3.0]).unwrap(), "1 instead of 0 on axis 0, and another axis differs");
        assert_eq!(text(&[1.0; 9], &[0.0; 9]).unwrap(), "1 instead of 0 on axis 0, and 8 more axes differ");
        assert_eq!(text(&[1.0], &[1.0, 2.0]).unwrap(), "1 axis instead of 2 axes");
        let space = |bound| BoxSpace::symmetric(bound, 2).unwrap();
        let difference = space(1.0).difference(&space(2.0)).unwrap();
        assert_eq!(difference.to_string(), "[-1, 1] instead of [-2, 2] on axis 0, and another axis differs");
    }

    proptest::proptest! {
        #[test]
        fn a_number_is_short_and_reads_back_to_the_bit(bits: u32) {
            let value = f32::from_bits(bits);
            let text = number(value).to_string();
            proptest::prop_assert!(text.len() <= 17, "{}", text);
            proptest::prop_assert!(value.is_nan() || text.parse::<f32>().unwrap().to_bits() == bits, "{}", text);
        }
    }
}
