use super::*;
use crate::env::{Environment, Pendulum, Render, Step};
use crate::space::BoxSpace;

mod animation;
mod page;

/// A task of three steps with a picture, and how many of its states it draws.
struct Slide {
    space: BoxSpace,
    position: u32,
    drawn: u32,
}

impl Slide {
    fn new(drawn: u32) -> Self {
        Self { space: BoxSpace::symmetric(4.0, 1).unwrap(), position: 0, drawn }
    }
}

impl Environment for Slide {
    fn observation_space(&self) -> &BoxSpace {
        &self.space
    }
    fn action_space(&self) -> &BoxSpace {
        &self.space
    }
    fn reset(&mut self, seed: u64) -> Result<Vec<f32>, EnvironmentError> {
        if seed == 13 {
            return Err(EnvironmentError::other("unlucky seed"));
        }
        self.position = 0;
        Ok(vec![0.0])
    }
    fn step(&mut self, action: &[f32]) -> Result<Step, EnvironmentError> {
        self.position += 1;
        let terminated = self.position == 3;
        Ok(Step { observation: vec![self.position as f32], reward: action[0], terminated, truncated: false })
    }
}

impl Render for Slide {
    fn render(&self) -> Option<String> {
        (self.position < self.drawn).then(|| square(10 * self.position))
    }
}

/// A blue square on white, so far from the left.
fn square(left: u32) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 40 20\">\
         <rect x=\"{left}\" y=\"10\" width=\"10\" height=\"10\" fill=\"#0000ff\"/></svg>"
    )
}

#[test]
fn an_episode_is_recorded_from_its_first_state_to_its_last() {
    let act = |observation: &[f32]| Ok(vec![observation[0] + 0.5]);
    let recording = record_episode(act, &mut Slide::new(4), 0).unwrap();
    assert_eq!(recording.frames, [0, 10, 20, 30].map(square));
    // 0.5 + 1.5 + 2.5
    assert_eq!((recording.steps(), recording.episode_return), (3, 4.5));
    assert!(recording.terminated && !recording.truncated);
}

#[test]
fn what_fails_in_an_episode_is_named() {
    let still = |_: &[f32]| Ok(vec![0.0]);
    let error = record_episode(still, &mut Slide::new(2), 0).unwrap_err();
    assert_eq!(error.to_string(), "an environment must draw itself once it is reset, got no picture after 2 steps");
    let error = record_episode(still, &mut Slide::new(4), 13).unwrap_err();
    assert_eq!(error.to_string(), "the environment failed: unlucky seed");
    let diverged = |_: &[f32]| Err(ActError::NonFiniteAction { axis: 0, value: f32::NAN });
    let error = record_episode(diverged, &mut Slide::new(4), 0).unwrap_err();
    assert_eq!(error.to_string(), "the actor's action must be finite, got NaN on axis 0: its weights have diverged");
    let mut endless = Slide { space: BoxSpace::new(vec![f32::NEG_INFINITY], vec![1.0]).unwrap(), ..Slide::new(4) };
    let error = record_episode(still, &mut endless, 0).unwrap_err();
    assert!(matches!(error, ReportError::Space(_)), "{error}");
}

#[test]
fn a_file_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = Report::new("a run").write(file.join("report.html")).unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("cannot write ") && text.contains("report.html: "), "{text}");
    Animation::new([square(0)]).write(folder.path().join("new/folder/slide.gif")).unwrap();
}

#[test]
fn a_pendulum_of_200_steps_is_below_300_kb() {
    let mut env = Pendulum::v1();
    let recording = record_episode(|_| Ok(vec![2.0]), &mut env, 0).unwrap();
    assert_eq!(recording.frames.len(), 201);
    let gif = Animation::new(recording.frames).gif().unwrap();
    assert!(gif.len() < 300_000, "{}", gif.len());
}
