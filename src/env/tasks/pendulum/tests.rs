//! Tests of the pendulum.

use super::*;
use proptest::prelude::*;

const V1: PendulumConfig =
    PendulumConfig { gravity: 10.0, mass: 1.0, length: 1.0, dt: 0.05, max_speed: 8.0, max_torque: 2.0 };

#[test]
fn from_upright_rest_full_torque_gives_three_tenths_of_a_radian_per_second() {
    let (next, reward) = advance(PendulumState { theta: 0.0, theta_dot: 0.0 }, 2.0, &V1);
    assert!((next.theta_dot - 0.3).abs() < 1e-15 && (next.theta - 0.015).abs() < 1e-15);
    assert!((reward + 0.004).abs() < 1e-9);
}

#[test]
fn torque_beyond_the_limit_is_clipped_before_it_acts_or_costs() {
    let state = PendulumState { theta: 1.0, theta_dot: -2.0 };
    assert_eq!(advance(state, 1e30, &V1), advance(state, 2.0, &V1));
    assert_eq!(advance(state, -1e30, &V1), advance(state, -2.0, &V1));
}

#[test]
fn the_worst_reward_is_hanging_at_full_speed_and_torque() {
    let (_, reward) = advance(PendulumState { theta: PI, theta_dot: 8.0 }, 2.0, &V1);
    assert!((reward + 16.2736044).abs() < 1e-7);
}

#[test]
fn twice_the_mass_halves_the_effect_of_torque() {
    let rest = PendulumState { theta: 0.0, theta_dot: 0.0 };
    let (next, _) = advance(rest, 2.0, &PendulumConfig { mass: 2.0, ..V1 });
    assert!((next.theta_dot - 0.15).abs() < 1e-15);
}

#[test]
fn constants_outside_their_range_are_rejected() {
    let error = Pendulum::new(PendulumConfig { mass: 0.0, ..V1 }).unwrap_err();
    assert_eq!(error.to_string(), "mass must be in [1e-6, 1e6], got 0");
    let error = Pendulum::new(PendulumConfig { dt: f64::NAN, ..V1 }).unwrap_err();
    assert_eq!(error.to_string(), "dt must be in [1e-6, 1e6], got NaN");
    assert_eq!(Pendulum::new(V1).unwrap(), Pendulum::default());
}

#[test]
fn spaces_follow_the_constants() {
    let env = Pendulum::new(PendulumConfig { max_speed: 5.0, max_torque: 3.0, ..V1 }).unwrap();
    assert_eq!(env.observation_space().high(), [1.0, 1.0, 5.0]);
    assert_eq!(env.action_space().low(), [-3.0]);
    assert_eq!(env.config().max_torque, 3.0);
}

#[test]
fn a_step_before_the_first_reset_is_refused() {
    let error = Pendulum::default().step(&[0.0]).unwrap_err();
    assert_eq!(error.to_string(), "reset must be called before the first step");
}

#[test]
fn a_refused_action_leaves_the_state_as_it_was() {
    let mut env = Pendulum::default();
    env.reset(0).unwrap();
    let before = env.state();
    assert_eq!(env.step(&[f32::NAN]).unwrap_err().to_string(), "action must be finite, got NaN on axis 0");
    assert!(env.step(&[]).is_err() && env.step(&[0.0, 0.0]).is_err());
    assert_eq!(env.state(), before);
}

#[test]
fn a_state_without_a_finite_observation_is_refused() {
    let mut env = Pendulum::default();
    let error = env.reset_to(PendulumState { theta: f64::NAN, theta_dot: 0.0 }).unwrap_err();
    assert_eq!(error.to_string(), "theta must be finite and in [-inf, inf], got NaN");
    let error = env.reset_to(PendulumState { theta: 0.0, theta_dot: 8.5 }).unwrap_err();
    assert_eq!(error.to_string(), "theta_dot must be finite and in [-8, 8], got 8.5");
    assert!(env.reset_to(PendulumState { theta: f64::INFINITY, theta_dot: 0.0 }).is_err());
    assert_eq!(env.state(), None);
}

proptest! {
    #[test]
    fn rewards_and_speeds_stay_in_range(theta in -1e3..1e3, theta_dot in -8.0..8.0, torque in -5_f32..5.0) {
        let (next, reward) = advance(PendulumState { theta, theta_dot }, torque, &V1);
        prop_assert!((-16.2736045..=0.0).contains(&reward));
        prop_assert!((-8.0..=8.0).contains(&next.theta_dot));
    }

    #[test]
    fn a_wrapped_angle_has_the_same_sine_and_cosine(angle in -1e3..1e3) {
        let wrapped = wrap_to_pi(angle);
        prop_assert!((-PI..=PI).contains(&wrapped));
        prop_assert!((libm::sin(wrapped) - libm::sin(angle)).abs() < 1e-12);
        prop_assert!((libm::cos(wrapped) - libm::cos(angle)).abs() < 1e-12);
    }
}
