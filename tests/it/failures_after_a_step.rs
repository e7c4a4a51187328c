//! Whatever fails after a step was taken loses nothing of what the step has brought.

use crate::small_run::{self, SmallAgent, SmallTrainer};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

use actor_critic::agent::{ActError, AgentError, BatchError, Update};
use actor_critic::prelude::*;
use actor_critic::replay::Batch;
use actor_critic::train::{EpisodeSummary, Evaluation, EvaluationSummary, ObserverError, StepReport};

/// Notes what it is told, and fails at one of the calls.
#[derive(Default)]
struct Notes {
    steps: Vec<usize>,
    episodes: Vec<usize>,
    evaluations: Vec<usize>,
    fails_at_step: Option<usize>,
}

impl Observer for Notes {
    fn on_step(&mut self, step: &StepReport) -> Result<ControlFlow<()>, ObserverError> {
        self.steps.push(step.environment_steps);
        if self.fails_at_step == Some(step.environment_steps) {
            self.fails_at_step = None;
            return Err("the disk is full".into());
        }
        Ok(ControlFlow::Continue(()))
    }

    fn on_episode(&mut self, episode: &EpisodeSummary) -> Result<ControlFlow<()>, ObserverError> {
        self.episodes.push(episode.episode);
        Ok(ControlFlow::Continue(()))
    }

    fn on_evaluation(&mut self, evaluation: &EvaluationSummary) -> Result<ControlFlow<()>, ObserverError> {
        self.evaluations.push(evaluation.environment_steps);
        Ok(ControlFlow::Continue(()))
    }
}

/// An evaluation every 200 steps, whose calls with these numbers fail, from 1.
fn evaluation(failing: &'static [usize]) -> EvaluateEvery<SmallAgent> {
    let mut calls = 0;
    let evaluate = move |_: &SmallAgent| {
        calls += 1;
        if failing.contains(&calls) {
            return Err(EnvironmentError::other("the simulator is busy").into());
        }
        Ok(Evaluation { returns: vec![calls as f64] })
    };
    EvaluateEvery::steps(200, evaluate).unwrap()
}

fn trainer(episodes: usize) -> SmallTrainer {
    let config = small_run::config();
    Trainer::new(Pendulum::v1(), small_run::small_agent(), &TrainerConfig { episodes, ..config }, Seed(0))
        .unwrap()
        .with_environment_state()
}

fn evaluated_at<E: Environment, A: Agent>(trainer: &Trainer<E, A>) -> Vec<usize> {
    trainer.evaluations().iter().map(|evaluation| evaluation.environment_steps).collect()
}

#[test]
fn a_failed_evaluation_is_made_up_for_and_the_episode_of_its_step_is_told() {
    let mut trainer = trainer(5).with_evaluation(evaluation(&[2, 3, 7]));
    let mut notes = Notes::default();
    let mut errors = Vec::new();
    while trainer.evaluations().len() < 5 {
        errors.extend(trainer.run(&mut [&mut notes]).err().map(|error| error.to_string()));
    }
    let busy = "the environment failed: the simulator is busy, at environment step";
    assert_eq!(errors, [400, 400, 1_000].map(|step| format!("{busy} {step} after {} updates", step - 2)));
    assert_eq!(notes.steps, (1..=1_000).collect::<Vec<_>>());
    assert_eq!(notes.episodes, [0, 1, 2, 3, 4]);
    assert_eq!(notes.evaluations, [200, 400, 600, 800, 1_000]);
    assert_eq!(evaluated_at(&trainer), [200, 400, 600, 800, 1_000]);
}

#[test]
fn a_loop_of_ones_own_gets_what_a_failed_step_has_brought_with_the_next() {
    let mut trainer = trainer(3).with_evaluation(evaluation(&[1]));
    let reports: Vec<StepReport> = (0..402).filter_map(|_| trainer.step().ok().cloned()).collect();
    assert_eq!(reports.last().unwrap().environment_steps, 402);
    let at = |report: &StepReport| report.environment_steps;
    let episodes: Vec<_> = reports.iter().filter(|report| !report.episodes.is_empty()).map(at).collect();
    let evaluations: Vec<_> = reports.iter().filter(|report| !report.evaluations.is_empty()).map(at).collect();
    assert_eq!((episodes, evaluations), (vec![201, 400], vec![201, 400]));
    assert_eq!(evaluated_at(&trainer), [200, 400]);
}

#[test]
fn an_evaluation_that_failed_is_made_up_for_by_the_program_that_resumes_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let mut checkpoints = Checkpoints::open(folder.path()).unwrap();
    let mut failed = trainer(2).with_evaluation(evaluation(&[1]));
    failed.run(&mut []).unwrap_err();
    failed.save(&mut checkpoints).unwrap();

    let mut resumed = trainer(2).with_evaluation(evaluation(&[]));
    resumed.resume(&mut checkpoints).unwrap().unwrap();
    resumed.run(&mut []).unwrap();
    assert_eq!(evaluated_at(&resumed), [200, 400]);
}

#[test]
fn a_best_policy_that_cannot_be_saved_is_saved_at_the_next_call_without_another_evaluation() {
    let saved = Arc::new(Mutex::new(Vec::new()));
    let mut full = true;
    let note = Arc::clone(&saved);
    let evaluation = evaluation(&[]).keep_best(move |_, evaluation| {
        if std::mem::take(&mut full) {
            return Err(EnvironmentError::other("the disk is full").into());
        }
        note.lock().unwrap().push((evaluation.environment_steps, evaluation.mean_return()));
        Ok(())
    });
    let mut trainer = trainer(2).with_evaluation(evaluation);
    trainer.run(&mut []).unwrap_err();
    trainer.run(&mut []).unwrap();
    assert_eq!(*saved.lock().unwrap(), [(200, 1.0), (400, 2.0)]);
    assert_eq!(evaluated_at(&trainer), [200, 400]);
}

#[test]
fn an_observer_that_fails_keeps_nothing_from_the_others() {
    for fails in [0, 1] {
        let mut observers = [Notes::default(), Notes::default()];
        observers[fails].fails_at_step = Some(200);
        let [first, second] = &mut observers;
        let mut trainer = trainer(1).with_evaluation(evaluation(&[]));
        let error = trainer.run(&mut [first, second]).unwrap_err();
        assert_eq!(error.to_string(), "an observer failed: the disk is full");
        for notes in &observers {
            let told = (notes.steps.len(), &notes.episodes[..], &notes.evaluations[..]);
            assert_eq!(told, (200, &[0][..], &[200][..]));
        }
    }
}

#[test]
fn a_policy_that_cannot_be_scored_is_saved_without_a_score() {
    let folder = tempfile::tempdir().unwrap();
    let mut fails = true;
    let score = move |_: &SmallAgent| match std::mem::take(&mut fails) {
        true => Err(EnvironmentError::other("the simulator is busy").into()),
        false => Ok(1.0),
    };
    let checkpoints = Checkpoints::open(folder.path()).unwrap();
    let checkpoints = CheckpointEvery::steps(150, checkpoints).unwrap().keep_best(score);
    let mut interrupted = trainer(1).with_checkpoints(checkpoints);
    let error = interrupted.run(&mut []).unwrap_err();
    assert_eq!(error.to_string(), "the environment failed: the simulator is busy");
    drop(interrupted);
    let checkpoints = Checkpoints::open(folder.path()).unwrap();
    let checkpoints = CheckpointEvery::steps(150, checkpoints).unwrap().keep_best(|_: &SmallAgent| Ok(1.0));
    let mut resumed = trainer(1).with_checkpoints(checkpoints);
    assert_eq!(resumed.resume_newest().unwrap().unwrap().environment_steps, 150);
    resumed.run(&mut []).unwrap();
    assert_eq!(resumed.environment_steps(), 200);
}

/// The small agent, which fails at the update or the observation with a number, from 1.
struct Failing {
    agent: SmallAgent,
    updates: usize,
    observations: usize,
    fails_at: (usize, usize),
}

impl Act for Failing {
    fn spaces(&self) -> &Spaces {
        self.agent.spaces()
    }

    fn act(&self, observations: &[&[f32]]) -> Result<Vec<Vec<f32>>, ActError> {
        self.agent.act(observations)
    }
}

impl Agent for Failing {
    type Metrics = <SmallAgent as Agent>::Metrics;

    fn device(&self) -> &Device {
        self.agent.device()
    }

    fn discount(&self) -> f64 {
        self.agent.discount()
    }

    fn explore(&mut self, observations: &[&[f32]]) -> Result<Vec<Vec<f32>>, ActError> {
        self.agent.explore(observations)
    }

    fn observe_step(&mut self, _: usize, step: &Step) -> Result<(), ActError> {
        self.observe(&step.observation)
    }

    fn observe(&mut self, _: &[f32]) -> Result<(), ActError> {
        self.observations += 1;
        if self.observations == self.fails_at.1 {
            return Err(EnvironmentError::other("the statistics are full").into());
        }
        Ok(())
    }

    fn update(&mut self, batch: &Batch) -> Result<Update<Self::Metrics>, AgentError> {
        self.updates += 1;
        if self.updates == self.fails_at.0 {
            return Err(BatchError::Shape { field: "actions", expected: [1, 1], found: [1, 2] }.into());
        }
        self.agent.update(batch)
    }
}

fn failing(fails_at: (usize, usize)) -> Trainer<TimeLimit<Pendulum>, Failing> {
    let agent = Failing { agent: small_run::small_agent(), updates: 0, observations: 0, fails_at };
    Trainer::new(Pendulum::v1(), agent, &small_run::config(), Seed(0)).unwrap()
}

#[test]
fn an_update_that_fails_takes_neither_the_step_nor_its_episode_from_the_observers() {
    // Updates begin with the third step: the 198th belongs to the last step of the first episode.
    let (mut trainer, mut notes) = (failing((198, 0)), Notes::default());
    trainer.run(&mut [&mut notes]).unwrap_err();
    assert_eq!((notes.steps.len(), &notes.episodes[..]), (200, &[0][..]));
    trainer.run(&mut [&mut notes]).unwrap();
    assert_eq!((notes.steps, notes.episodes), ((1..=400).collect(), vec![0, 1]));
}

#[test]
fn a_step_that_the_agent_does_not_want_to_see_is_counted_with_its_transition() {
    // The first observation is that of the reset, so the 201st is that of the last step of the first episode.
    let (mut trainer, mut notes) = (failing((0, 201)), Notes::default());
    trainer.run(&mut [&mut notes]).unwrap_err();
    assert_eq!((trainer.environment_steps(), trainer.episodes(), notes.episodes.len()), (200, 1, 1));
    let steps: Vec<_> = trainer.run(&mut []).unwrap().iter().map(|episode| episode.steps).collect();
    assert_eq!((steps, trainer.environment_steps()), (vec![200], 400));

    // In mid-episode what is left of the episode is dropped, and what it had stays counted.
    let mut trainer = failing((0, 51));
    trainer.run(&mut []).unwrap_err();
    assert_eq!((trainer.environment_steps(), trainer.episodes()), (50, 0));
    trainer.run(&mut []).unwrap();
    assert_eq!((trainer.environment_steps(), trainer.episodes()), (450, 2));

    // An episode whose first observation the agent refuses is not played.
    let mut trainer = failing((0, 202));
    trainer.run(&mut []).unwrap_err();
    assert_eq!(trainer.environment_steps(), 200);
    trainer.run(&mut []).unwrap();
    assert_eq!((trainer.environment_steps(), trainer.agent().observations), (400, 403));
}
