//! Adam, and steps of target networks.

use super::per_instruction_set;
use crate::fused::AdamStep;
use crate::space::MAX_MAGNITUDE;

/// A hundred times the smallest normal number: one step of decay does not lead below that.
const NEGLIGIBLE: f32 = 100.0 * f32::MIN_POSITIVE;

per_instruction_set! {
    /// Takes a step of Adam in place: `m ← β₁ m + (1 − β₁) g`, `v ← β₂ v + (1 − β₂) g²`,
    /// `θ ← (1 − η λ) θ − η m / (√v + ε)`.
    ///
    /// The gradient of a dead unit is always 0, and its moments m and v decay until they are subnormal numbers, with
    /// which a processor is a hundred times slower. This function sets them to 0 before that.
    ///
    /// Clears `in_range` if a gradient or a parameter is not finite or larger than [`MAX_MAGNITUDE`]. Such a gradient
    /// moves no parameter.
    pub(crate) fn adam(
        parameters: &mut [f32],
        gradient: &[f32],
        first: &mut [f32],
        second: &mut [f32],
        step: AdamStep,
        in_range: &mut bool,
    ) = adam_body
}

#[inline(always)]
fn adam_body<const FMA: bool, const MR: usize, const NR: usize>(
    parameters: &mut [f32],
    gradient: &[f32],
    first: &mut [f32],
    second: &mut [f32],
    step: AdamStep,
    in_range: &mut bool,
) {
    let AdamStep { beta_1, beta_2, step_size, epsilon, keep } = step;
    let (keep_1, take_1) = (beta_1 as f32, (1.0 - beta_1) as f32);
    let (keep_2, take_2) = (beta_2 as f32, (1.0 - beta_2) as f32);
    let (step_size, epsilon, keep) = (step_size as f32, epsilon as f32, keep as f32);
    let n = parameters.len();
    let (gradient, first, second) = (&gradient[..n], &mut first[..n], &mut second[..n]);
    let mut all_in_range = true;
    for i in 0..n {
        let g = gradient[i];
        let m = first[i] * keep_1 + g * take_1;
        let v = second[i] * keep_2 + g * g * take_2;
        let dead = m.abs() < NEGLIGIBLE;
        let m = if dead { 0.0 } else { m };
        // Only if m is 0 too: otherwise even a tiny v keeps the step from becoming huge.
        let v = if dead & (v < NEGLIGIBLE) { 0.0 } else { v };
        first[i] = m;
        second[i] = v;
        let before = parameters[i];
        // False for NaN. There is no branch, so it costs almost nothing.
        let in_range = g.abs() <= MAX_MAGNITUDE;
        let theta = if in_range { before * keep - m / (v.sqrt() + epsilon) * step_size } else { before };
        parameters[i] = theta;
        all_in_range &= in_range & (theta.abs() <= MAX_MAGNITUDE);
    }
    *in_range &= all_in_range;
}

per_instruction_set! {
    /// Moves `target` in place: `θ′ ← (1 − τ) θ′ + τ θ`.
    pub(crate) fn blend(target: &mut [f32], source: &[f32], tau: f64) = blend_body
}

#[inline(always)]
fn blend_body<const FMA: bool, const MR: usize, const NR: usize>(target: &mut [f32], source: &[f32], tau: f64) {
    assert_eq!(target.len(), source.len(), "target and source have one shape");
    let (keep, take) = ((1.0 - tau) as f32, tau as f32);
    for (target, &source) in target.iter_mut().zip(source) {
        *target = *target * keep + source * take;
    }
}
