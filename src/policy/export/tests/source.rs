//! What is refused, what the text says, and how exact its functions are.

use burn::module::Param;
use burn::tensor::Tensor;
use rand::RngExt;

use super::kinds::{Kind, all, spaces};
use crate::nn::{Activation, DeterministicActor, DeterministicActorConfig};
use crate::policy::{Policy, PolicyError, PolicyNetwork};
use crate::rng::{Seed, Stream};
use crate::space::BoxSpace;
use crate::state::State;

fn actor(hidden: &[usize]) -> DeterministicActor {
    let config = DeterministicActorConfig::new().with_hidden_dims(hidden.to_vec()).with_activation(Activation::Tanh);
    let spaces = spaces(1, BoxSpace::symmetric(1.0, 1).unwrap());
    config.init(&spaces, &mut Seed(0).stream(Stream::ActorWeights), &crate::test_device()).unwrap()
}

fn policy(actor: DeterministicActor) -> Policy {
    Policy::new(actor, &spaces(1, BoxSpace::symmetric(1.0, 1).unwrap()), &crate::test_device()).unwrap()
}

#[test]
fn a_layer_without_bias_is_refused() {
    let mut actor = actor(&[4]);
    actor.trunk.layers[0].bias = None;
    let policy = policy(actor);
    for error in [policy.to_c_source().unwrap_err(), policy.to_rust_source().unwrap_err()] {
        assert!(matches!(error, PolicyError::NotExportable));
        let text = error.to_string();
        assert!(text.starts_with("an exported network must be made of linear layers with a bias"), "{text}");
        assert!(text.contains("give each layer a bias"), "{text}");
    }
}

#[test]
fn a_weight_that_is_not_finite_is_refused() {
    let mut actor = actor(&[4]);
    actor.trunk.layers[0].bias =
        Some(Param::from_tensor(Tensor::from_data([0.0, f32::NAN, 0.0, 0.0], &crate::test_device())));
    let error = policy(actor).to_c_source().unwrap_err();
    assert_eq!(
        error.to_string(),
        "every number of an exported policy must be finite, got NaN: its weights have diverged"
    );
}

#[test]
fn a_policy_that_overflows_is_refused() {
    let mut actor = actor(&[2]);
    // 3e38 tanh(x) twice, with opposite signs of infinity: NaN.
    actor.trunk.activation = Activation::Relu;
    let device = crate::test_device();
    actor.trunk.layers[0].weight = Param::from_tensor(Tensor::from_data([[3e38_f32, 3e38]], &device));
    actor.trunk.layers[0].bias = Some(Param::from_tensor(Tensor::from_data([3e38_f32, 3e38], &device)));
    actor.trunk.layers[1].weight = Param::from_tensor(Tensor::from_data([[3e38_f32], [-3e38]], &device));
    let error = policy(actor).to_rust_source().unwrap_err();
    assert!(matches!(error, PolicyError::Recording(_)));
    assert!(
        error
            .to_string()
            .starts_with("the policy must return an action for each observation of the self-test: the actor's action")
    );
}

#[test]
fn the_text_is_ascii_the_same_every_time_and_names_version_and_bounds() {
    for kind in all() {
        let sources = || [kind.policy.to_c_source().unwrap(), kind.policy.to_rust_source().unwrap()];
        for (once, again) in sources().into_iter().zip(sources()) {
            assert!(once.is_ascii() && once == again, "{}", kind.name);
            assert!(once.contains(&format!("actor-critic {}.", env!("CARGO_PKG_VERSION"))));
            let bounds = if once.contains("[40, 50]") { "  [0] in [0, 0.3]" } else { "  [0] in [-2, 2]" };
            assert!(once.contains(bounds), "{}", kind.name);
        }
    }
}

#[test]
fn double_precision_agrees_with_the_policy() {
    for kind in all() {
        let observations = kind.observations(100);
        let exported = kind.policy.exported().unwrap();
        let rows = observations.chunks(kind.policy.spaces().observation().dim());
        let exact: Vec<f32> = rows.flat_map(|row| exported.action_in_double(row)).map(|x| x as f32).collect();
        kind.compare("double precision", &exact, &kind.actions(&observations));
    }
}

#[test]
fn a_network_is_described_in_words() {
    let source = policy(actor(&[4])).to_c_source().unwrap();
    assert!(source.contains(" * Network: 1 inputs, linear to 4 with tanh, linear to 1, tanh.\n"));
    assert!(source.contains(
        " * Observation: 1 number, in the units and the order of the environment.\n *   [0] in [-inf, inf]\n"
    ));
    // 4 + 4 + 4 + 1 weights and 4 bounds; 1 + 4 + 1 outputs of 4 bytes.
    assert!(source.contains(" * Numbers: 17, of 4 bytes each.\n * Stack: about 24 bytes.\n"));
}

#[test]
fn a_policy_file_holds_every_policy() {
    let device = crate::test_device();
    for Kind { name, policy, .. } in all() {
        let bytes = policy.to_bytes().unwrap();
        let loaded = Policy::from_bytes(&bytes, &device).unwrap();
        let mut rng = Seed(0).stream(Stream::Exploration);
        for _ in 0..20 {
            let observation: Vec<f32> =
                (0..policy.spaces().observation().dim()).map(|_| rng.random_range(-2.0..2.0)).collect();
            assert_eq!(loaded.action(&observation).unwrap(), policy.action(&observation).unwrap(), "{name}");
        }
        assert_eq!(loaded.to_bytes().unwrap(), bytes, "{name}");
    }
}

#[test]
fn norms_and_blocks_that_do_not_fit_are_refused() {
    let device = crate::test_device();
    let refusal = |name: &str, edit: &dyn Fn(&mut State)| {
        let policy = all().into_iter().find(|kind| kind.name == name).unwrap().policy;
        let (mut state, note) = State::from_bytes_with_note(&policy.to_bytes().unwrap()).unwrap();
        edit(&mut state);
        Policy::from_bytes(&state.to_bytes_with_note(note).unwrap(), &device).unwrap_err().to_string()
    };
    let narrow = |name: &'static str| {
        move |state: &mut State| {
            state.take_row::<f32>(name).unwrap();
            state.put_array(name, &[1], vec![1.0_f32]);
        }
    };
    assert_eq!(refusal("one_observation", &narrow("norms.0.weight")), "`norms.0.weight` must have shape [16], got [1]");
    assert_eq!(
        refusal("residual_gaussian", &narrow("blocks.0.norm.bias")),
        "`blocks.0.norm.bias` must have shape [12], got [1]"
    );
    let gone = |state: &mut State| drop(state.take_array::<f32>("blocks.1.contract.weight", &[12, 48]).unwrap());
    assert_eq!(refusal("residual_gaussian", &gone), "`blocks.1.contract.weight` is missing from the state");
    let gap = |state: &mut State| drop(state.take_row::<f32>("blocks.0.norm.weight").unwrap());
    assert!(refusal("residual_gaussian", &gap).ends_with("is in the state, but is not used"));
    let more = |state: &mut State| state.put_array("norms.1.weight", &[12], vec![1.0_f32; 12]);
    assert_eq!(refusal("residual_gaussian", &more), "`norms.1.weight` is in the state, but is not used");
}

#[test]
fn every_network_of_a_policy_is_exported() {
    let mut seen = [false; 3];
    for kind in all() {
        seen[match kind.policy.network() {
            PolicyNetwork::Deterministic(_) => 0,
            PolicyNetwork::Gaussian(_) => 1,
            PolicyNetwork::ClippedNoise(_) => 2,
        }] = true;
    }
    assert_eq!(seen, [true; 3]);
}
