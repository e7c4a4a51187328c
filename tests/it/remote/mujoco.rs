//! Tasks of MuJoCo, where it is installed.
//!
//! `ACTOR_CRITIC_MUJOCO=/path/to/python cargo test --test it remote::mujoco::half -- --ignored` names a Python that has `gymnasium[mujoco]`;
//! `ACTOR_CRITIC_SHIMMY=/path/to/python cargo test --test it remote::mujoco::the_cart -- --ignored` one that has `shimmy[dm-control]`.

use actor_critic::env::check_saved_state;
use actor_critic::env::remote::Gymnasium;
use actor_critic::prelude::*;

fn python(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| panic!("{variable} must name a Python"))
}

#[test]
#[ignore = "needs MuJoCo"]
fn half_a_cheetah_keeps_the_contracts_and_is_restored_on_its_way() {
    let python = python("ACTOR_CRITIC_MUJOCO");
    let start = || Gymnasium::new("HalfCheetah-v5").with_python(&python).start().unwrap();
    let mut env = start();
    assert!(env.hello().versions.iter().any(|(name, _)| name == "mujoco"), "{}", env.hello().identity());
    check_environment(&mut env).unwrap();

    let mut saved = TimeLimit::new(env.replayed(), 60.try_into().unwrap());
    check_saved_state(&mut saved).unwrap();
    saved.reset(9).unwrap();
    for _ in 0..30 {
        saved.step(&[0.5; 6]).unwrap();
    }
    // In another process, as after a restart of the trainer.
    let mut restored = TimeLimit::new(start().replayed(), 60.try_into().unwrap());
    restored.load_state(saved.save_state().unwrap()).unwrap();
    for i in 30..60 {
        assert_eq!(restored.step(&[-0.25; 6]).unwrap(), saved.step(&[-0.25; 6]).unwrap(), "step {i}");
    }
}

#[test]
#[ignore = "needs dm_control"]
fn the_cart_pole_of_dm_control_keeps_the_contract_through_shimmy() {
    // A Python of its own: dm_control needs an older MuJoCo than Gymnasium has.
    let cart_pole = Gymnasium::new("shimmy:dm_control/cartpole-swingup-v0").with_python(python("ACTOR_CRITIC_SHIMMY"));
    let mut env = cart_pole.clone().with_small_seeds().start().unwrap();
    assert_eq!((env.observation_space().dim(), env.action_space().low()), (5, [-1.0].as_slice()));
    check_environment(&mut env).unwrap();
    assert_eq!(env.reset(7).unwrap(), env.reset((1 << 32) + 7).unwrap());
    let error = cart_pole.start().unwrap().reset(u64::MAX).unwrap_err().to_string();
    assert!(error.contains("Seed must be between 0 and 2**32 - 1"), "{error}");
}
