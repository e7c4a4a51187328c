//! Runs that go on from the best generation, or with other settings.

use actor_critic::noise::OrnsteinUhlenbeckConfig;
use actor_critic::prelude::*;

use super::{SmallDdpg, by_steps, ddpg, every, generations, limited, two};

#[test]
fn a_run_goes_on_from_its_best_generation() {
    let folder = tempfile::tempdir().unwrap();
    let make = |steps| two(&by_steps(steps)).with_environment_state();
    let mut score = 0.0;
    let checkpoints = Checkpoints::open(folder.path()).unwrap().keep(1);
    let scored = CheckpointEvery::steps(50, checkpoints).unwrap().keep_best(move |_: &SmallDdpg| {
        score -= 1.0;
        Ok(score)
    });
    let mut first = make(200).with_checkpoints(scored);
    first.run(&mut []).unwrap();
    assert_eq!((first.checkpoints().unwrap().best(), generations(&first)), (Some(0), vec![0, 3]));
    drop(first);

    let mut whole = make(200);
    whole.run(&mut []).unwrap();
    let mut trainer = make(200).with_checkpoints(every(1_000, &folder));
    let best = trainer.checkpoints().unwrap().best().unwrap();
    assert_eq!(trainer.resume_generation(best).unwrap().environment_steps, 50);
    assert_eq!(generations(&trainer), [0, 3], "nothing is removed by going back");
    trainer.run(&mut []).unwrap();
    assert_eq!(trainer.history(), whole.history());
    // The other branch is older now, and a plain resume takes up this one.
    assert_eq!(generations(&trainer), [0, 3, 4]);
    drop(trainer);
    let mut trainer = make(200).with_checkpoints(every(1_000, &folder));
    assert_eq!(trainer.resume_newest().unwrap().unwrap().generation, 4);

    let error = trainer.resume_generation(2).unwrap_err().to_string();
    assert_eq!(error, format!("there is no generation 2 in {}, only [0, 3, 4]", folder.path().display()));
}

#[test]
fn settings_that_may_differ_are_named_and_all_others_refused() {
    let folder = tempfile::tempdir().unwrap();
    let make = |config: DdpgConfig, schedule: &TrainerConfig| {
        Trainer::new(limited(50), ddpg(&config), schedule, Seed(0)).unwrap().with_environment_state()
    };
    let normalized = || DdpgConfig::new().with_normalize_observations(true);
    let mut saved = make(normalized(), &by_steps(60));
    saved.run(&mut []).unwrap();
    saved.save(&mut Checkpoints::open(folder.path()).unwrap()).unwrap();

    let fine = normalized().with_actor_learning_rate(1e-5).with_tau(0.5).with_discount(0.5);
    let schedule = by_steps(90).with_batch_size(8).with_n_step(2).with_average_window(3);
    let open = || Checkpoints::open(folder.path()).unwrap();
    let error = make(fine.clone(), &schedule).resume(&mut open()).unwrap_err().to_string();
    assert_eq!(
        error,
        "the checkpoint was made with other settings: actor_learning_rate: 0.001 then, 0.00001 now; discount: 0.99 then, 0.5 now; \
         tau: 0.005 then, 0.5 now; average_window: 100 then, 3 now; batch_size: 4 then, 8 now; n_step: 1 then, 2 now; \
         restore the old values, or name the settings in `Checkpoints::allow_changed` to continue with the new values"
    );
    // What is not named stays refused, and is the only thing that is.
    let some = ["actor_learning_rate", "tau", "average_window", "batch_size", "n_step"];
    let error = make(fine.clone(), &schedule).resume(&mut open().allow_changed(some)).unwrap_err().to_string();
    assert!(
        error.starts_with(
            "the checkpoint was made with other settings: discount: 0.99 then, 0.5 now; restore the old values"
        ),
        "{error}"
    );

    let mut allowed = open().allow_changed(some).allow_changed(["discount"]);
    let mut tuned = make(fine.clone(), &schedule);
    let resumed = tuned.resume(&mut allowed).unwrap().unwrap();
    let changed: Vec<_> = resumed.changed.iter().map(|setting| setting.name.as_str()).collect();
    assert_eq!(changed, ["actor_learning_rate", "discount", "tau", "average_window", "batch_size", "n_step"]);
    // Everything was taken along, and the settings are the new ones.
    assert_eq!((tuned.agent().config(), tuned.config()), (&fine, &schedule));
    let without_config = |trainer: &Trainer<_, SmallDdpg>| {
        let mut state = trainer.agent().save_state().unwrap();
        state.take_text("config").unwrap();
        state
    };
    assert_eq!(without_config(&tuned), without_config(&saved));
    let observation = [0.5, -0.5, 3.0];
    let action = |agent: &mut SmallDdpg| agent.act(&[&observation]).unwrap();
    assert_eq!(action(tuned.agent_mut()), action(saved.agent_mut()));
    tuned.run(&mut []).unwrap();
    tuned.save(&mut allowed).unwrap();
    drop(allowed);

    // The same command again: there is nothing left that differs.
    let resumed = make(fine, &schedule).resume(&mut open().allow_changed(some).allow_changed(["discount"]));
    assert_eq!(resumed.unwrap().unwrap().changed, []);
}

#[test]
fn names_that_are_no_setting_and_settings_that_shape_arrays_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let make = |config: &DdpgConfig, schedule: &TrainerConfig| {
        Trainer::new(limited(50), ddpg(config), schedule, Seed(0)).unwrap().with_environment_state()
    };
    let (plain, schedule) = (DdpgConfig::new().with_normalize_observations(false), by_steps(20));
    let open = || Checkpoints::open(folder.path()).unwrap();
    let unknown =
        |name: &str| make(&plain, &schedule).resume(&mut open().allow_changed([name])).unwrap_err().to_string();
    // Before there is anything to resume, so that it is found on the first day.
    for name in ["learning_rate", "actor_learning_rat", "", "replay_capacity", "trainer.batch_size"] {
        let error = unknown(name);
        let begins = format!("`{name}` is not a setting; the settings of agent and trainer are ");
        assert!(error.starts_with(&begins) && error.contains("actor_learning_rate, "), "{error}");
        assert!(error.contains("batch_size") && !error[begins.len()..].contains("replay_capacity"), "{error}");
    }
    let mut saved = make(&plain, &schedule);
    saved.run(&mut []).unwrap();
    saved.save(&mut open()).unwrap();

    let text = |config: &DdpgConfig, name: &str| {
        let mut trainer = make(config, &schedule);
        let error = trainer.resume(&mut open().allow_changed([name])).unwrap_err().to_string();
        assert_eq!((trainer.environment_steps(), trainer.replay().len()), (0, 0), "nothing has changed");
        error
    };
    let error = text(&plain.clone().with_normalize_observations(true), "normalize_observations");
    assert_eq!(error, "`agent.boundary.observations.count` is missing from the state");
    let noise = NoiseConfig::OrnsteinUhlenbeck(OrnsteinUhlenbeckConfig::new().with_volatility(9.0));
    let error = text(&plain.clone().with_noise(noise), "noise");
    assert!(error.starts_with("`agent.exploration.processes."), "{error}");
}
