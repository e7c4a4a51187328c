//! The form of a network: its parameters in one array (flat), or a burn module.

use burn::module::Module;

use crate::boundary::Boundary;
use crate::config::ConfigError;
use crate::fused::Flat;
use crate::nn::{Actor, Critic, Ensemble};

/// A network, and the same weights in flat form if the kernels can compute all of it.
pub(super) type InForm<M> = (M, Option<Flat>);

/// Moves networks to the device, checks them, and chooses their form.
pub(super) fn in_form<A: Actor, C: Critic>(
    actor: A,
    critics: Ensemble<C>,
    boundary: &Boundary,
    value_dim: usize,
) -> Result<(InForm<A>, InForm<Ensemble<C>>), ConfigError> {
    let (actor, critics) = (actor.valid().fork(boundary.device()), critics.valid().fork(boundary.device()));
    boundary.check_actor(&actor)?;
    critics.critics.iter().try_for_each(|critic| boundary.check_critic(critic, value_dim))?;
    if critics.critics.iter().any(|critic| critic.dropout() != critics.critics[0].dropout()) {
        return Err(ConfigError::UnequalDropout);
    }
    let (mut flat_actor, mut flat_critics) = (None, None);
    if boundary.place.is_host {
        flat_actor = actor.program().map(|program| Flat::policy(program, &actor));
        flat_critics = critics.programs().and_then(|programs| Flat::critics(programs, &critics));
    }
    Ok(((actor, flat_actor), (critics, flat_critics)))
}
