//! Several critics that learn the same thing from different initial weights.

use burn::module::Module;
use burn::tensor::Tensor;

use super::Critic;
use crate::config::{ConfigError, at_least};

/// Critics of one shape, whose smallest value is less biased upwards than any single one's[^1].
///
/// [^1]: S. Fujimoto et al. (2018). *Addressing Function Approximation Error in Actor-Critic Methods*. arXiv:1802.09477.
#[derive(Module, Debug)]
pub struct Ensemble<C: Critic> {
    /// The critics, at least one.
    pub critics: Vec<C>,
}

impl<C: Critic> Ensemble<C> {
    /// Groups critics that were initialised independently.
    ///
    /// # Errors
    ///
    /// [`ConfigError::TooSmall`] if there is none.
    pub fn new(critics: Vec<C>) -> Result<Self, ConfigError> {
        at_least("number of critics", 1, critics.len())?;
        Ok(Self { critics })
    }

    /// Creates the two critics of TD3 and SAC by calling `init` twice.
    ///
    /// # Errors
    ///
    /// Whatever `init` returns.
    pub fn twin(mut init: impl FnMut() -> Result<C, ConfigError>) -> Result<Self, ConfigError> {
        Ok(Self { critics: vec![init()?, init()?] })
    }

    /// Returns Q(o, a) of each critic.
    ///
    /// # Shapes
    ///
    /// - `observations`: `[n, O]`, `actions`: `[n, A]`; returns one `[n, 1]` a critic
    pub fn q_values(&self, observations: Tensor<2>, actions: Tensor<2>) -> Vec<Tensor<2>> {
        self.critics.iter().map(|critic| critic.q_value(observations.clone(), actions.clone())).collect()
    }
}

impl<C: Critic> Critic for Ensemble<C> {
    /// Returns the element-wise minimum over the critics.
    fn q_value(&self, observations: Tensor<2>, actions: Tensor<2>) -> Tensor<2> {
        self.q_values(observations, actions)
            .into_iter()
            .reduce(Tensor::min_pair)
            .expect("an ensemble has at least one critic")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{TensorData, Tolerance};

    /// Values an action by its distance from a goal, negated.
    #[derive(Module, Debug)]
    struct Distance {
        goal: f32,
    }

    impl Critic for Distance {
        fn q_value(&self, _: Tensor<2>, actions: Tensor<2>) -> Tensor<2> {
            -(actions - self.goal).abs()
        }
    }

    #[test]
    fn the_value_is_the_smallest_of_all_critics_row_by_row() {
        let device = crate::test_device();
        let ensemble =
            Ensemble::new(vec![Distance { goal: 0.0 }, Distance { goal: 1.0 }, Distance { goal: 0.4 }]).unwrap();
        let actions = Tensor::<2>::from_data([[0.2], [0.9]], &device);
        let q = ensemble.q_value(Tensor::zeros([2, 1], &device), actions);
        let expected = TensorData::from([[-0.8_f32], [-0.9]]);
        q.into_data().assert_approx_eq::<f32>(&expected, Tolerance::default());
    }

    #[test]
    fn an_ensemble_of_none_is_rejected() {
        let error = Ensemble::<Distance>::new(vec![]).unwrap_err();
        assert_eq!(error.to_string(), "number of critics must be at least 1, got 0");
    }
}
