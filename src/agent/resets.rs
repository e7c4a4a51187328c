//! Resets of networks to new initial weights.

use rand::rngs::ChaCha8Rng;

use crate::config::ConfigError;
use crate::nn::{Actor, Critic, Ensemble};

/// Returns networks of the same shapes with new initial weights, drawn first for the actor, then for each critic.
pub(super) fn reinitialized<A: Actor, C: Critic>(
    actor: &A,
    critics: &Ensemble<C>,
    rng: &mut ChaCha8Rng,
) -> Result<(A, Ensemble<C>), ConfigError> {
    let actor = actor.reinitialized(rng).ok_or(ConfigError::NotReinitializable { network: "actor" })?;
    let critics = critics.critics.iter().map(|critic| critic.reinitialized(rng)).collect::<Option<_>>();
    let critics = critics.ok_or(ConfigError::NotReinitializable { network: "critic" })?;
    Ok((actor, Ensemble::new(critics)?))
}
