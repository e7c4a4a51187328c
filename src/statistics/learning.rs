//! Measures of a learning curve: points of environment steps and score, with ascending steps.

/// Returns the last score; `None` without points.
pub fn final_score(curve: &[(usize, f64)]) -> Option<f64> {
    curve.last().map(|&(_, score)| score)
}

/// Returns the mean height of the curve between its first and its last point; `None` without points.
///
/// It is the area under the straight lines through the points, divided by their range of steps, so it has the unit of a score. It is higher for an early
/// learner than for a late one with the same final score. For a single point it is the score.
///
/// # Examples
///
/// ```
/// use actor_critic::statistics::area_under_curve;
///
/// // (0 + 10)/2 over 100 steps, then 10 over 300.
/// assert_eq!(area_under_curve(&[(100, 0.0), (200, 10.0), (500, 10.0)]), Some(8.75));
/// ```
pub fn area_under_curve(curve: &[(usize, f64)]) -> Option<f64> {
    let (&(first, score), &(last, _)) = (curve.first()?, curve.last()?);
    if first == last {
        return Some(score);
    }
    let pieces = curve.windows(2).map(|ends| (ends[1].0 - ends[0].0) as f64 * (ends[0].1 + ends[1].1) / 2.0);
    Some(pieces.sum::<f64>() / (last - first) as f64)
}

/// Returns the first step from which on the score stays at or above `threshold`; `None` if the last score is below.
///
/// A curve that reaches the threshold and falls below it again does not count.
///
/// # Examples
///
/// ```
/// use actor_critic::statistics::first_step_at;
///
/// let curve = [(100, -900.0), (200, -180.0), (300, -400.0), (400, -200.0), (500, -150.0)];
/// assert_eq!(first_step_at(&curve, -200.0), Some(400));
/// assert_eq!(first_step_at(&curve, -140.0), None);
/// ```
pub fn first_step_at(curve: &[(usize, f64)], threshold: f64) -> Option<usize> {
    curve.iter().rev().take_while(|(_, score)| *score >= threshold).last().map(|&(step, _)| step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_points_have_no_measures() {
        assert_eq!((final_score(&[]), area_under_curve(&[]), first_step_at(&[], 0.0)), (None, None, None));
    }

    #[test]
    fn a_single_point_is_its_own_area() {
        assert_eq!(area_under_curve(&[(7, -3.0)]), Some(-3.0));
    }

    #[test]
    fn unequal_steps_weigh_by_their_length() {
        // 0 for 10 steps, then from 0 to 4 in 30: 2 on average. 60 of 40 steps.
        assert_eq!(area_under_curve(&[(0, 0.0), (10, 0.0), (40, 4.0)]), Some(1.5));
    }

    #[test]
    fn a_run_that_is_good_from_the_start_arrives_at_its_first_step() {
        let curve = [(5, 1.0), (6, 1.0)];
        assert_eq!(first_step_at(&curve, 1.0), Some(5));
        assert_eq!(final_score(&curve), Some(1.0));
        assert_eq!(first_step_at(&curve, f64::NAN), None);
    }
}
