//! Matrices of an update: in host memory where the kernels are, tensors everywhere else.
//!
//! An algorithm is written once, in these operations. In host memory no operation allocates after the first update of the same
//! size: the memory comes from a [pool](pool::Buffer).

mod host;
pub(crate) mod pool;

use std::ops::{Add, Mul, Sub};

use burn::tensor::{Device, Tensor, TensorReadError};

pub(crate) use host::HostMatrix;
pub(crate) use pool::Buffer;

use crate::upload::upload;

/// The place of the matrices of an agent.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) device: Device,
    /// Whether the device is host memory and the kernels are compiled in.
    pub(crate) is_host: bool,
}

impl Place {
    /// Uploads rows with so many columns.
    pub(crate) fn matrix(&self, values: Buffer, columns: usize) -> Matrix {
        if self.is_host {
            return Matrix::Host(HostMatrix::new(values, columns));
        }
        let rows = values.len() / columns;
        Matrix::on_device(upload(values.into_vec(), [rows, columns], &self.device))
    }

    /// Takes a tensor off the tape.
    pub(crate) fn take(&self, tensor: Tensor<2>) -> Matrix {
        if !self.is_host {
            return Matrix::on_device(tensor.inner());
        }
        let [_, columns] = tensor.dims();
        let values = tensor.inner().try_into_vec_as().expect("host memory can be read");
        Matrix::Host(HostMatrix::new(Buffer::from(values), columns))
    }

    /// Returns a copy of a matrix as a tensor.
    pub(crate) fn tensor(&self, matrix: &Matrix) -> Tensor<2> {
        match matrix {
            Matrix::Host(matrix) => upload(matrix.values().to_vec(), matrix.dims(), &self.device),
            Matrix::Device(tensor) => (**tensor).clone(),
        }
    }
}

/// A matrix, `[rows, columns]`, off the tape.
///
/// In `a + &b` and similar operations, b is as large as a, or one column that is used for every column of a.
#[derive(Debug, Clone)]
pub(crate) enum Matrix {
    Host(HostMatrix),
    /// Boxed, so that a matrix in host memory is small.
    Device(Box<Tensor<2>>),
}

impl Matrix {
    pub(crate) fn on_device(tensor: Tensor<2>) -> Self {
        Self::Device(Box::new(tensor))
    }

    pub(crate) fn dims(&self) -> [usize; 2] {
        match self {
            Self::Host(matrix) => matrix.dims(),
            Self::Device(tensor) => tensor.dims(),
        }
    }

    /// Returns the matrix in host memory that the kernels take.
    ///
    /// # Panics
    ///
    /// Panics if it is on a device: the kernels run only if the matrices are in host memory.
    pub(crate) fn host(&self) -> &HostMatrix {
        match self {
            Self::Host(matrix) => matrix,
            Self::Device(_) => unreachable!("the kernels run where matrices are in host memory"),
        }
    }

    /// Reads the elements, row by row.
    pub(crate) fn into_values(self) -> Result<Buffer, TensorReadError> {
        match self {
            Self::Host(matrix) => Ok(matrix.into_values()),
            Self::Device(tensor) => Ok(Buffer::from(tensor.try_into_vec_as::<f32>()?)),
        }
    }

    /// Returns the mean of all elements.
    pub(crate) fn mean(&self) -> Result<f64, TensorReadError> {
        match self {
            Self::Host(matrix) => Ok(matrix.mean()),
            Self::Device(tensor) => Ok(f64::from((**tensor).clone().mean().try_into_scalar::<f32>()?)),
        }
    }

    /// Applies one of two implementations of the same function.
    fn map(self, host: impl Fn(f32) -> f32, device: impl FnOnce(Tensor<2>) -> Tensor<2>) -> Self {
        match self {
            Self::Host(matrix) => Self::Host(matrix.map(host)),
            Self::Device(tensor) => Self::on_device(device(*tensor)),
        }
    }

    /// As [`map`](Self::map), of two matrices.
    fn zip(
        self,
        other: &Self,
        host: impl Fn(f32, f32) -> f32,
        device: impl FnOnce(Tensor<2>, Tensor<2>) -> Tensor<2>,
    ) -> Self {
        match (self, other) {
            (Self::Host(left), Self::Host(right)) => Self::Host(left.zip(right, host)),
            (Self::Device(left), Self::Device(right)) => Self::on_device(device(*left, (**right).clone())),
            _ => unreachable!("the matrices of an agent are in one place"),
        }
    }

    pub(crate) fn abs(self) -> Self {
        self.map(f32::abs, Tensor::abs)
    }

    pub(crate) fn square(self) -> Self {
        self.map(|x| x * x, |x| x.square())
    }

    pub(crate) fn clamp(self, low: f64, high: f64) -> Self {
        self.map(|x| x.clamp(low as f32, high as f32), |x| x.clamp(low, high))
    }

    /// Returns the mean of each row, `[rows, 1]`.
    pub(crate) fn row_means(self) -> Self {
        match self {
            Self::Host(matrix) => Self::Host(matrix.row_means()),
            Self::Device(tensor) => Self::on_device(tensor.mean_dim(1)),
        }
    }

    /// Returns the smallest element of each row, `[rows, 1]`; NaN if there is one.
    pub(crate) fn row_minima(self) -> Self {
        match self {
            Self::Host(matrix) => Self::Host(matrix.row_minima()),
            Self::Device(tensor) => Self::on_device(tensor.min_dim(1)),
        }
    }

    /// Returns 1 where an element is the smallest of its row, the first of them if there are several, and 0 elsewhere.
    pub(crate) fn is_row_minimum(&self) -> Self {
        match self {
            Self::Host(matrix) => Self::Host(matrix.is_row_minimum()),
            Self::Device(tensor) => {
                let [_, columns] = tensor.dims();
                if columns == 1 {
                    return self.filled_like(1.0);
                }
                Self::on_device((**tensor).clone().argmin(1).squeeze_dim::<1>(1).one_hot::<2>(columns).float())
            }
        }
    }

    /// Returns each column so many times, one after another.
    pub(crate) fn repeat_columns(&self, times: usize) -> Self {
        match self {
            Self::Host(matrix) => Self::Host(matrix.repeat_columns(times)),
            Self::Device(tensor) => {
                let [rows, columns] = tensor.dims();
                let repeated = (**tensor).clone().unsqueeze_dim::<3>(2).repeat_dim(2, times);
                Self::on_device(repeated.reshape([rows, columns * times]))
            }
        }
    }

    /// Returns a matrix of the same size with one value everywhere.
    pub(crate) fn filled_like(&self, value: f64) -> Self {
        match self {
            Self::Host(matrix) => Self::Host(matrix.filled_like(value as f32)),
            Self::Device(tensor) => Self::on_device(tensor.full_like(value)),
        }
    }
}

impl Add<&Matrix> for Matrix {
    type Output = Self;

    fn add(self, other: &Matrix) -> Self {
        self.zip(other, |a, b| a + b, |a, b| a + b)
    }
}

impl Sub<&Matrix> for Matrix {
    type Output = Self;

    fn sub(self, other: &Matrix) -> Self {
        self.zip(other, |a, b| a - b, |a, b| a - b)
    }
}

impl Mul<&Matrix> for Matrix {
    type Output = Self;

    fn mul(self, other: &Matrix) -> Self {
        self.zip(other, |a, b| a * b, |a, b| a * b)
    }
}

impl Mul<f64> for Matrix {
    type Output = Self;

    fn mul(self, factor: f64) -> Self {
        self.map(|x| x * factor as f32, |x| x * factor)
    }
}
