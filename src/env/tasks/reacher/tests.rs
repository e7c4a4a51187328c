use super::*;
use proptest::prelude::*;

const STRETCHED_OUT: ReacherState =
    ReacherState { shoulder: 0.0, wrist: 0.0, shoulder_velocity: 0.0, wrist_velocity: 0.0, target: [0.1, 0.0] };

#[test]
fn an_arm_at_rest_stays() {
    assert_eq!(advance(STRETCHED_OUT, [0.0, 0.0]), STRETCHED_OUT);
}

#[test]
fn a_torque_on_the_shoulder_ends_at_five_rad_per_s() {
    // 0.05 N·m against 0.01 N·m·s of damping; the wrist, at rest by then, hangs on.
    let mut state = STRETCHED_OUT;
    for _ in 0..2_000 {
        state = advance(state, [1.0, 0.0]);
    }
    assert!((state.shoulder_velocity - 5.0).abs() < 1e-9 && state.wrist_velocity.abs() < 1e-9, "{state:?}");
}

#[test]
fn the_wrist_stops_softly_at_both_sides() {
    for side in [1.0, -1.0] {
        let mut state = STRETCHED_OUT;
        let mut farthest: f64 = 0.0;
        for _ in 0..500 {
            state = advance(state, [0.0, side]);
            farthest = farthest.max(f64::from(side) * state.wrist);
        }
        assert!((MAX_WRIST..MAX_WRIST + 0.2).contains(&farthest), "{farthest}");
    }
}

#[test]
fn only_touching_is_rewarded() {
    for (radius, x, reward) in [(0.05, 0.299, 1.0), (0.05, 0.301, 0.0), (0.015, 0.264, 1.0), (0.015, 0.266, 0.0)] {
        let mut env = Reacher::new(radius).unwrap();
        env.reset_to(ReacherState { target: [x, 0.0], ..STRETCHED_OUT }).unwrap();
        assert_eq!(env.step(&[0.0, 0.0]).unwrap().reward, reward, "{radius} {x}");
    }
}

#[test]
fn the_observation_shows_the_way_to_the_target() {
    let mut env = Reacher::default();
    let state = ReacherState { shoulder: PI / 2.0, wrist: -PI / 2.0, target: [0.2, 0.2], ..STRETCHED_OUT };
    let observation = env.reset_to(state).unwrap();
    // The finger is at (0.12, 0.12).
    let expected = [PI as f32 / 2.0, -PI as f32 / 2.0, 0.08, 0.08, 0.0, 0.0];
    assert!(observation.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-7));
}

#[test]
fn actions_beyond_their_bounds_are_clipped() {
    assert_eq!(advance(STRETCHED_OUT, [9.0, -9.0]), advance(STRETCHED_OUT, [1.0, -1.0]));
}

#[test]
fn starts_have_dm_controls_distribution() {
    let mut env = Reacher::default();
    let mut means = [0.0; 3];
    for seed in 0..2_000 {
        env.reset(seed).unwrap();
        let ReacherState { shoulder, wrist, target: [x, y], .. } = env.state().unwrap();
        let distance = x.hypot(y);
        assert!((-PI..PI).contains(&shoulder) && wrist.abs() <= MAX_WRIST && (0.0499..0.2001).contains(&distance));
        let squares = [shoulder * shoulder, wrist * wrist, distance];
        means = std::array::from_fn(|i| means[i] + squares[i] / 2e3);
    }
    // Mean squares of uniform angles, mean of a uniform distance, to five standard errors.
    assert!((means[0] - PI * PI / 3.0).abs() < 0.34, "{means:?}");
    assert!((means[1] - MAX_WRIST * MAX_WRIST / 3.0).abs() < 0.27, "{means:?}");
    assert!((means[2] - 0.125).abs() < 0.005, "{means:?}");
}

#[test]
fn a_bad_radius_or_state_is_refused() {
    let error = Reacher::new(0.0).unwrap_err();
    assert_eq!(error.to_string(), "target_radius must be positive and finite, got 0");
    let mut env = Reacher::default();
    let error = env.reset_to(ReacherState { wrist: 3.5, ..STRETCHED_OUT }).unwrap_err();
    assert_eq!(error.to_string(), format!("wrist must be finite and in [-{PI}, {PI}], got 3.5"));
    let error = env.reset_to(ReacherState { target: [0.0, 2.0], ..STRETCHED_OUT }).unwrap_err();
    assert_eq!(error.to_string(), "y of the target must be finite and in [-1, 1], got 2");
    assert!(env.reset_to(ReacherState { wrist_velocity: f64::NAN, ..STRETCHED_OUT }).is_err());
    assert_eq!(env.step(&[0.0, 0.0]).unwrap_err().to_string(), "reset must be called before the first step");
}

#[test]
fn the_state_of_another_target_is_refused() {
    let saved = Reacher::hard().into_inner().save_state().unwrap();
    let error = Reacher::default().load_state(saved).unwrap_err();
    assert_eq!(error.to_string(), "`target_radius` must be the same as when the state was saved: 0.015 then, 0.05 now");
}

proptest! {
    #[test]
    fn no_start_leads_out_of_range(
        wrist in -PI..PI, shoulder_velocity in -50.0..50.0, wrist_velocity in -50.0..50.0,
        actions in prop::collection::vec([-1_f32..1.0, -1_f32..1.0], 300),
    ) {
        let mut state = ReacherState { wrist, shoulder_velocity, wrist_velocity, ..STRETCHED_OUT };
        for action in actions {
            state = advance(state, action);
            prop_assert!(state.shoulder_velocity.abs() < 500.0 && state.wrist_velocity.abs() < 1_000.0);
        }
    }
}
