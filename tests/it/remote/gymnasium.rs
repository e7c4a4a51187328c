//! Gymnasium itself, where it is installed.
//!
//! `ACTOR_CRITIC_GYMNASIUM=/path/to/python cargo test --test it remote::gymnasium -- --ignored` names a Python that has `gymnasium`.

use std::path::Path;

use super::assert_same_episode;
use super::kills::{BEGUN, leaves_none_behind};
use actor_critic::env::Render;
use actor_critic::env::remote::{Gymnasium, RemoteError};
use actor_critic::prelude::*;
use serde_json::json;

/// A module with environments of every shape that a bridge meets.
const TASKS: &str = r#"
import os, re, sys
import gymnasium, numpy
from gymnasium import spaces

class Task(gymnasium.Env):
    """Observes what `observe` says. An action above 1.5 raises, one below -1.5 ends the process, one of 1.5 never comes back."""
    action_space = spaces.Box(-2.0, 2.0, (2, 1), numpy.float64)

    metadata = {"render_modes": ["rgb_array"]}

    def __init__(self, observation_space, scale=1.0, render_mode=None):
        self.render_mode = render_mode
        self.observation_space, self.scale = observation_space, scale

    def reset(self, seed=None, options=None):
        super().reset(seed=seed)
        print("the environment prints", flush=True)
        os.write(1, b"and writes to the file descriptor\n")
        assert sys.stdin.read() == ""
        self.value = self.scale
        return self.observe(), {}

    def step(self, action):
        assert action.shape == (2, 1) and action.dtype == numpy.float64, action
        if action[0, 0] > 1.5:
            raise ValueError("the leg fell off")
        if action[0, 0] < -1.5:
            os._exit(3)
        if action[0, 0] == 1.5:
            # In C, without letting any other thread run.
            re.match("(a+)+$", "a" * 64 + "b")
        self.value = float(action[0, 0] + 10 * action[1, 0])
        return self.observe(), 0.1, False, True, {}

    def render(self):
        picture = numpy.zeros((2, 3, 3), numpy.uint8)
        picture[0, 1:] = 255, 0, 0
        return picture

    def observe(self):
        return self.build(self.observation_space)

    def build(self, space):
        if isinstance(space, spaces.Dict):
            return {key: self.build(part) for key, part in reversed(space.spaces.items())}
        if isinstance(space, spaces.Tuple):
            return tuple(self.build(part) for part in space.spaces)
        size = int(numpy.prod(space.shape))
        return (self.value + numpy.arange(size)).reshape(space.shape).astype(space.dtype)

box = lambda *shape: spaces.Box(-numpy.inf, numpy.inf, shape, numpy.float64)
SPACES = {
    "Nested": spaces.Dict({"b": spaces.Tuple([box(1), box(2)]), "a": box(2, 2)}),
    "Image": spaces.Box(0, 255, (2, 3, 3), numpy.uint8),
    "Discrete": spaces.Dict({"legs": box(2), "gear": spaces.Discrete(3)}),
}
for name, space in SPACES.items():
    gymnasium.register(f"{name}-v0", Task, kwargs={"observation_space": space})

class DiscreteAction(Task):
    action_space = spaces.Discrete(4)
gymnasium.register("DiscreteAction-v0", DiscreteAction, kwargs={"observation_space": box(1)})

def negated(env, factor):
    return gymnasium.wrappers.TransformReward(env, lambda reward: -factor * reward)
"#;

fn python() -> String {
    std::env::var("ACTOR_CRITIC_GYMNASIUM").expect("ACTOR_CRITIC_GYMNASIUM must name a Python that has Gymnasium")
}

/// A Python that finds the module `tasks`, with more arguments.
fn python_with_tasks(folder: &Path, python: &str, arguments: &str) -> std::path::PathBuf {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(folder.join("tasks.py"), TASKS).unwrap();
    let path = folder.join("python");
    let script = format!("#!/bin/sh\nPYTHONPATH='{}' exec '{python}' {arguments} \"$@\"\n", folder.display());
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[test]
#[ignore = "needs Gymnasium"]
fn the_pendulum_is_our_own_step_by_step_over_100_episodes() {
    let python = python();
    let mut env = Gymnasium::new("Pendulum-v1").with_python(python).start().unwrap();
    assert!(env.hello().versions.iter().any(|(name, _)| name == "gymnasium"));
    for seed in 0..100 {
        assert_same_episode(&mut env, &mut Pendulum::v1(), seed);
    }
    check_environment(&mut env).unwrap();
}

#[test]
#[ignore = "needs Gymnasium"]
fn nested_and_image_like_observations_are_flattened_in_order_and_prints_stay_out() {
    let python = python();
    let folder = tempfile::tempdir().unwrap();
    let python = python_with_tasks(folder.path(), &python, "");
    let start = |id: &str| Gymnasium::new(format!("tasks:{id}")).with_python(&python);

    let mut env = start("Nested-v0").with_keyword("scale", 0.1).start().unwrap();
    // By the order of the keys: `a` row by row, then the two parts of `b`. One third of a tenth is cast once.
    let from = |value: f64, count: u32| (0..count).map(move |i| (value + f64::from(i)) as f32);
    let expected = |value: f64| from(value, 4).chain(from(value, 1)).chain(from(value, 2)).collect::<Vec<_>>();
    assert_eq!(env.reset(0).unwrap(), expected(0.1));
    let step = env.step(&[0.5, -0.25]).unwrap();
    assert_eq!((step.observation, step.reward, step.terminated, step.truncated), (expected(-2.0), 0.1, false, true));

    let mut env = start("Image-v0").start().unwrap();
    assert_eq!(env.observation_space().high(), [255.0; 18]);
    assert_eq!(env.reset(0).unwrap(), (1..19).map(|i| i as f32).collect::<Vec<_>>());

    let mut env = start("Image-v0").with_wrapper("tasks:negated", [("factor", json!(3))]).start().unwrap();
    env.reset(0).unwrap();
    assert_eq!(env.step(&[0.0, 0.0]).unwrap().reward, -0.3);
}

#[test]
#[ignore = "needs Gymnasium"]
fn pictures_are_drawn_if_asked() {
    let folder = tempfile::tempdir().unwrap();
    let task = Gymnasium::new("tasks:Image-v0").with_python(python_with_tasks(folder.path(), &python(), ""));
    let mut env = task.clone().with_pictures().start().unwrap();
    assert_eq!(env.render(), None);
    env.reset(0).unwrap();
    let svg = env.render().unwrap();
    assert!(svg.contains("<path fill=\"#f00\" d=\"M1 0h2v1h-2z\"/>"), "{svg}");
    env.step(&[0.0, 0.0]).unwrap();
    assert_eq!(env.render().unwrap(), svg);

    let mut env = task.start().unwrap();
    env.reset(0).unwrap();
    assert_eq!(env.render(), None);
}

#[test]
#[ignore = "needs Gymnasium"]
fn what_cannot_be_made_is_named() {
    let python = python();
    let folder = tempfile::tempdir().unwrap();
    let tasks = python_with_tasks(folder.path(), &python, "");
    let refusal = |id: &str| Gymnasium::new(id).with_python(&tasks).start().unwrap_err();

    let error = refusal("tasks:Discrete-v0");
    assert!(
        matches!(&error, RemoteError::NoBox { report, .. } if report == "the observation space['gear'] is Discrete(3)"),
        "{error}"
    );
    let error = refusal("tasks:DiscreteAction-v0");
    assert!(
        matches!(&error, RemoteError::NoBox { report, .. } if report.starts_with("the action space is Discrete(4)")),
        "{error}"
    );
    let error = refusal("Nope-v0");
    assert!(
        matches!(&error, RemoteError::UnknownId { simulator, .. } if simulator.starts_with("Nope-v0 in ")),
        "{error}"
    );
    assert!(matches!(refusal("no_such_module:Nope-v0"), RemoteError::NoPackage { .. }));
    let wrapped = Gymnasium::new("Pendulum-v1").with_python(&tasks).with_wrapper("tasks.negated", []);
    let error = wrapped.start().unwrap_err().to_string();
    assert!(error.ends_with("a wrapper must be named as `module:attribute`, got `tasks.negated`"), "{error}");
    let error =
        Gymnasium::new("Pendulum-v1").with_python(&tasks).with_keyword("legs", 2).start().unwrap_err().to_string();
    assert!(error.contains("TypeError") && error.contains("legs"), "{error}");

    // Without site-packages there is no Gymnasium.
    let bare = python_with_tasks(folder.path(), &python, "-I -S");
    let error = Gymnasium::new("Pendulum-v1").with_python(bare).start().unwrap_err();
    assert!(matches!(&error, RemoteError::NoPackage { report, .. } if report.starts_with("gymnasium: ")), "{error}");
}

#[test]
#[ignore = "needs Gymnasium"]
fn an_exception_has_its_traceback_and_a_process_that_ends_its_status() {
    let python = python();
    let folder = tempfile::tempdir().unwrap();
    let python = python_with_tasks(folder.path(), &python, "");
    let mut env = Gymnasium::new("tasks:Nested-v0").with_python(python).start().unwrap();
    env.reset(0).unwrap();
    let error = env.step(&[1.75, 0.0]).unwrap_err().to_string();
    assert!(error.contains(" failed in a step:\nTraceback (most recent call last):"), "{error}");
    assert!(error.contains("tasks.py") && error.ends_with("ValueError: the leg fell off"), "{error}");
    env.reset(0).unwrap();
    let error = env.step(&[-1.75, 0.0]).unwrap_err().to_string();
    assert!(
        error.ends_with(" ended before it had answered a step: exit status: 3; its output is on standard error"),
        "{error}"
    );
}

/// The name of the test below, and what tells a process that it is its trainer.
const STUCK: [&str; 2] = ["remote::gymnasium::a_killed_trainer_leaves_no_python_behind", "train-until-killed"];

#[test]
#[ignore = "needs Gymnasium"]
fn a_killed_trainer_leaves_no_python_behind() {
    let python = python();
    if std::env::args().any(|argument| argument == STUCK[1]) {
        let start = || Gymnasium::new("tasks:Nested-v0").with_python(&python).start().unwrap();
        let [mut idle, mut stuck] = [start(), start()];
        idle.reset(0).unwrap();
        stuck.reset(0).unwrap();
        stuck.begin_step(&[1.5, 0.0]);
        println!("{BEGUN}");
        return drop(stuck.step(&[1.5, 0.0]));
    }
    let folder = tempfile::tempdir().unwrap();
    let python = python_with_tasks(folder.path(), &python, "");
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", STUCK[0], STUCK[1], "--nocapture", "--ignored"]).env("ACTOR_CRITIC_GYMNASIUM", python);
    assert!(leaves_none_behind(&mut command));
}
