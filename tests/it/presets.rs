//! Presets: every algorithm on every bundled task can be built, trained, saved, resumed and judged.

use actor_critic::prelude::*;
use actor_critic::preset::{Preset, Task};

/// Trains for some steps beyond the beginning of learning, stops in mid-run, goes on in a new trainer, and compares.
fn goes_on<C: AgentConfig + Clone + 'static>(mut preset: Preset<C>) {
    let device = Device::flex();
    preset.trainer_config.warmup_steps = Some(20);
    preset.trainer_config.learning_starts = Some(preset.trainer_config.batch_size);
    preset.trainer_config.replay_capacity = 2 * preset.trainer_config.batch_size;
    preset.trainer_config.environment_steps = Some(preset.trainer_config.batch_size + 20);
    let steps = preset.steps();
    let task = preset.task;

    let mut whole = preset.trainer(&device, Seed(3)).unwrap();
    whole.run(&mut []).unwrap();
    assert_eq!(whole.environment_steps(), steps, "{task}");
    assert!(whole.updates() > 10, "{task}");

    let folder = tempfile::tempdir().unwrap();
    let mut checkpoints = Checkpoints::open(folder.path()).unwrap();
    let mut first = preset.trainer(&device, Seed(3)).unwrap();
    (0..steps - 7).for_each(|_| _ = first.step().unwrap());
    first.save(&mut checkpoints).unwrap();
    let mut second = preset.trainer(&device, Seed(3)).unwrap();
    second.resume(&mut checkpoints).unwrap().unwrap();
    second.run(&mut []).unwrap();
    let state = |agent: &C::Agent| agent.save_state().unwrap().to_bytes().unwrap();
    assert_eq!(state(second.agent()), state(whole.agent()), "{task}");
}

#[test]
fn every_preset_trains_and_goes_on_bit_for_bit() {
    for task in Task::ALL {
        goes_on(Preset::recommended(task));
        goes_on(Preset::recommended_td3(task));
        goes_on(Preset::recommended_ddpg(task));
    }
}

#[test]
fn an_evaluation_is_of_fixed_starts_and_repeats_actions_as_training_does() {
    let device = Device::flex();
    for task in Task::ALL {
        let preset = Preset::recommended_td3(task);
        let agent = preset.agent(&device, Seed(0)).unwrap();
        let evaluation = task.evaluate_repeating(&agent, preset.action_repeat).unwrap();
        assert_eq!(evaluation, task.evaluate_repeating(&agent, preset.action_repeat).unwrap());
        assert_eq!(evaluation.returns.len(), if task == Task::Pendulum { 256 } else { 10 }, "{task}");
        assert!(evaluation.mean_return() <= task.best_return(), "{task}");
    }
    let agent = Preset::recommended_td3(Task::Reacher).agent(&device, Seed(0)).unwrap();
    let error = Task::Reacher.evaluate_repeating(&agent, 0).unwrap_err();
    assert_eq!(error.to_string(), "times must be at least 1, got 0");
    let once = Task::Reacher.evaluate(&agent).unwrap();
    assert_ne!(once, Task::Reacher.evaluate_repeating(&agent, 5).unwrap());
}

#[test]
fn random_actions_come_to_what_is_said() {
    for task in Task::ALL {
        let mut env = task.environment();
        let space = env.action_space().clone();
        let mut rng = Seed(1).stream(Stream::WarmUp);
        let mut returns = Vec::new();
        for seed in 0..100 {
            env.reset(seed).unwrap();
            let mut episode_return = 0.0;
            loop {
                let step = env.step(&space.sample(&mut rng)).unwrap();
                episode_return += f64::from(step.reward);
                if step.is_last() {
                    break;
                }
            }
            returns.push(episode_return);
        }
        let mean = returns.iter().sum::<f64>() / 100.0;
        let variance = returns.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 99.0;
        // Four standard errors, and what is lost in rounding the number.
        let tolerance = 4.0 * (variance / 100.0).sqrt() + 0.5;
        assert!((mean - task.random_return()).abs() < tolerance, "{task}: {mean}");
        assert!(task.random_return() < task.solved_return().unwrap_or(task.best_return()));
        assert!(task.solved_return().is_none_or(|solved| solved <= task.best_return()));
    }
}

#[test]
fn tasks_are_found_by_their_names() {
    for task in Task::ALL {
        assert_eq!(task.to_string().parse(), Ok(task));
    }
    let error = "cheetah".parse::<Task>().unwrap_err();
    assert!(error.to_string().starts_with("a task must be one of pendulum, mountain-car-continuous, "));
    assert!(error.to_string().ends_with(", got cheetah"));
}
