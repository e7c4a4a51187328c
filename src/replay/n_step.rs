//! Returns of several steps.

/// A transition that was followed for several steps.
pub(super) struct Outlook {
    /// `r_t + γ r_{t+1} + … + γ^{m−1} r_{t+m−1}`.
    pub(super) reward: f32,
    /// γ^m.
    pub(super) discount: f32,
    /// Row of the last of these steps.
    pub(super) last_row: usize,
}

/// Follows the transition in `row` for up to `steps` steps with a discount γ.
///
/// `reward_of` returns the reward of a row, `following` the next row of the same episode.
pub(super) fn look_ahead(
    row: usize,
    steps: usize,
    discount: f64,
    reward_of: impl Fn(usize) -> f32,
    following: impl Fn(usize) -> Option<usize>,
) -> Outlook {
    let mut last_row = row;
    let (mut reward, mut power) = (f64::from(reward_of(row)), discount);
    for _ in 1..steps {
        // The episode has ended, by termination or otherwise, or has come no further.
        let Some(next) = following(last_row) else { break };
        last_row = next;
        reward += power * f64::from(reward_of(next));
        power *= discount;
    }
    Outlook { reward: reward as f32, discount: power as f32, last_row }
}
