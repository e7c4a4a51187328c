//! Uploads from host memory to the device.

use burn::tensor::{Device, Tensor, TensorData};

/// Uploads a row-major `[rows, columns]` matrix.
pub(crate) fn upload(values: Vec<f32>, shape: [usize; 2], device: &Device) -> Tensor<2> {
    Tensor::from_data(TensorData::new(values, shape), device)
}
