//! Tests of updates that read intermediate results, which are not public.

use crate::matrix::Matrix;
use crate::replay::{Batch, Transition};

mod forms;
mod gradient_flow;
mod parity;
mod parity_parts;
mod parity_tqc;
mod resets;
mod weighted_batches;

/// Reads a matrix, row by row.
fn read(matrix: Matrix) -> Vec<f64> {
    matrix.into_values().unwrap().iter().map(|&x| f64::from(x)).collect()
}

/// Makes a batch from columns, one row for each transition.
fn batch_of(columns: &[Vec<f32>; 5], discount: f64) -> Batch {
    let [observations, actions, rewards, next_observations, terminated] = columns;
    let n = rewards.len();
    let row = |values: &'static str, all: &[f32], i: usize| {
        assert_eq!(all.len() % n, 0, "{values}");
        all[i * all.len() / n..(i + 1) * all.len() / n].to_vec()
    };
    let rows: Vec<[Vec<f32>; 3]> = (0..n)
        .map(|i| {
            [
                row("observations", observations, i),
                row("actions", actions, i),
                row("next observations", next_observations, i),
            ]
        })
        .collect();
    let transitions: Vec<_> = (rows.iter().zip(rewards.iter().zip(terminated)))
        .map(|([observation, action, next_observation], (&reward, &terminated))| Transition {
            observation,
            action,
            reward,
            next_observation,
            terminated: terminated != 0.0,
        })
        .collect();
    Batch::new(&transitions, discount).unwrap()
}
