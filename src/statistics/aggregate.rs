//! Aggregates: one number for several runs.

/// Returns the mean; NaN without scores.
pub fn mean(scores: &[f64]) -> f64 {
    scores.iter().sum::<f64>() / scores.len() as f64
}

/// Returns the middle score, or the mean of the two in the middle; NaN without scores, or if one is NaN.
pub fn median(scores: &[f64]) -> f64 {
    let Some(sorted) = sorted(scores) else { return f64::NAN };
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { mean(&sorted[middle - 1..=middle]) }
}

/// Returns the mean of the middle half of the scores; NaN without scores, or if one is NaN.
///
/// Of n scores, ⌊n/4⌋ are left out at either end. So a failed run among eight changes it no more than a mediocre one, while
/// it still uses half of the runs; the median uses two. The result does not depend on the order of the scores, to the last bit.
///
/// # Examples
///
/// ```
/// use actor_critic::statistics::interquartile_mean;
///
/// assert_eq!(interquartile_mean(&[-1400.0, -150.0, -140.0, -160.0, -130.0]), -150.0); // of the middle three
/// ```
///
/// # References
///
/// R. Agarwal et al. (2021). *Deep Reinforcement Learning at the Edge of the Statistical Precipice*, section 4.3.
/// arXiv:2108.13264.
pub fn interquartile_mean(scores: &[f64]) -> f64 {
    let Some(sorted) = sorted(scores) else { return f64::NAN };
    let cut = sorted.len() / 4;
    mean(&sorted[cut..sorted.len() - cut])
}

/// Returns by how much the scores are below `gamma` on average; a score above it counts as `gamma`. Less is better.
///
/// ```text
/// γ − mean(min(score, γ))
/// ```
///
/// Use it for normalised scores, where γ = 1 is the best possible. NaN without scores, or if one is NaN.
///
/// # Examples
///
/// ```
/// use actor_critic::statistics::optimality_gap;
///
/// assert_eq!(optimality_gap(&[0.5, 1.5], 1.0), 0.25); // short by 0.5 and by nothing
/// ```
///
/// # References
///
/// R. Agarwal et al. (2021). *Deep Reinforcement Learning at the Edge of the Statistical Precipice*, section 4.3.
/// arXiv:2108.13264.
pub fn optimality_gap(scores: &[f64], gamma: f64) -> f64 {
    // `f64::min` would take γ for a NaN.
    let capped = |score: f64| if score > gamma { gamma } else { score };
    gamma - scores.iter().copied().map(capped).sum::<f64>() / scores.len() as f64
}

/// Returns the scores of all tasks as one list, for the interquartile mean and the optimality gap over tasks.
pub fn pooled(tasks: &[Vec<f64>]) -> Vec<f64> {
    tasks.concat()
}

/// Returns the mean of each task, for mean and median over tasks.
pub fn task_means(tasks: &[Vec<f64>]) -> Vec<f64> {
    tasks.iter().map(|scores| mean(scores)).collect()
}

/// Returns the scores in ascending order; `None` without scores, or if one is NaN.
fn sorted(scores: &[f64]) -> Option<Vec<f64>> {
    if scores.is_empty() || scores.iter().any(|score| score.is_nan()) {
        return None;
    }
    let mut sorted = scores.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    Some(sorted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_is_between_the_two_in_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), 2.5);
        assert_eq!(median(&[7.0]), 7.0);
    }

    #[test]
    fn the_interquartile_mean_leaves_out_a_quarter_at_either_end_rounded_down() {
        assert_eq!(interquartile_mean(&[9.0]), 9.0);
        assert_eq!(interquartile_mean(&[0.0, 4.0, 8.0]), 4.0); // ⌊3/4⌋ = 0: all three
        assert_eq!(interquartile_mean(&[100.0, 1.0, 2.0, -50.0]), 1.5); // one each
        assert_eq!(interquartile_mean(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 900.0]), 4.0); // one each: 2 to 6
        assert_eq!(interquartile_mean(&[8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0]), 4.5); // two each: 3 to 6
    }

    #[test]
    fn the_order_of_the_runs_does_not_change_a_bit_of_the_interquartile_mean() {
        let scores = [0.1, 0.2, 0.3, 0.7, 1e-3, 0.4, 0.9];
        let mut reversed = scores;
        reversed.reverse();
        assert_eq!(interquartile_mean(&scores).to_bits(), interquartile_mean(&reversed).to_bits());
    }

    #[test]
    fn a_score_above_gamma_does_not_make_up_for_one_below() {
        assert_eq!(optimality_gap(&[0.0, 2.0], 1.0), 0.5);
        assert_eq!(optimality_gap(&[1.0, 3.0], 1.0), 0.0);
        assert_eq!(optimality_gap(&[-1.0], 0.5), 1.5);
    }

    #[test]
    fn a_nan_or_no_score_at_all_gives_nan() {
        for statistic in [mean, median, interquartile_mean, |scores: &[f64]| optimality_gap(scores, 1.0)] {
            assert!(statistic(&[]).is_nan());
            assert!(statistic(&[1.0, f64::NAN, 2.0, 3.0, 4.0]).is_nan());
        }
    }

    #[test]
    fn tasks_with_unequal_numbers_of_runs_are_pooled_or_weighed_alike() {
        let tasks = [vec![1.0, 3.0], vec![6.0]];
        assert_eq!(pooled(&tasks), [1.0, 3.0, 6.0]);
        assert_eq!(task_means(&tasks), [2.0, 6.0]);
    }
}
