use super::*;
use proptest::prelude::*;

/// The action at which four rotors carry the weight.
const HOVER: f64 = 2.0 * MASS * GRAVITY / (4.0 * MAX_THRUST) - 1.0;

#[test]
fn four_equal_thrusts_carry_the_weight() {
    assert!((HOVER - 0.1445).abs() < 1e-12);
    let (next, reward) = advance(QuadrotorState::HOVERING, [HOVER as f32; 4]);
    assert!(norm(&next.velocity) < 1e-8 && next.angular_velocity == [0.0; 3]);
    assert!((reward - 1.0).abs() < 1e-12);
}

#[test]
fn each_pair_of_rotors_turns_its_axis() {
    // An eighth more on two rotors is 0.015 N, which turns by 0.01 s · 0.015 N · lever / J after one step.
    for (raised, axis, lever) in [([2, 3], 0, LEVER), ([1, 2], 1, LEVER), ([1, 3], 2, TORQUE_PER_THRUST)] {
        let mut action = [0.0; 4];
        raised.into_iter().for_each(|rotor: usize| action[rotor] = 0.125);
        let (next, _) = advance(QuadrotorState::HOVERING, action);
        let mut expected = [0.0; 3];
        expected[axis] = 0.01 * 0.015 * lever / INERTIA[axis];
        for (found, expected) in next.angular_velocity.into_iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12, "{raised:?}: {found} instead of {expected}");
        }
    }
}

#[test]
fn a_turn_about_an_axis_is_the_angle_times_two_in_the_quaternion() {
    // 1 rad/s about x for 100 steps, without torque: q = (cos 0.5, sin 0.5, 0, 0).
    let mut state = QuadrotorState { angular_velocity: [1.0, 0.0, 0.0], ..QuadrotorState::HOVERING };
    for _ in 0..100 {
        (state, _) = advance(state, [0.0; 4]);
    }
    let expected = [0.5_f64.cos(), 0.5_f64.sin(), 0.0, 0.0];
    assert!(state.attitude.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-10), "{:?}", state.attitude);
}

#[test]
fn without_torque_energy_and_angular_momentum_of_the_tumble_are_kept() {
    let momentum = |s: &QuadrotorState| {
        let body: [f64; 3] = std::array::from_fn(|i| INERTIA[i] * s.angular_velocity[i]);
        s.rotation().map(|row| row.iter().zip(body).map(|(r, l)| r * l).sum::<f64>())
    };
    let energy = |s: &QuadrotorState| (0..3).map(|i| 0.5 * INERTIA[i] * s.angular_velocity[i].powi(2)).sum::<f64>();
    let mut state = QuadrotorState { angular_velocity: [3.0, -4.0, 5.0], ..QuadrotorState::HOVERING };
    let (momentum_before, energy_before) = (momentum(&state), energy(&state));
    for _ in 0..200 {
        (state, _) = advance(state, [0.25; 4]);
    }
    assert!((energy(&state) / energy_before - 1.0).abs() < 1e-8);
    for (now, before) in momentum(&state).into_iter().zip(momentum_before) {
        assert!((now - before).abs() < 1e-6 * norm(&momentum_before), "{now} {before}");
    }
}

#[test]
fn rewards_are_worked_by_hand() {
    assert_eq!(reward(&QuadrotorState::HOVERING), 1.0);
    // 1 m away, on its head, turning with 10 rad/s: 0.1 · 0.5 · 0.55
    let state = QuadrotorState {
        position: [0.6, 0.0, -0.8],
        attitude: [0.0, 1.0, 0.0, 0.0],
        angular_velocity: [0.0, 6.0, 8.0],
        ..QuadrotorState::HOVERING
    };
    assert!((reward(&state) - 0.1 * 0.5 * 0.55).abs() < 1e-15);
}

/// Thrusts, as actions, of a controller that turns the rotors towards the acceleration it wants.
fn control(state: &QuadrotorState) -> [f32; 4] {
    let rotation = state.rotation();
    let wanted: [f64; 3] = std::array::from_fn(|i| {
        -6.0 * state.position[i] - 4.0 * state.velocity[i] + if i == 2 { GRAVITY } else { 0.0 }
    });
    let up = rotation.map(|row| row[2]);
    let thrust = MASS * (0..3).map(|i| wanted[i] * up[i]).sum::<f64>();
    let size = norm(&wanted);
    let cross: [f64; 3] = std::array::from_fn(|i| {
        let (j, k) = ((i + 1) % 3, (i + 2) % 3);
        (up[j] * wanted[k] - up[k] * wanted[j]) / size
    });
    let error: [f64; 3] = std::array::from_fn(|i| (0..3).map(|j| rotation[j][i] * cross[j]).sum());
    let torque: [f64; 3] = std::array::from_fn(|i| INERTIA[i] * (120.0 * error[i] - 20.0 * state.angular_velocity[i]));
    let (roll, pitch, yaw) =
        (torque[0] / (4.0 * LEVER), torque[1] / (4.0 * LEVER), torque[2] / (4.0 * TORQUE_PER_THRUST));
    let thrust = thrust / 4.0;
    let thrusts = [
        thrust - roll - pitch - yaw,
        thrust - roll + pitch + yaw,
        thrust + roll + pitch - yaw,
        thrust + roll - pitch + yaw,
    ];
    thrusts.map(|thrust| (2.0 * thrust / MAX_THRUST - 1.0) as f32)
}

#[test]
fn a_controller_by_hand_comes_to_rest_from_every_start() {
    let mut env = QuadrotorHover::standard();
    for seed in 0..30 {
        env.reset(seed).unwrap();
        let mut episode_return = 0.0;
        let last = loop {
            let action = control(&env.inner().state().unwrap());
            let step = env.step(&action).unwrap();
            episode_return += step.reward;
            if step.is_last() {
                break step;
            }
        };
        assert!(last.truncated && !last.terminated && last.reward > 0.999, "seed {seed}: {last:?}");
        assert!((300.0..500.0).contains(&episode_return), "seed {seed}: {episode_return}");
    }
}

#[test]
fn the_episode_terminates_far_away_and_in_a_spin() {
    let mut env = QuadrotorHover::default();
    let far = QuadrotorState { position: [0.0, 1.99, 0.0], velocity: [0.0, 2.0, 0.0], ..QuadrotorState::HOVERING };
    let fast = QuadrotorState { angular_velocity: [34.9, 0.0, 0.0], ..QuadrotorState::HOVERING };
    for start in [far, fast] {
        env.reset_to(start).unwrap();
        assert!(env.step(&[-1.0, -1.0, 1.0, 1.0]).unwrap().terminated);
        let error = env.step(&[0.0; 4]).unwrap_err();
        assert_eq!(error.to_string(), "the episode has ended: reset must be called before the next step");
    }
}

#[test]
fn starts_are_drawn_from_what_the_documentation_says() {
    let mut env = QuadrotorHover::default();
    let mut tilts = 0.0;
    for seed in 0..1_000 {
        env.reset(seed).unwrap();
        let state = env.state().unwrap();
        let tilt = state.rotation()[2][2].acos();
        assert!(state.position.iter().chain(&state.velocity).all(|x| x.abs() <= 0.5) && tilt < 0.5 + 1e-12);
        assert!(state.angular_velocity.iter().all(|x| x.abs() <= 1.0));
        tilts += tilt;
    }
    // Uniform over [0, 0.5): five standard errors are 5 · 0.5 / √12000.
    assert!((tilts / 1e3 - 0.25).abs() < 0.023, "{tilts}");
}

#[test]
fn a_start_that_is_lost_or_not_a_rotation_is_refused() {
    let mut env = QuadrotorHover::default();
    let text = |env: &mut QuadrotorHover, state| env.reset_to(state).unwrap_err().to_string();
    let hovering = QuadrotorState::HOVERING;
    let state = QuadrotorState { position: [0.0, 3.0, 4.0], ..hovering };
    assert_eq!(text(&mut env, state), "norm of the position must be finite and in [0, 2], got 5");
    let state = QuadrotorState { velocity: [0.0, f64::NAN, 0.0], ..hovering };
    assert_eq!(text(&mut env, state), "velocity must be finite and in [-10, 10], got NaN");
    let state = QuadrotorState { attitude: [2.0, 0.0, 0.0, 0.0], ..hovering };
    assert_eq!(text(&mut env, state), "norm of the attitude must be finite and in [0.999999999, 1.000000001], got 2");
    let state = QuadrotorState { angular_velocity: [36.0, 0.0, 0.0], ..hovering };
    assert_eq!(text(&mut env, state), "norm of the angular_velocity must be finite and in [0, 35], got 36");
    assert_eq!(env.step(&[0.0; 4]).unwrap_err().to_string(), "reset must be called before the first step");
}

#[test]
fn a_saved_attitude_that_is_no_rotation_is_refused() {
    let mut env = QuadrotorHover::default();
    env.reset(0).unwrap();
    let before = env.clone();
    let mut saved = env.save_state().unwrap();
    let _: Vec<f64> = saved.take_array("attitude", &[4]).unwrap();
    saved.put_array("attitude", &[4], vec![0.0; 4]);
    let error = env.load_state(saved).unwrap_err();
    assert_eq!(error.to_string(), "`attitude` must be a quaternion of norm 1, got 0");
    assert_eq!(env, before);
}

proptest! {
    #[test]
    fn rotations_stay_orthonormal_and_rewards_in_range(seed: u64, actions in prop::collection::vec([-1_f32..1.0, -1_f32..1.0, -1_f32..1.0, -1_f32..1.0], 100)) {
        let mut env = QuadrotorHover::default();
        env.reset(seed).unwrap();
        for action in actions {
            let step = env.step(&action).unwrap();
            prop_assert!((0.0..=1.0).contains(&step.reward));
            let rows = env.state().unwrap().rotation();
            for (i, j) in [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)] {
                let product: f64 = (0..3).map(|k| rows[i][k] * rows[j][k]).sum();
                prop_assert!((product - f64::from(u8::from(i == j))).abs() < 1e-12);
            }
            if step.is_last() {
                break;
            }
        }
    }
}
