//! The temperature of SAC: the weight of the entropy.

use burn::config::Config;

use super::AgentError;
use super::adam::{Adam, AdamConfig};
use super::saved::Saved;
use crate::boundary::Boundary;
use crate::config::{ConfigError, finite, non_negative, positive};
use crate::fused::{self, OutOfRange, check_squares, moment_names};
use crate::space::is_in_range;
use crate::state::{State, StateError};

/// The temperature α of a [`SacConfig`](super::SacConfig): the weight of the entropy, in units of the reward per nat. A
/// nat is the unit of an entropy with natural logarithms.
///
/// With [`scale_rewards`](super::SacConfig::scale_rewards) these settings are in units of the scaled reward. Metrics
/// are in units of the environment's reward.
///
/// # Examples
///
/// ```
/// use actor_critic::agent::LearnedTemperatureConfig;
/// use actor_critic::prelude::*;
///
/// let learned = LearnedTemperatureConfig::new().with_initial(0.2).with_minimum(0.01);
/// let config = SacConfig::new().with_temperature(TemperatureConfig::Learned(learned));
/// assert!(config.validate().is_ok());
/// ```
#[derive(Config, Debug, PartialEq)]
pub enum TemperatureConfig {
    /// A constant temperature, `[0, ∞)`.
    Fixed(f64),
    /// A temperature that is adjusted until the entropy of the policy is at a target.
    Learned(LearnedTemperatureConfig),
}

/// Settings of a learned temperature. Stable-Baselines3's `ent_coef="auto"`.
#[derive(Config, Debug, PartialEq)]
pub struct LearnedTemperatureConfig {
    /// Initial value, `(0, ∞)`. Default: 1.
    #[config(default = 1.0)]
    pub initial: f64,
    /// Learning rate of log α, `(0, ∞)`. Default: 3e-4.
    #[config(default = 3e-4)]
    pub learning_rate: f64,
    /// Target entropy H̄ of the actions in `[−1, 1]`, in nats. Default: −A, where A is the number of action axes[^1].
    ///
    /// The same value asks for the same randomness in any units of the environment. The most random policy has A log 2
    /// nats.
    ///
    /// [^1]: T. Haarnoja et al. (2018). arXiv:1812.05905, appendix D.
    pub target_entropy: Option<f64>,
    /// Minimum of α, `[0, initial]`. Default: 0, no minimum.
    ///
    /// Use it for sparse rewards. Before the first reward no action is better than another, the entropy is above its
    /// target, and α falls towards 0. The policy then follows the errors of the critics and stops exploring. A minimum
    /// keeps it random.
    #[config(default = 0.0)]
    pub minimum: f64,
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
                non_negative("minimum temperature", config.minimum)?;
                if config.initial < config.minimum {
                    let (minimum, value) = (config.minimum, config.initial);
                    return Err(ConfigError::BelowMinimum { field: "initial temperature", minimum, value });
                }
                config.target_entropy.map_or(Ok(()), |entropy| finite("target_entropy", entropy))
            }
        }
    }
}

impl TemperatureConfig {
    /// Returns the minimum of a learned temperature; 0 for a fixed one.
    pub(super) fn minimum(&self) -> f64 {
        match self {
            Self::Fixed(_) => 0.0,
            Self::Learned(config) => config.minimum,
        }
    }
}

impl LearnedTemperatureConfig {
    /// Returns H̄.
    fn target_entropy(&self, boundary: &Boundary) -> f64 {
        self.target_entropy.unwrap_or(-(boundary.spaces.action().dim() as f64))
    }
}

#[derive(Debug)]
pub(crate) enum Temperature {
    Fixed(f64),
    Learned { log_value: LogTemperature, target_entropy: f64, value: f64 },
}

/// log α with its optimizer. It is in host memory on every device, since an update needs α there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LogTemperature {
    value: f32,
    moments: [f32; 2],
    adam: Adam,
    /// The minimum of log α; −∞ for none.
    minimum: f32,
}

impl LogTemperature {
    /// Takes a step of Adam.
    fn step(&mut self, gradient: f64) -> Result<(), AgentError> {
        let Self { value, moments: [first, second], adam, minimum } = self;
        let [value, first, second] = [value, first, second].map(std::slice::from_mut);
        let mut in_range = true;
        fused::adam_on_host(value, &[gradient as f32], first, second, adam.next_step(), &mut in_range);
        if in_range {
            value[0] = value[0].max(*minimum);
            return Ok(());
        }
        let (quantity, value) = if is_in_range(value[0]) {
            (OutOfRange::Gradient.name(), gradient)
        } else {
            (OutOfRange::Weight.name(), value[0].into())
        };
        Err(AgentError::Parameter { quantity, network: "temperature", parameter: NAME.to_owned(), value })
    }
}

/// The name of log α in a state.
const NAME: &str = "log_value";

impl Temperature {
    pub(crate) fn new(config: &TemperatureConfig, boundary: &Boundary, adam: AdamConfig) -> Self {
        match config {
            TemperatureConfig::Fixed(value) => Self::Fixed(*value),
            TemperatureConfig::Learned(config) => {
                let adam = Adam::new(config.learning_rate, undecayed(adam));
                let (value, minimum) = (config.initial.ln() as f32, config.minimum.ln() as f32);
                Self::Learned {
                    log_value: LogTemperature { value, moments: [0.0; 2], adam, minimum },
                    target_entropy: config.target_entropy(boundary),
                    value: config.initial,
                }
            }
        }
    }

    /// Replaces the settings. A learned value stays, if the new settings also learn it.
    pub(crate) fn reconfigure(&mut self, config: &TemperatureConfig, boundary: &Boundary, adam: AdamConfig) {
        match (&mut *self, config) {
            (Self::Learned { log_value, target_entropy, .. }, TemperatureConfig::Learned(config)) => {
                log_value.adam.reconfigure(config.learning_rate, undecayed(adam));
                log_value.minimum = config.minimum.ln() as f32;
                *target_entropy = config.target_entropy(boundary);
            }
            _ => *self = Self::new(config, boundary, adam),
        }
    }

    /// Resets a learned temperature to its first value, and its optimizer.
    pub(crate) fn begin_anew(&mut self, config: &TemperatureConfig) {
        if let (Self::Learned { log_value, value, .. }, TemperatureConfig::Learned(config)) = (self, config) {
            log_value.adam.begin_anew();
            *log_value = LogTemperature { value: config.initial.ln() as f32, moments: [0.0; 2], ..*log_value };
            *value = config.initial;
        }
    }

    pub(crate) fn value(&self) -> f64 {
        match self {
            Self::Fixed(value) | Self::Learned { value, .. } => *value,
        }
    }

    /// Returns whether a learned temperature is at its minimum, or at most 0.1 above it in log α: steps of Adam
    /// sometimes lift it a little.
    pub(crate) fn is_at_minimum(&self) -> bool {
        match self {
            Self::Fixed(_) => false,
            Self::Learned { log_value, .. } => log_value.value <= log_value.minimum + 0.1,
        }
    }

    /// Multiplies the configured learning rate by `factor` from now on.
    pub(crate) fn set_learning_rate_factor(&mut self, factor: f64) {
        if let Self::Learned { log_value, .. } = self {
            log_value.adam.learning_rate_factor = factor;
        }
    }

    /// Takes one gradient step on `J = −log α (log π + H̄)`, where log π is the mean of log π(a∣o) over a batch.
    /// Returns J before the step.
    ///
    /// `∂J/∂log α = −(log π + H̄)`. If the temperature is fixed, or the policy has no density, it does nothing and
    /// returns 0.
    pub(crate) fn update(&mut self, log_prob: Option<f64>) -> Result<f64, AgentError> {
        let (Self::Learned { log_value, target_entropy, value }, Some(log_prob)) = (self, log_prob) else {
            return Ok(0.0);
        };
        let gradient = -(log_prob + *target_entropy);
        let loss = f64::from(log_value.value) * gradient;
        if !loss.is_finite() {
            return Err(AgentError::Diverged { quantity: "temperature loss", value: loss });
        }
        log_value.step(gradient)?;
        *value = f64::from(log_value.value).exp();
        Ok(loss)
    }
}

impl Saved for Temperature {
    fn put(&self, name: &str, state: &mut State) -> Result<(), StateError> {
        let mut part = State::new();
        if let Self::Learned { log_value, value, .. } = self {
            let (mut network, mut optimizer, mut learner) = (State::new(), State::new(), State::new());
            network.put_array(NAME, &[1], vec![log_value.value]);
            log_value.adam.save(&mut optimizer);
            if log_value.adam.has_stepped() {
                for (name, moment) in moment_names(NAME).iter().zip(log_value.moments) {
                    optimizer.put_array(name, &[1], vec![moment]);
                }
            }
            learner.put_state("network", network);
            learner.put_state("optimizer", optimizer);
            learner.put("learning_rate_factor", log_value.adam.learning_rate_factor);
            part.put_state("learner", learner);
            // Before the first update it is not exactly the exponential of log α.
            part.put("value", *value);
        }
        state.put_state(name, part);
        Ok(())
    }

    fn restored(&self, name: &str, state: &mut State) -> Result<Self, StateError> {
        let load = |mut state: State| {
            let restored = match self {
                Self::Fixed(value) => Self::Fixed(*value),
                Self::Learned { log_value, target_entropy, .. } => {
                    let restored = log_value.restored(state.take_state("learner"));
                    let log_value = restored.map_err(|error| error.within("learner"))?;
                    let value: f64 = state.take("value")?;
                    if value <= 0.0 {
                        return Err(StateError::invalid("value", "positive", value));
                    }
                    Self::Learned { log_value, target_entropy: *target_entropy, value }
                }
            };
            state.finish()?;
            Ok(restored)
        };
        load(state.take_state(name)).map_err(|error: StateError| error.within(name))
    }
}

impl LogTemperature {
    fn restored(&self, mut state: State) -> Result<Self, StateError> {
        let number = |state: &mut State, name: &str| Ok::<_, StateError>(state.take_array::<f32>(name, &[1])?[0]);
        let mut network = state.take_state("network");
        let value = number(&mut network, NAME).and_then(|value| network.finish().map(|()| value));
        let value = value.map_err(|error| error.within("network"))?;
        let mut optimizer = state.take_state("optimizer");
        let mut load = || {
            let (adam, names) = (self.adam.restored(&mut optimizer)?, moment_names(NAME));
            let mut moments = [0.0; 2];
            if adam.has_stepped() {
                moments = [number(&mut optimizer, &names[0])?, number(&mut optimizer, &names[1])?];
                check_squares(&names[1], &moments[1..])?;
            }
            std::mem::take(&mut optimizer).finish()?;
            Ok((adam, moments))
        };
        let (mut adam, moments) = load().map_err(|error: StateError| error.within("optimizer"))?;
        adam.learning_rate_factor = state.take("learning_rate_factor")?;
        if adam.learning_rate_factor < 0.0 {
            return Err(StateError::invalid("learning_rate_factor", "at least 0", adam.learning_rate_factor));
        }
        state.finish()?;
        Ok(Self { value, moments, adam, minimum: self.minimum })
    }
}

/// Returns the settings without weight decay: α is no weight.
fn undecayed(adam: AdamConfig) -> AdamConfig {
    AdamConfig { weight_decay: 0.0, ..adam }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::Spaces;
    use crate::space::BoxSpace;

    const ADAM: AdamConfig = AdamConfig { betas: [0.9, 0.999], epsilon: 1e-8, weight_decay: 0.0 };

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
        assert_eq!(learned(config().with_minimum(-1.0)), "minimum temperature must be at least 0 and finite, got -1");
        let above = learned(config().with_initial(0.1).with_minimum(0.2));
        assert_eq!(above, "initial temperature must be at least 2e-1, got 1e-1");
        assert_eq!(learned(config().with_target_entropy(Some(f64::NAN))), "target_entropy must be finite, got NaN");
    }

    #[test]
    fn a_fixed_temperature_stays() {
        let mut temperature = Temperature::new(&TemperatureConfig::Fixed(0.1), &boundary(1), ADAM);
        assert_eq!(temperature.update(Some(1.0)).unwrap(), 0.0);
        assert_eq!(temperature.update(None).unwrap(), 0.0);
        assert_eq!(temperature.value(), 0.1);
    }

    #[test]
    fn it_stops_falling_at_its_minimum_and_rises_again() {
        let config = LearnedTemperatureConfig::new().with_learning_rate(0.1).with_initial(0.5).with_minimum(0.4);
        let mut temperature = Temperature::new(&TemperatureConfig::Learned(config), &boundary(1), ADAM);
        let mut values = |log_prob: f64, updates: usize| {
            (0..updates).for_each(|_| _ = temperature.update(Some(log_prob)).unwrap());
            temperature.value()
        };
        assert!(values(-5.0, 1) > 0.45);
        assert!((values(-5.0, 10) - 0.4).abs() < 1e-7);
        assert!(values(20.0, 10) > 0.41);
    }

    #[test]
    fn it_falls_above_the_target_entropy_and_rises_below() {
        let config = TemperatureConfig::Learned(LearnedTemperatureConfig::new().with_learning_rate(0.01));
        for (log_prob, sign) in [(-5.0, -1.0), (5.0, 1.0)] {
            // The target is −2, the entropy −log_prob: 5, then −5.
            let mut temperature = Temperature::new(&config, &boundary(2), ADAM);
            temperature.update(Some(log_prob)).unwrap();
            // Adam's first step has the length of the learning rate.
            assert!((temperature.value().ln() - sign * 0.01).abs() < 1e-6, "{}", temperature.value());
        }
    }
}
