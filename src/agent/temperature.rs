//! The weight of the entropy in SAC.

use burn::config::Config;
use burn::module::{Module, Param};
use burn::tensor::Tensor;

use super::AgentError;
use super::adam::AdamConfig;
use super::core::Saved;
use super::learner::{Learner, StepRule, TEMPERATURE};
use crate::boundary::Boundary;
use crate::config::{ConfigError, finite, non_negative, positive};
use crate::objective::temperature_loss;
use crate::state::{State, StateError};

/// The temperature α of a [`SacConfig`](super::SacConfig): the weight of the entropy, in units of the reward per nat.
///
/// With [`scale_rewards`](super::SacConfig::scale_rewards) the settings are in units of the scaled reward; reported values are in those of the environment.
#[derive(Config, Debug, PartialEq)]
pub enum TemperatureConfig {
    /// The same value throughout, `[0, ∞)`.
    Fixed(f64),
    /// A value that is adjusted until the policy's entropy meets a target.
    Learned(LearnedTemperatureConfig),
}

/// Settings of a temperature that is learned.
#[derive(Config, Debug, PartialEq)]
pub struct LearnedTemperatureConfig {
    /// Value at the start, `(0, ∞)`. Default: 1.
    #[config(default = 1.0)]
    pub initial: f64,
    /// Adam's step on log α, `(0, ∞)`. Default: 3e-4.
    #[config(default = 3e-4)]
    pub learning_rate: f64,
    /// Target entropy H̄ of the action in `[−1, 1]`, in nats. Default: −A, the number of action axes[^1].
    ///
    /// The same value asks for the same randomness in any units. The most random policy there is has A log 2.
    ///
    /// [^1]: T. Haarnoja et al. (2018). arXiv:1812.05905, appendix D.
    pub target_entropy: Option<f64>,
}

impl TemperatureConfig {
    /// Checks every range.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names the field.
    pub fn validate(&self) -> Result<(), ConfigError> {
        match self {
            Self::Fixed(value) => non_negative("temperature", *value),
            Self::Learned(config) => {
                positive("initial temperature", config.initial)?;
                positive("temperature learning_rate", config.learning_rate)?;
                config.target_entropy.map_or(Ok(()), |entropy| finite("target_entropy", entropy))
            }
        }
    }
}

impl LearnedTemperatureConfig {
    /// Returns H̄.
    fn target_entropy(&self, boundary: &Boundary) -> f64 {
        self.target_entropy.unwrap_or(-(boundary.spaces.action().dim() as f64))
    }
}

/// log α as a network of one parameter, so that it is trained like any other.
#[derive(Module, Debug)]
pub(crate) struct LogTemperature {
    log_value: Param<Tensor<1>>,
}

#[derive(Debug)]
pub(crate) enum Temperature {
    Fixed(f64),
    Learned { log_temperature: Box<Learner<LogTemperature>>, target_entropy: f64, value: f64 },
}

impl Temperature {
    pub(crate) fn new(config: &TemperatureConfig, boundary: &Boundary, adam: AdamConfig) -> Self {
        match config {
            TemperatureConfig::Fixed(value) => Self::Fixed(*value),
            TemperatureConfig::Learned(config) => {
                let log_value = Param::from_data([config.initial.ln() as f32], &boundary.device);
                let module = LogTemperature { log_value };
                Self::Learned {
                    log_temperature: Box::new(Learner::new(module, TEMPERATURE, config.learning_rate, rule(adam))),
                    target_entropy: config.target_entropy(boundary),
                    value: config.initial,
                }
            }
        }
    }

    /// Takes other settings; a learned value stays if it is to be learned further.
    pub(crate) fn reconfigure(&mut self, config: &TemperatureConfig, boundary: &Boundary, adam: AdamConfig) {
        match (&mut *self, config) {
            (Self::Learned { log_temperature, target_entropy, .. }, TemperatureConfig::Learned(config)) => {
                log_temperature.reconfigure(config.learning_rate, rule(adam));
                *target_entropy = config.target_entropy(boundary);
            }
            _ => *self = Self::new(config, boundary, adam),
        }
    }

    pub(crate) fn value(&self) -> f64 {
        match self {
            Self::Fixed(value) | Self::Learned { value, .. } => *value,
        }
    }

    /// Multiplies the configured learning rate from now on.
    pub(crate) fn set_learning_rate_factor(&mut self, factor: f64) {
        if let Self::Learned { log_temperature, .. } = self {
            log_temperature.set_learning_rate_factor(factor);
        }
    }

    /// Takes one gradient step towards the target entropy, unless the temperature is fixed; returns the entropy and the loss.
    ///
    /// Both are 0 for a policy without a density.
    pub(crate) fn update(&mut self, log_probs: Option<Tensor<2>>) -> Result<(f64, f64), AgentError> {
        let Some(log_probs) = log_probs.map(Tensor::inner) else { return Ok((0.0, 0.0)) };
        let entropy = -f64::from(log_probs.clone().mean().try_into_scalar::<f32>()?);
        let Self::Learned { log_temperature, target_entropy, value } = self else { return Ok((entropy, 0.0)) };
        let log_value = log_temperature.tracked().log_value.val();
        let loss = log_temperature.minimize(temperature_loss(log_value, log_probs, *target_entropy))?;
        *value = f64::from(log_temperature.plain().log_value.val().try_into_scalar::<f32>()?).exp();
        Ok((entropy, loss))
    }
}

impl Saved for Temperature {
    fn put(&self, name: &str, state: &mut State) -> Result<(), StateError> {
        let mut part = State::new();
        if let Self::Learned { log_temperature, value, .. } = self {
            part.put_state("learner", log_temperature.save_state()?);
            // Not the exponential of the parameter before the first update.
            part.put("value", *value);
        }
        state.put_state(name, part);
        Ok(())
    }

    fn restored(&self, name: &str, state: &mut State) -> Result<Self, StateError> {
        let load = |mut state: State| {
            let restored = match self {
                Self::Fixed(value) => Self::Fixed(*value),
                Self::Learned { log_temperature, target_entropy, .. } => {
                    let log_temperature = Box::new(log_temperature.restored("learner", &mut state)?);
                    let value: f64 = state.take("value")?;
                    if value <= 0.0 {
                        return Err(StateError::invalid("value", "positive", value));
                    }
                    Self::Learned { log_temperature, target_entropy: *target_entropy, value }
                }
            };
            state.finish()?;
            Ok(restored)
        };
        load(state.take_state(name)).map_err(|error: StateError| error.within(name))
    }
}

/// One number has no direction for a clipped norm to keep.
fn rule(adam: AdamConfig) -> StepRule {
    StepRule { adam, max_gradient_norm: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::Spaces;
    use crate::space::BoxSpace;

    const ADAM: AdamConfig = AdamConfig { betas: [0.9, 0.999], epsilon: 1e-8 };

    fn boundary(axes: usize) -> Boundary {
        let space = BoxSpace::symmetric(1.0, axes).unwrap();
        Boundary::new(&Spaces::new(space.clone(), space).unwrap(), &crate::test_device()).unwrap()
    }

    #[test]
    fn values_out_of_range_are_rejected() {
        let text = |config: TemperatureConfig| config.validate().unwrap_err().to_string();
        assert_eq!(text(TemperatureConfig::Fixed(-0.1)), "temperature must be at least 0 and finite, got -0.1");
        let learned = |config| text(TemperatureConfig::Learned(config));
        let config = LearnedTemperatureConfig::new;
        assert_eq!(learned(config().with_initial(0.0)), "initial temperature must be positive and finite, got 0");
        assert_eq!(
            learned(config().with_learning_rate(-1.0)),
            "temperature learning_rate must be positive and finite, got -1"
        );
        assert_eq!(learned(config().with_target_entropy(Some(f64::NAN))), "target_entropy must be finite, got NaN");
    }

    #[test]
    fn a_fixed_temperature_stays() {
        let device = crate::test_device();
        let mut temperature = Temperature::new(&TemperatureConfig::Fixed(0.1), &boundary(1), ADAM);
        assert_eq!(temperature.update(Some(Tensor::ones([4, 1], &device))).unwrap(), (-1.0, 0.0));
        assert_eq!(temperature.update(None).unwrap(), (0.0, 0.0));
        assert_eq!(temperature.value(), 0.1);
    }

    #[test]
    fn it_falls_above_the_target_entropy_and_rises_below() {
        let device = crate::test_device();
        let config = TemperatureConfig::Learned(LearnedTemperatureConfig::new().with_learning_rate(0.01));
        for (log_prob, sign) in [(-5.0, -1.0), (5.0, 1.0)] {
            // The target is −2, the entropy −log_prob: 5, then −5.
            let mut temperature = Temperature::new(&config, &boundary(2), ADAM);
            temperature.update(Some(Tensor::full([4, 1], log_prob, &device))).unwrap();
            // Adam's first step has the length of the learning rate.
            assert!((temperature.value().ln() - sign * 0.01).abs() < 1e-6, "{}", temperature.value());
        }
    }
}
