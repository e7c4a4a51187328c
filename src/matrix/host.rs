//! A matrix in host memory.

use std::cmp::Ordering;

use super::Buffer;

/// A dense matrix, row by row.
#[derive(Debug, Clone)]
pub(crate) struct HostMatrix {
    values: Buffer,
    columns: usize,
}

impl HostMatrix {
    /// Takes rows of so many columns, at least one.
    pub(crate) fn new(values: Buffer, columns: usize) -> Self {
        debug_assert!(values.len().is_multiple_of(columns), "whole rows");
        Self { values, columns }
    }

    pub(crate) fn dims(&self) -> [usize; 2] {
        [self.values.len() / self.columns, self.columns]
    }

    pub(crate) fn values(&self) -> &[f32] {
        &self.values
    }

    pub(super) fn into_values(self) -> Buffer {
        self.values
    }

    pub(crate) fn map(mut self, f: impl Fn(f32) -> f32) -> Self {
        self.values.iter_mut().for_each(|x| *x = f(*x));
        self
    }

    pub(crate) fn zip(mut self, other: &Self, f: impl Fn(f32, f32) -> f32) -> Self {
        let ([rows, columns], [other_rows, other_columns]) = (self.dims(), other.dims());
        assert!(
            rows == other_rows && (columns == other_columns || other_columns == 1),
            "a matrix of {other_rows} rows and {other_columns} columns does not fit one of {rows} and {columns}"
        );
        if columns == other_columns {
            self.values.iter_mut().zip(&*other.values).for_each(|(a, &b)| *a = f(*a, b));
        } else {
            for (row, &b) in self.values.chunks_exact_mut(columns).zip(&*other.values) {
                row.iter_mut().for_each(|a| *a = f(*a, b));
            }
        }
        self
    }

    /// Computed in double precision, so the order of the sum does not matter to the last digit in single precision.
    pub(super) fn mean(&self) -> f64 {
        self.values.iter().map(|&x| f64::from(x)).sum::<f64>() / self.values.len() as f64
    }

    pub(super) fn row_means(self) -> Self {
        let columns = self.columns as f32;
        self.by_row(|row| row.iter().sum::<f32>() / columns)
    }

    pub(super) fn row_minima(self) -> Self {
        self.by_row(|row| row[smallest(row)])
    }

    pub(super) fn is_row_minimum(&self) -> Self {
        let mut values = Buffer::new(self.values.len());
        values.fill(0.0);
        for (to, row) in values.chunks_exact_mut(self.columns).zip(self.values.chunks_exact(self.columns)) {
            to[smallest(row)] = 1.0;
        }
        Self { values, columns: self.columns }
    }

    pub(super) fn filled_like(&self, value: f32) -> Self {
        let mut values = Buffer::new(self.values.len());
        values.fill(value);
        Self { values, columns: self.columns }
    }

    /// Returns the mean of each so many columns.
    pub(crate) fn group_means(&self, group: usize) -> Self {
        let mut values = Buffer::new(self.values.len() / group);
        for (to, group) in values.iter_mut().zip(self.values.chunks_exact(group)) {
            *to = group.iter().sum::<f32>() / group.len() as f32;
        }
        Self { values, columns: self.columns / group }
    }

    /// Returns each column so many times, one after another.
    pub(super) fn repeat_columns(&self, times: usize) -> Self {
        let mut values = Buffer::new(self.values.len() * times);
        for (to, &value) in values.chunks_exact_mut(times).zip(&*self.values) {
            to.fill(value);
        }
        Self { values, columns: self.columns * times }
    }

    /// Returns the `kept` smallest elements of each row, in no order; NaN is among them.
    pub(crate) fn smallest_of_rows(mut self, kept: usize) -> Self {
        let mut values = Buffer::new(self.values.len() / self.columns * kept);
        for (to, row) in values.chunks_exact_mut(kept).zip(self.values.chunks_exact_mut(self.columns)) {
            if kept < row.len() {
                row.select_nth_unstable_by(kept, nan_first);
            }
            to.copy_from_slice(&row[..kept]);
        }
        Self { values, columns: kept }
    }

    fn by_row(self, f: impl Fn(&[f32]) -> f32) -> Self {
        if self.columns == 1 {
            return self;
        }
        let mut values = Buffer::new(self.values.len() / self.columns);
        for (to, row) in values.iter_mut().zip(self.values.chunks_exact(self.columns)) {
            *to = f(row);
        }
        Self { values, columns: 1 }
    }
}

/// The order in which NaN comes before all numbers, so that it is not lost.
fn nan_first(a: &f32, b: &f32) -> Ordering {
    b.is_nan().cmp(&a.is_nan()).then(a.partial_cmp(b).unwrap_or(Ordering::Equal))
}

/// Returns the place of the smallest element, the first of them, or of the first NaN.
fn smallest(row: &[f32]) -> usize {
    let mut smallest = 0;
    for (i, &x) in row.iter().enumerate().skip(1) {
        if !row[smallest].is_nan() && (x < row[smallest] || x.is_nan()) {
            smallest = i;
        }
    }
    smallest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix<const N: usize>(values: [f32; N], columns: usize) -> HostMatrix {
        HostMatrix::new(Buffer::from(values.to_vec()), columns)
    }

    #[test]
    fn a_column_meets_every_column() {
        let sum = matrix([1.0, 2.0, 3.0, 4.0], 2).zip(&matrix([10.0, 20.0], 1), |a, b| a + b);
        assert_eq!(sum.values(), [11.0, 12.0, 23.0, 24.0]);
    }

    #[test]
    #[should_panic(expected = "a matrix of 1 rows and 2 columns does not fit one of 2 and 1")]
    fn a_row_does_not_broadcast() {
        let _ = matrix([1.0, 2.0], 1).zip(&matrix([1.0, 2.0], 2), |a, _| a);
    }

    #[test]
    fn the_first_of_the_smallest_counts_and_nan_is_not_lost() {
        let values = matrix([2.0, 1.0, 1.0, f32::NAN, 0.0, 5.0], 3);
        assert_eq!(values.is_row_minimum().values(), [0.0, 1.0, 0.0, 1.0, 0.0, 0.0]);
        let minima = values.clone().row_minima();
        assert!(minima.values()[0] == 1.0 && minima.values()[1].is_nan());
        let mut two = values.smallest_of_rows(2).values().to_vec();
        assert!(two[2..].iter().any(|x| x.is_nan()) && two[2..].contains(&0.0), "{two:?}");
        two.truncate(2);
        assert_eq!(two, [1.0, 1.0]);
    }

    #[test]
    fn columns_are_grouped_and_repeated() {
        let values = matrix([1.0, 3.0, 5.0, 9.0], 4);
        assert_eq!(values.group_means(2).values(), [2.0, 7.0]);
        assert_eq!(values.group_means(2).repeat_columns(2).values(), [2.0, 2.0, 7.0, 7.0]);
    }
}
