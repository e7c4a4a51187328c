//! Models, read back and computed operator by operator; `tests/policy_in_onnx.py` runs the same ones with onnxruntime.

use std::collections::BTreeMap;
use std::fs;

use super::schema::Size;
use super::*;
use crate::policy::export::tests::kinds::{Kind, all};
use crate::policy::export::tests::rare;

/// The folder that keeps the models, their observations and their actions for the script.
const VARIABLE: &str = "ACTOR_CRITIC_ONNX";

/// Observations that each policy answers.
const ROWS: usize = 10_000;

/// Columns and values of a matrix.
type Matrix = (usize, Vec<f32>);

fn values(tensor: &Tensor) -> Vec<f32> {
    assert_eq!(tensor.data_type, 1);
    let values: Vec<_> = tensor.raw_data.chunks(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect();
    assert_eq!(values.len() as i64, tensor.dims.iter().product::<i64>());
    values
}

/// Computes one node for all rows, as the specification of its operator says.
fn compute(node: &Node, inputs: &[&Matrix]) -> Matrix {
    let &(columns, ref x) = inputs[0];
    let elementwise = |f: &dyn Fn(f32) -> f32| (columns, x.iter().map(|&x| f(x)).collect());
    let row = |f: &dyn Fn(f32, f32) -> f32| {
        let (other, y) = inputs[1];
        assert!(*other == columns && (y.len() == columns || y.len() == x.len()));
        (columns, x.iter().enumerate().map(|(i, &x)| f(x, y[i % y.len()])).collect())
    };
    match node.operator.as_str() {
        "Relu" => elementwise(&|x| x.max(0.0)),
        "Tanh" => elementwise(&f32::tanh),
        "Elu" => elementwise(&|x| if x < 0.0 { x.exp() - 1.0 } else { x }),
        "Sigmoid" => elementwise(&|x| 1.0 / (1.0 + (-x).exp())),
        "Clip" => elementwise(&|x| x.max(inputs[1].1[0]).min(inputs[2].1[0])),
        "Add" => row(&|x, y| x + y),
        "Sub" => row(&|x, y| x - y),
        "Mul" => row(&|x, y| x * y),
        "Max" => row(&f32::max),
        "Min" => row(&f32::min),
        "Concat" => {
            assert_eq!(node.attributes, [Attribute::int("axis", 1)]);
            let &(more, ref y) = inputs[1];
            let rows = x.chunks(columns).zip(y.chunks(more));
            (columns + more, rows.flat_map(|(x, y)| [x, y].concat()).collect())
        }
        "Gemm" => {
            let &(outputs, ref weight) = inputs[1];
            let output = x.chunks(columns).flat_map(|x| {
                (0..outputs).map(move |j| {
                    let sum: f64 = (0..columns).map(|i| f64::from(x[i]) * f64::from(weight[i * outputs + j])).sum();
                    (sum + f64::from(inputs[2].1[j])) as f32
                })
            });
            (outputs, output.collect())
        }
        "LayerNormalization" => {
            let [axis, epsilon] = node.attributes.as_slice() else { panic!("{node:?}") };
            assert_eq!((axis.name.as_str(), axis.int, axis.kind), ("axis", -1, 2));
            assert_eq!((epsilon.name.as_str(), epsilon.float, epsilon.kind), ("epsilon", 1e-5, 1));
            let output = x.chunks(columns).flat_map(|x| {
                let mean = x.iter().sum::<f32>() / columns as f32;
                let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / columns as f32;
                let deviation = (variance + epsilon.float).sqrt();
                x.iter().enumerate().map(move |(i, x)| (x - mean) / deviation * inputs[1].1[i] + inputs[2].1[i])
            });
            (columns, output.collect())
        }
        operator => panic!("{operator} is not expected"),
    }
}

/// Computes the actions for observations.
fn run(model: &Model, observations: &[f32]) -> Vec<f32> {
    let graph = model.graph.as_ref().unwrap();
    let mut known: BTreeMap<&str, Matrix> = BTreeMap::new();
    for tensor in &graph.initializers {
        let columns = tensor.dims.last().map_or(1, |&size| size as usize);
        assert!(known.insert(&tensor.name, (columns, values(tensor))).is_none(), "{} comes twice", tensor.name);
    }
    let [input] = graph.inputs.as_slice() else { panic!("{:?}", graph.inputs) };
    let axes = &input.kind.as_ref().unwrap().tensor.as_ref().unwrap().shape.as_ref().unwrap().axes;
    assert_eq!(axes[0].size, Some(Size::Free("batch".to_owned())));
    let Some(Size::Fixed(columns)) = axes[1].size else { panic!("{axes:?}") };
    known.insert(&input.name, (columns as usize, observations.to_vec()));
    for node in &graph.nodes {
        let inputs: Vec<_> = node.inputs.iter().map(|name| &known[name.as_str()]).collect();
        let output = compute(node, &inputs);
        assert!(known.insert(&node.outputs[0], output).is_none(), "{} comes twice", node.outputs[0]);
    }
    known.remove(graph.outputs[0].name.as_str()).unwrap().1
}

#[test]
fn a_model_computes_the_actions_of_the_policy() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = std::env::var_os(VARIABLE).map_or(temporary.path().to_owned(), Into::into);
    fs::create_dir_all(&folder).unwrap();
    for kind in all() {
        let Kind { name, policy, .. } = &kind;
        let bytes = policy.to_onnx().unwrap();
        let observations = kind.observations(ROWS);
        let expected = kind.actions(&observations);
        let raw = |values: &[f32]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
        fs::write(folder.join(format!("{name}.onnx")), &bytes).unwrap();
        fs::write(folder.join(format!("{name}.observations")), raw(&observations)).unwrap();
        fs::write(folder.join(format!("{name}.actions")), raw(&expected)).unwrap();
        let model = Model::decode(bytes.as_slice()).unwrap();
        kind.compare("ONNX", &run(&model, &observations), &expected);
    }
}

#[test]
fn a_model_names_producer_operators_and_bounds() {
    let kind = all().into_iter().find(|kind| kind.name == "tanh_layers").unwrap();
    let model = Model::decode(kind.policy.to_onnx().unwrap().as_slice()).unwrap();
    assert_eq!(
        (model.producer_name.as_str(), model.producer_version.as_str()),
        ("actor-critic", env!("CARGO_PKG_VERSION"))
    );
    assert_eq!(model.operators, [OperatorSet { domain: String::new(), version: 17 }]);
    let metadata: Vec<_> = model.metadata.iter().map(|entry| (entry.key.as_str(), entry.value.as_str())).collect();
    let nulls = "null,null,null,null,null";
    assert_eq!(metadata[0], ("actor-critic.observation", format!("{{\"low\":[{nulls}],\"high\":[{nulls}]}}").as_str()));
    assert_eq!(metadata[1], ("actor-critic.action", "{\"low\":[0.0,40.0],\"high\":[0.3,50.0]}"));
    let graph = model.graph.unwrap();
    assert_eq!((graph.inputs[0].name.as_str(), graph.outputs[0].name.as_str()), ("observations", "actions"));
}

#[test]
fn rare_steps_are_the_same_in_a_model() {
    let spaces = rare::two_axes();
    let exported = Exported::new(&spaces, None, rare::graph()).unwrap();
    let observations = rare::observations();
    let actions = run(&Model::decode(model(&exported).as_slice()).unwrap(), &observations);
    let expected: Vec<_> = observations.chunks(3).flat_map(|row| exported.action_in_double(row)).collect();
    assert!(actions.iter().zip(&expected).all(|(a, b)| (f64::from(*a) - b).abs() < 1e-6), "{actions:?} {expected:?}");
}
