//! Ensembles: several critics with different initial weights, and the reduction of their values to one.

use burn::config::Config;
use burn::module::Module;
use burn::tensor::Tensor;
use rand::Rng;
use rand::seq::index;

use super::Critic;
use crate::config::{ConfigError, at_least, at_most};
use crate::fused::{Members, Program};
use crate::matrix::{Matrix, Place};

/// How the values of several critics are reduced to one.
///
/// # Examples
///
/// ```
/// use actor_critic::nn::Reduction;
/// use actor_critic::prelude::*;
///
/// // REDQ: targets use the smaller of two random critics, the actor uses the mean of all.
/// let config = SacConfig::new()
///     .with_critic_count(10)
///     .with_target_reduction(Reduction::SmallestOf(2))
///     .with_actor_reduction(Reduction::Mean);
/// assert!(config.validate().is_ok());
/// ```
#[derive(Config, Debug, PartialEq, Eq)]
pub enum Reduction {
    /// The value of the first critic: TD3's actor.
    First,
    /// The minimum over the critics, which overestimates less than a single critic[^1]: targets of TD3 and SAC.
    ///
    /// [^1]: S. Fujimoto et al. (2018). *Addressing Function Approximation Error in Actor-Critic Methods*.
    /// arXiv:1802.09477.
    Minimum,
    /// The mean over the critics: REDQ's actor.
    Mean,
    /// The minimum over that many random critics, drawn again for every update: targets of REDQ[^1].
    ///
    /// [^1]: X. Chen et al. (2021). *Randomized Ensembled Double Q-Learning*. arXiv:2101.05982, Algorithm 1.
    SmallestOf(usize),
}

impl Reduction {
    /// Checks that a random subset has from 1 to `critics` members.
    pub(crate) fn check(&self, field: &'static str, critics: usize) -> Result<(), ConfigError> {
        let Self::SmallestOf(subset) = *self else { return Ok(()) };
        at_least(field, 1, subset)?;
        at_most(field, subset, "number of critics", critics)
    }

    /// Returns the critics that the reduction uses. Draws random numbers for a random subset only.
    pub(crate) fn members(&self, critics: usize, rng: &mut (impl Rng + ?Sized)) -> Members {
        match *self {
            Self::First => Members::up_to(1),
            Self::Minimum | Self::Mean => Members::up_to(critics),
            Self::SmallestOf(subset) => {
                let mut chosen = index::sample(rng, critics, subset.min(critics)).into_vec();
                chosen.sort_unstable();
                Members::only(chosen)
            }
        }
    }

    /// Reduces the values of these critics, `[n, critics]`, to one for each row, `[n, 1]`.
    pub(crate) fn reduce(&self, values: Matrix) -> Matrix {
        match self {
            Self::Mean => values.row_means(),
            Self::First | Self::Minimum | Self::SmallestOf(_) => values.row_minima(),
        }
    }

    /// Returns the gradient of the values, `[n, critics]`, if the gradient of every reduced value is `each`.
    pub(crate) fn pull_back(&self, values: &Matrix, each: f64) -> Matrix {
        match self {
            Self::Mean => values.filled_like(each / values.dims()[1] as f64),
            Self::First | Self::Minimum | Self::SmallestOf(_) => values.is_row_minimum() * each,
        }
    }
}

/// Critics of one shape.
///
/// # Examples
///
/// ```
/// use actor_critic::nn::QNetworkConfig;
/// use actor_critic::prelude::*;
///
/// # let device = actor_critic::burn::tensor::Device::flex();
/// let spaces = Spaces::of(&Pendulum::v1())?;
/// let mut rng = Seed(0).stream(Stream::CriticWeights);
/// let critics = Ensemble::twin(|| QNetworkConfig::new().init(&spaces, &mut rng, &device))?;
/// assert_eq!(critics.critics.len(), 2);
/// # Ok::<(), Error>(())
/// ```
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

    /// Creates two critics, as TD3 and SAC use them, by calling `init` twice.
    ///
    /// # Errors
    ///
    /// Those of `init`.
    pub fn twin(mut init: impl FnMut() -> Result<C, ConfigError>) -> Result<Self, ConfigError> {
        Ok(Self { critics: vec![init()?, init()?] })
    }

    /// Returns Q(o, a) of each critic.
    ///
    /// # Shapes
    ///
    /// - `observations`: `[n, O]`, `actions`: `[n, A]`; returns `[n, 1]` for each critic
    pub fn q_values(&self, observations: Tensor<2>, actions: Tensor<2>) -> Vec<Tensor<2>> {
        self.critics.iter().map(|critic| critic.q_value(observations.clone(), actions.clone())).collect()
    }

    /// Returns one value of Q(o, a) for each pair. Only [`Reduction::SmallestOf`] draws from `rng`.
    ///
    /// # Shapes
    ///
    /// - `observations`: `[n, O]`, `actions`: `[n, A]`; returns `[n, 1]`
    pub fn reduced(
        &self,
        observations: Tensor<2>,
        actions: Tensor<2>,
        reduction: &Reduction,
        rng: &mut (impl Rng + ?Sized),
    ) -> Tensor<2> {
        let members = reduction.members(self.critics.len(), rng);
        let values = members.iter().map(|i| self.critics[i].q_value(observations.clone(), actions.clone()));
        let values = side_by_side(values.collect());
        match reduction {
            Reduction::Mean => values.mean_dim(1),
            Reduction::First | Reduction::Minimum | Reduction::SmallestOf(_) => values.min_dim(1),
        }
    }

    /// Returns the outputs of some critics side by side.
    pub(crate) fn side_by_side(
        &self,
        members: &Members,
        observations: Tensor<2>,
        actions: Tensor<2>,
        place: &Place,
    ) -> Tensor<2> {
        let values = members.iter().enumerate().map(|(at, i)| {
            let (critic, observations, actions) = (&self.critics[i], observations.clone(), actions.clone());
            match members.mask(at) {
                Some(mask) => critic.q_value_with_dropout(observations, actions, place.tensor(mask)),
                None => critic.q_value(observations, actions),
            }
        });
        side_by_side(values.collect())
    }

    /// Returns the program of each critic; `None` if the kernels cannot compute all of one.
    pub(crate) fn programs(&self) -> Option<Vec<Program>> {
        self.critics.iter().map(Critic::program).collect()
    }
}

fn side_by_side(mut values: Vec<Tensor<2>>) -> Tensor<2> {
    if values.len() == 1 { values.remove(0) } else { Tensor::cat(values, 1) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Seed, Stream};

    /// Q(o, a) is the negative distance of the action from a goal.
    #[derive(Module, Debug)]
    struct Distance {
        goal: f32,
    }

    impl Critic for Distance {
        fn q_value(&self, _: Tensor<2>, actions: Tensor<2>) -> Tensor<2> {
            -(actions - self.goal).abs()
        }
    }

    /// Values of two actions by critics with the goals 0, 1 and 0.4: `[−0.2, −0.8, −0.2]` and `[−0.9, −0.1, −0.5]`.
    fn reduced(reduction: &Reduction, seed: u64) -> Vec<f32> {
        let device = crate::test_device();
        let ensemble = Ensemble::new([0.0, 1.0, 0.4].map(|goal| Distance { goal }).into()).unwrap();
        let actions = Tensor::<2>::from_data([[0.2], [0.9]], &device);
        let mut rng = Seed(seed).stream(Stream::Update);
        ensemble.reduced(Tensor::zeros([2, 1], &device), actions, reduction, &mut rng).try_into_vec_as().unwrap()
    }

    fn assert_close(found: &[f32], expected: [f32; 2]) {
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?} for {expected:?}");
    }

    #[test]
    fn values_are_reduced_row_by_row() {
        assert_close(&reduced(&Reduction::First, 0), [-0.2, -0.9]);
        assert_close(&reduced(&Reduction::Minimum, 0), [-0.8, -0.9]);
        assert_close(&reduced(&Reduction::Mean, 0), [-0.4, -0.5]);
        assert_close(&reduced(&Reduction::SmallestOf(3), 0), [-0.8, -0.9]);
    }

    #[test]
    fn every_subset_is_drawn_and_no_other() {
        // Two out of three critics: without the third, the second, the first.
        let subsets = [[-0.8, -0.9], [-0.2, -0.9], [-0.8, -0.5]];
        let mut drawn = [0; 3];
        for seed in 0..60 {
            let found = reduced(&Reduction::SmallestOf(2), seed);
            let close = |subset: &[f32; 2]| found.iter().zip(subset).all(|(a, b)| (a - b).abs() < 1e-6);
            drawn[subsets.iter().position(close).unwrap()] += 1;
        }
        assert!(drawn.iter().all(|&count| count >= 8), "{drawn:?}");
    }

    #[test]
    fn a_subset_must_be_one_of_the_critics() {
        let text = |subset| Reduction::SmallestOf(subset).check("target_reduction", 2).unwrap_err().to_string();
        assert_eq!(text(0), "target_reduction must be at least 1, got 0");
        assert_eq!(text(3), "target_reduction must be at most number of critics (2), got 3");
        assert_eq!(Reduction::SmallestOf(2).check("target_reduction", 2), Ok(()));
    }

    #[test]
    fn an_ensemble_of_none_is_rejected() {
        let error = Ensemble::<Distance>::new(vec![]).unwrap_err();
        assert_eq!(error.to_string(), "number of critics must be at least 1, got 0");
    }
}
