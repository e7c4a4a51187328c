use super::*;
use crate::nn::lab::ClippedNoiseConfig;
use crate::nn::{Activation, DeterministicActorConfig, GaussianActorConfig};
use crate::rng::{Seed, Stream};
use crate::space::BoxSpace;
use crate::state::State;
use serde_json::{Value, json};

fn spaces() -> Spaces {
    let observation =
        BoxSpace::new(vec![-1.0, f32::NEG_INFINITY, -8.0], vec![1.0, f32::INFINITY, f32::INFINITY]).unwrap();
    Spaces::new(observation, BoxSpace::new(vec![-2.0, -0.5], vec![2.0, 1.5]).unwrap()).unwrap()
}

fn deterministic(device: &Device) -> DeterministicActor {
    let config = DeterministicActorConfig::new().with_hidden_dims(vec![8, 5]).with_activation(Activation::Tanh);
    config.init(&spaces(), &mut Seed(0).stream(Stream::ActorWeights), device).unwrap()
}

fn gaussian(device: &Device) -> GaussianActor {
    let config = GaussianActorConfig::new().with_hidden_dims(vec![7, 6]);
    config.init(&spaces(), &mut Seed(0).stream(Stream::ActorWeights), device).unwrap()
}

/// One policy of each kind.
fn policies(device: &Device) -> Vec<Policy> {
    let noisy = ClippedNoiseConfig::new().init(deterministic(device)).unwrap();
    let networks: [PolicyNetwork; 3] = [deterministic(device).into(), gaussian(device).into(), noisy.into()];
    networks.into_iter().map(|network| Policy::new(network, &spaces(), device).unwrap()).collect()
}

const OBSERVATIONS: [[f32; 3]; 4] = [[0.1, -2.0, 3.0], [0.0; 3], [1.0, 100.0, -8.0], [-0.7, 1e-3, 55.0]];

#[test]
fn a_policy_that_was_loaded_acts_as_the_one_that_was_saved() {
    let device = crate::test_device();
    let folder = tempfile::tempdir().unwrap();
    for (i, policy) in policies(&device).into_iter().enumerate() {
        let path = folder.path().join(format!("new/{i}.safetensors"));
        policy.save(&path).unwrap();
        let restored = Policy::load(&path, &device).unwrap();
        assert_eq!(restored.spaces(), policy.spaces());
        for observation in OBSERVATIONS {
            assert_eq!(restored.action(&observation).unwrap(), policy.action(&observation).unwrap());
            let sample =
                |policy: &Policy| policy.sample(&observation, &mut Seed(1).stream(Stream::Exploration)).unwrap();
            assert_eq!(sample(&restored), sample(&policy));
            let random = sample(&policy) != policy.action(&observation).unwrap();
            assert_eq!(random, !matches!(policy.network(), PolicyNetwork::Deterministic(_)));
        }
        assert_eq!(restored.to_bytes().unwrap(), policy.to_bytes().unwrap());
    }
    assert_eq!(std::fs::read_dir(folder.path().join("new")).unwrap().count(), 3, "nothing unfinished stays");
}

#[test]
fn every_activation_is_saved_and_loaded() {
    let device = crate::test_device();
    for activation in [Activation::Relu, Activation::Tanh, Activation::Elu, Activation::Silu] {
        let config = GaussianActorConfig::new().with_hidden_dims(vec![8, 5]).with_activation(activation);
        let actor = config.init(&spaces(), &mut Seed(0).stream(Stream::ActorWeights), &device).unwrap();
        let policy = Policy::new(actor, &spaces(), &device).unwrap();
        let restored = Policy::from_bytes(&policy.to_bytes().unwrap(), &device).unwrap();
        for observation in OBSERVATIONS {
            assert_eq!(restored.action(&observation).unwrap(), policy.action(&observation).unwrap(), "{activation:?}");
        }
    }
}

#[test]
fn spaces_of_any_width_are_saved_and_loaded() {
    let device = crate::test_device();
    for axes in [1_000, 1_001, 40_000] {
        let low = |axis: usize| if axis == 0 { f32::NEG_INFINITY } else { -1.0 - axis as f32 };
        let observation = BoxSpace::new((0..axes).map(low).collect(), vec![f32::INFINITY; axes]).unwrap();
        let wide = Spaces::new(observation, spaces().action().clone()).unwrap();
        let config = DeterministicActorConfig::new().with_hidden_dims(vec![2]);
        let actor = config.init(&wide, &mut Seed(0).stream(Stream::ActorWeights), &device).unwrap();
        let policy = Policy::new(actor, &wide, &device).unwrap();
        let restored = Policy::from_bytes(&policy.to_bytes().unwrap(), &device).unwrap();
        assert_eq!(restored.spaces(), policy.spaces(), "{axes}");
        let observation = vec![0.5; axes];
        assert_eq!(restored.action(&observation).unwrap(), policy.action(&observation).unwrap(), "{axes}");
    }
}

#[test]
fn many_observations_give_the_actions_of_each() {
    let device = crate::test_device();
    for policy in policies(&device) {
        let actions: Vec<f32> =
            policy.act_on_device(Tensor::from_data(OBSERVATIONS, &device)).try_into_vec_as().unwrap();
        for (observation, action) in OBSERVATIONS.iter().zip(actions.chunks(2)) {
            let single = policy.action(observation).unwrap();
            assert!(single.iter().zip(action).all(|(a, b)| (a - b).abs() < 1e-6), "{single:?} {action:?}");
        }
    }
}

#[test]
fn layers_lie_as_in_pytorch() {
    let device = crate::test_device();
    let mut state = State::from_bytes(&policies(&device)[0].to_bytes().unwrap()).unwrap();
    let names =
        ["layers.0.bias", "layers.0.weight", "layers.1.bias", "layers.1.weight", "layers.2.bias", "layers.2.weight"];
    assert!(state.names().eq(names));
    let weight: Vec<f32> = state.take_array("layers.0.weight", &[8, 3]).unwrap();
    let ours: Vec<f32> = deterministic(&device).trunk.layers[0].weight.val().try_into_vec_as().unwrap();
    assert_eq!((weight[1], weight[3]), (ours[8], ours[1])); // [0, 1] and [1, 0] of PyTorch, [1, 0] and [0, 1] of burn
}

#[test]
fn a_network_for_other_spaces_is_refused() {
    let device = crate::test_device();
    let narrow = Spaces::new(spaces().observation().clone(), BoxSpace::symmetric(1.0, 1).unwrap()).unwrap();
    let error = Policy::new(gaussian(&device), &narrow, &device).unwrap_err();
    assert_eq!(error.to_string(), "actor must return a tensor of shape [2, 1] for a batch of 2, got [2, 2]");
}

/// The file of a policy with another description, and other arrays.
fn edited(policy: &Policy, describe: impl FnOnce(&mut Value), edit: impl FnOnce(&mut State)) -> Vec<u8> {
    let (mut state, note) = State::from_bytes_with_note(&policy.to_bytes().unwrap()).unwrap();
    let mut description: Value = serde_json::from_str(&note.unwrap()).unwrap();
    describe(&mut description);
    edit(&mut state);
    state.to_bytes_with_note(Some(description.to_string())).unwrap()
}

#[test]
fn files_that_are_not_policies_are_refused_with_the_reason() {
    let device = crate::test_device();
    let [plain, gaussian, noisy] = policies(&device).try_into().unwrap();
    let same = |_: &mut Value| ();
    let keep = |_: &mut State| ();
    let drop_array = |name: &'static str| move |state: &mut State| drop(state.take_row::<f32>(name).unwrap());
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (b"torch".to_vec(), "the file must be valid safetensors: header too small"),
        (State::new().to_bytes().unwrap(), "the metadata must describe a policy under the key `actor-critic`"),
        (edited(&plain, |d| d["format"] = json!(2), keep), "the policy must have format 1, which this version"),
        (edited(&plain, |d| d["format"] = json!("1"), keep), "the description of the policy must be JSON"),
        (edited(&plain, |d| d["more"] = json!(1), keep), "the description of the policy must be JSON"),
        (edited(&plain, |d| d["activation"] = json!("gelu"), keep), "the description of the policy must be JSON"),
        (edited(&plain, |d| *d = json!([]), keep), "the description of the policy must be JSON"),
        (
            edited(&plain, |d| d["action"]["low"][0] = json!(2.0), keep),
            "axis 0 of an action space must have low below high, got 2 for both",
        ),
        (
            edited(&plain, |d| d["action"]["low"][0] = json!(null), keep),
            "axis 0 of an action space must have finite bounds",
        ),
        (
            edited(&plain, |d| d["action"] = json!({"low": [], "high": []}), keep),
            "a space must have at least 1 axis, got 0",
        ),
        (edited(&plain, |d| d["action"] = json!(null), keep), "`action.low` is missing from the state"),
        (
            edited(
                &plain,
                |d| d["observation"] = json!(null),
                |state| {
                    state.put_array("observation.low", &[3], vec![2.0_f32; 3]);
                    state.put_array("observation.high", &[3], vec![1.0_f32; 3]);
                },
            ),
            "axis 0: low must not be above high",
        ),
        (edited(&plain, |d| d["kind"] = json!("gaussian"), keep), "`mean.weight` is missing from the state"),
        (
            edited(&gaussian, |d| d["kind"] = json!("deterministic"), keep),
            "`the last layer` must be as wide as the action",
        ),
        (
            edited(&noisy, |d| d["kind"]["clipped_noise"]["std"] = json!(-1.0), keep),
            "std must be at least 0 and finite",
        ),
        (edited(&plain, same, drop_array("layers.1.bias")), ""),
        (
            edited(&plain, same, |state| state.put("layers.9.bias", 1.0_f32)),
            "`layers.9.bias` is in the state, but is not used",
        ),
        (
            edited(&plain, same, |state| {
                let row: Vec<f32> = state.take_array("layers.1.weight", &[5, 8]).unwrap();
                state.put_array("layers.1.weight", &[8, 5], row);
            }),
            "`layers.1.weight` must have shape [8, 8], got [8, 5]",
        ),
        (
            edited(&plain, same, |state| {
                state.take_array::<f32>("layers.0.bias", &[8]).unwrap();
                state.put_array("layers.0.bias", &[8], vec![1.0_f64; 8]);
            }),
            "`layers.0.bias` must hold f32, got f64",
        ),
        (
            edited(&plain, |d| d["observation"] = json!({"low": [0.0], "high": [1.0]}), keep),
            "`layers.0.weight` must have shape [8, 1], got [8, 3]",
        ),
    ];
    for (bytes, expected) in cases {
        match Policy::from_bytes(&bytes, &device) {
            // A layer without bias is a layer.
            Ok(_) => assert_eq!(expected, ""),
            Err(error) => assert!(!expected.is_empty() && error.to_string().starts_with(expected), "{error}"),
        }
    }
}

#[test]
fn a_path_that_cannot_be_used_is_named() {
    let device = crate::test_device();
    let folder = tempfile::tempdir().unwrap();
    let text = |error: PolicyError| error.to_string();
    assert!(text(Policy::load(folder.path().join("gone"), &device).unwrap_err()).starts_with("cannot read "));
    assert!(text(Policy::load(folder.path(), &device).unwrap_err()).ends_with(": not a regular file"));
    let policy = &policies(&device)[0];
    assert!(text(policy.save(folder.path()).unwrap_err()).starts_with("cannot write "));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    let huge = folder.path().join("huge");
    File::create(&huge).unwrap().set_len(MAX_FILE + 1).unwrap();
    let error = text(Policy::load(&huge, &device).unwrap_err());
    assert_eq!(error, "a policy file must be at most 1073741824 bytes long, got 1073741825");
}
