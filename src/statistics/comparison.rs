//! Comparison of two algorithms.

use rand::RngExt;

use super::StatisticsError;
use super::error::check_scores;
use crate::rng::{Seed, Stream};

/// Most arrangements of two groups that [`permutation_test`] enumerates.
const MAX_ARRANGEMENTS: u64 = 20_000;

/// Random arrangements that [`permutation_test`] draws if there are more.
const RANDOM_ARRANGEMENTS: u64 = 19_999;

/// Returns the probability that a run of the first algorithm scores higher than one of the second; a tie counts half.
///
/// ```text
/// P(X > Y) = 1/(n m) Σᵢ Σⱼ [xᵢ > yⱼ] + ½ [xᵢ = yⱼ]
/// ```
///
/// It is the Mann-Whitney statistic U divided by n m. ½ means that neither is better. It needs no common scale, so over
/// several tasks it is the mean of the tasks' probabilities. NaN if a side is empty or has a NaN.
///
/// # Examples
///
/// ```
/// use actor_critic::statistics::probability_of_improvement;
///
/// assert_eq!(probability_of_improvement(&[1.0, 3.0], &[2.0, 1.0]), 0.625); // (½ + 2) of 4
/// ```
///
/// # References
///
/// - R. Agarwal et al. (2021). *Deep Reinforcement Learning at the Edge of the Statistical Precipice*, section 4.3.
///   arXiv:2108.13264.
/// - H. B. Mann and D. R. Whitney (1947). *On a Test of Whether one of Two Random Variables is Stochastically Larger than the
///   Other*. The Annals of Mathematical Statistics 18(1).
pub fn probability_of_improvement(first: &[f64], second: &[f64]) -> f64 {
    if first.iter().chain(second).any(|score| score.is_nan()) {
        return f64::NAN;
    }
    let pairs = first.iter().flat_map(|x| second.iter().map(move |y| (x, y)));
    // In halves, which are counted without rounding.
    let halves: u64 = pairs.map(|(x, y)| u64::from(x > y) + u64::from(x >= y)).sum();
    halves as f64 / (2 * first.len() * second.len()) as f64
}

/// The result of a [`permutation_test`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PermutationTest {
    /// Probability of a difference at least this large, in either direction, if both sides were the same.
    pub p_value: f64,
    /// Number of arrangements that were counted.
    pub arrangements: u64,
    /// Whether these were all arrangements, so that no random number was drawn.
    pub is_exact: bool,
}

/// Tests, two-sided, whether two groups of runs have the same mean, by rearranging the runs.
///
/// If the algorithm of a run makes no difference, every arrangement of the n + m scores into n and m is as likely
/// as the observed one. The test counts the arrangements whose means differ at least as much. Up to 20,000 arrangements, which
/// is eight runs against eight, it enumerates all of them, and the p-value is their share. Beyond that it draws m = 19,999 at random,
/// and with b of them the p-value is (b + 1)/(m + 1), which is never 0.
///
/// With n and m runs no p-value can be below 1/C(n + m, n): three against three cannot be below 0.1, two-sided. If you compare
/// many pairs, some p-values are small by chance; correct for it.
///
/// # Errors
///
/// - [`StatisticsError::EmptySide`] if a side has no run
/// - [`StatisticsError::Score`] for a score that is not finite; its task is the side, 0 or 1
///
/// # Examples
///
/// ```
/// use actor_critic::rng::Seed;
/// use actor_critic::statistics::permutation_test;
///
/// // Of C(4, 2) = 6 arrangements, {1, 2} against {5, 6} and its mirror image differ by 4.
/// let test = permutation_test(&[1.0, 2.0], &[5.0, 6.0], Seed(0))?;
/// assert_eq!((test.p_value, test.arrangements, test.is_exact), (2.0 / 6.0, 6, true));
/// # Ok::<(), actor_critic::statistics::StatisticsError>(())
/// ```
///
/// # References
///
/// - E. J. G. Pitman (1937). *Significance Tests Which May be Applied to Samples From any Populations*. Supplement to the Journal
///   of the Royal Statistical Society 4(1).
/// - B. Phipson and G. K. Smyth (2010). *Permutation P-values Should Never Be Zero*. arXiv:1603.05766.
pub fn permutation_test(first: &[f64], second: &[f64], seed: Seed) -> Result<PermutationTest, StatisticsError> {
    permute(first, second, seed, MAX_ARRANGEMENTS)
}

/// As [`permutation_test`], exact up to a number of arrangements.
fn permute(
    first: &[f64],
    second: &[f64],
    seed: Seed,
    max_arrangements: u64,
) -> Result<PermutationTest, StatisticsError> {
    if first.is_empty() || second.is_empty() {
        return Err(StatisticsError::EmptySide { first: first.len(), second: second.len() });
    }
    check_scores(&[first.to_vec(), second.to_vec()])?;
    let mut scores = [first, second].concat();
    let chosen = first.len();
    let difference = |scores: &[f64], chosen: &[usize]| {
        let mut of_first = 0.0;
        chosen.iter().for_each(|&run| of_first += scores[run]);
        let mut rest = 0.0;
        let mut next = chosen.iter().peekable();
        for (run, score) in scores.iter().enumerate() {
            if next.next_if(|&&chosen| chosen == run).is_none() {
                rest += score;
            }
        }
        (of_first / chosen.len() as f64 - rest / (scores.len() - chosen.len()) as f64).abs()
    };
    let mut arrangement: Vec<usize> = (0..chosen).collect();
    let largest = scores.iter().fold(0.0_f64, |largest, score| largest.max(score.abs()));
    // Sums in another order round differently; an equal difference must not count as a smaller one.
    let rounding = 4.0 * scores.len() as f64 * f64::EPSILON * largest;
    let observed = difference(&scores, &arrangement) - rounding;

    if let Some(arrangements) = binomial(scores.len(), chosen).filter(|count| *count <= max_arrangements) {
        let mut extreme = 0_u64;
        loop {
            extreme += u64::from(difference(&scores, &arrangement) >= observed);
            if !advance(&mut arrangement, scores.len()) {
                break;
            }
        }
        return Ok(PermutationTest { p_value: extreme as f64 / arrangements as f64, arrangements, is_exact: true });
    }
    let mut rng = seed.stream(Stream::Resampling);
    let mut extreme = 0_u64;
    for _ in 0..RANDOM_ARRANGEMENTS {
        // The first steps of a Fisher-Yates shuffle: what comes first is a uniform choice.
        for run in 0..chosen {
            let other = rng.random_range(run..scores.len());
            scores.swap(run, other);
        }
        extreme += u64::from(difference(&scores, &arrangement) >= observed);
    }
    let p_value = (extreme + 1) as f64 / (RANDOM_ARRANGEMENTS + 1) as f64;
    Ok(PermutationTest { p_value, arrangements: RANDOM_ARRANGEMENTS, is_exact: false })
}

/// Returns C(n, k), unless it overflows 64 bits.
fn binomial(n: usize, k: usize) -> Option<u64> {
    let k = k.min(n - k) as u64;
    // Each product of i consecutive factors is divisible by i!.
    (1..=k).try_fold(1_u64, |count, i| Some(count.checked_mul(n as u64 - k + i)? / i))
}

/// Advances to the next ascending choice from `0..n` in lexical order; returns whether there is one.
fn advance(choice: &mut [usize], n: usize) -> bool {
    let k = choice.len();
    let Some(at) = (0..k).rev().find(|&at| choice[at] < n - k + at) else { return false };
    choice[at] += 1;
    for next in at + 1..k {
        choice[next] = choice[next - 1] + 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use rand_distr::{Distribution, StandardNormal};

    use super::*;

    #[test]
    fn a_tie_counts_half_and_the_two_sides_add_up_to_one() {
        assert_eq!(probability_of_improvement(&[2.0], &[2.0]), 0.5);
        assert_eq!(probability_of_improvement(&[3.0, 4.0], &[1.0]), 1.0);
        // 1 beats nothing, 2 ties with 2, 5 beats 2 and 4: 2½ of 6.
        let (x, y) = ([1.0, 2.0, 5.0], [2.0, 4.0]);
        assert_eq!(probability_of_improvement(&x, &y), 2.5 / 6.0);
        assert_eq!(probability_of_improvement(&x, &y) + probability_of_improvement(&y, &x), 1.0);
    }

    #[test]
    fn a_side_without_runs_or_with_a_nan_has_no_probability() {
        assert!(probability_of_improvement(&[], &[1.0]).is_nan());
        assert!(probability_of_improvement(&[1.0], &[f64::NAN]).is_nan());
    }

    #[test]
    fn every_choice_is_gone_through_once() {
        let mut choice = vec![0, 1];
        let mut seen = vec![choice.clone()];
        while advance(&mut choice, 4) {
            seen.push(choice.clone());
        }
        assert_eq!(seen, [[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]]);
        assert_eq!([binomial(4, 2), binomial(16, 8), binomial(18, 9)], [Some(6), Some(12_870), Some(48_620)]);
        assert_eq!([binomial(5, 0), binomial(5, 5), binomial(200, 100)], [Some(1), Some(1), None]);
    }

    #[test]
    fn three_against_three_that_do_not_overlap_have_a_p_value_of_a_tenth() {
        // Of C(6, 3) = 20 arrangements, the one that was seen and its mirror image.
        let test = permutation_test(&[1.0, 2.0, 3.0], &[7.0, 8.0, 9.0], Seed(0)).unwrap();
        assert_eq!(test, PermutationTest { p_value: 0.1, arrangements: 20, is_exact: true });
    }

    #[test]
    fn equal_scores_have_a_p_value_of_one_whatever_the_rounding() {
        let scores = [0.1, 0.2, 0.3, 0.7];
        assert_eq!(permutation_test(&scores, &scores, Seed(0)).unwrap().p_value, 1.0);
    }

    #[test]
    fn differences_that_are_equal_but_for_rounding_are_equal() {
        // {0.1, 0.7} against {0.3, 0.5}: no difference at all, so each of the six arrangements differs as much.
        assert_eq!(permutation_test(&[0.1, 0.7], &[0.3, 0.5], Seed(0)).unwrap().p_value, 1.0);
        // {0.1, 0.3} against {0.6, 0.8} differs by ½, and so does its mirror image.
        assert_eq!(permutation_test(&[0.1, 0.3], &[0.6, 0.8], Seed(0)).unwrap().p_value, 2.0 / 6.0);
    }

    #[test]
    fn one_run_against_many_is_compared_with_each() {
        // Left out alone, 10 differs by 8 from the mean of 1, 2, 3; 1 by 4, 2 by 2⅔, 3 by 1⅓: one of four.
        assert_eq!(permutation_test(&[10.0], &[1.0, 2.0, 3.0], Seed(0)).unwrap().p_value, 0.25);
    }

    #[test]
    fn many_runs_are_dealt_out_at_random_and_the_p_value_is_never_zero() {
        let low: Vec<f64> = (0..10).map(f64::from).collect();
        let high: Vec<f64> = (100..110).map(f64::from).collect();
        let test = permutation_test(&low, &high, Seed(0)).unwrap();
        assert_eq!(test, PermutationTest { p_value: 1.0 / 20_000.0, arrangements: 19_999, is_exact: false });
    }

    #[test]
    fn drawing_comes_close_to_going_through_all() {
        let x: Vec<f64> = (0..9).map(f64::from).collect();
        let y: Vec<f64> = x.iter().map(|score| score + 2.0).collect();
        let exact = permute(&x, &y, Seed(0), 48_620).unwrap(); // C(18, 9)
        let drawn = permutation_test(&x, &y, Seed(0)).unwrap();
        assert_eq!((exact.is_exact, exact.arrangements, drawn.is_exact), (true, 48_620, false));
        let error = (exact.p_value * (1.0 - exact.p_value) / RANDOM_ARRANGEMENTS as f64).sqrt();
        assert!(drawn.p_value != exact.p_value && (drawn.p_value - exact.p_value).abs() < 3.0 * error);
        assert_ne!(drawn.p_value, permutation_test(&x, &y, Seed(1)).unwrap().p_value);
    }

    #[test]
    fn groups_of_the_same_kind_rarely_differ() {
        // A test at 0.1 rejects at most a tenth of 300 pairs from one distribution; two standard errors are 3.5 %.
        let mut rng = Seed(1).stream(Stream::Exploration);
        let mut draw = || (0..5).map(|_| StandardNormal.sample(&mut rng)).collect::<Vec<f64>>();
        let rejected = (0..300).filter(|_| permutation_test(&draw(), &draw(), Seed(0)).unwrap().p_value <= 0.1).count();
        assert!((14..=41).contains(&rejected), "{rejected}");
    }

    #[test]
    fn an_empty_side_and_an_infinite_score_are_errors() {
        let message = |x: &[f64], y: &[f64]| permutation_test(x, y, Seed(0)).unwrap_err().to_string();
        assert_eq!(message(&[], &[1.0]), "a comparison needs at least 1 run on either side, got 0 and 1");
        assert_eq!(
            message(&[1.0], &[2.0, f64::INFINITY]),
            "score 1 of task 1 must be finite and at most 1e300 in magnitude, got inf"
        );
    }
}
