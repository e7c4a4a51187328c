//! The quantile Huber loss and its gradient, in one pass over all pairs of a quantile and a target.

use super::lanes::sums;
use super::per_instruction_set;

per_instruction_set! {
    /// Computes the loss of each quantile θ with level τ, over the targets y of its row, with δ = y − θ and c =
    /// clamp(δ, ±1):
    ///
    /// - `losses`: the mean over the targets of `∣τ − [δ < 0]∣ · c (δ − c/2)`
    /// - `gradient`: the mean of `−∣τ − [δ < 0]∣ · c`, the gradient with respect to θ
    ///
    /// A row has all quantiles of the first critic, then of the next. Each critic has all levels.
    pub(crate) fn quantile_huber(
        quantiles: &[f32],
        levels: &[f32],
        targets: &[f32],
        rows: usize,
        losses: &mut [f32],
        gradient: &mut [f32],
    ) = quantile_huber_body
}

#[inline(always)]
fn quantile_huber_body<const FMA: bool, const MR: usize, const NR: usize>(
    quantiles: &[f32],
    levels: &[f32],
    targets: &[f32],
    rows: usize,
    losses: &mut [f32],
    gradient: &mut [f32],
) {
    let (columns, count) = (quantiles.len() / rows, targets.len() / rows);
    assert!(columns.is_multiple_of(levels.len()), "critics have all levels");
    assert!(losses.len() == quantiles.len() && gradient.len() == quantiles.len(), "a loss for each quantile");
    let share = 1.0 / count as f32;
    for row in 0..rows {
        let targets = &targets[row * count..][..count];
        let places = row * columns..(row + 1) * columns;
        let outputs = losses[places.clone()].iter_mut().zip(&mut gradient[places.clone()]);
        for ((&theta, &level), (loss, gradient)) in quantiles[places].iter().zip(levels.iter().cycle()).zip(outputs) {
            let terms = |y: f32| {
                let delta = y - theta;
                let part = delta.clamp(-1.0, 1.0);
                let weighted = if delta < 0.0 { 1.0 - level } else { level } * part;
                [weighted, weighted * (delta - 0.5 * part)]
            };
            let [slope, value] = sums(targets, terms);
            *gradient = -share * slope;
            *loss = share * value;
        }
    }
}
