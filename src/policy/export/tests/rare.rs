//! Steps that no bundled policy has today, such as a join, put together by hand.

use std::fs;

use super::compiled::{is_there, run};
use super::kinds::spaces;
use crate::env::Spaces;
use crate::fused::{Graph, Node, Operation};
use crate::nn::Activation;
use crate::policy::export::exported::Exported;
use crate::policy::export::recording::Recording;
use crate::policy::export::{c, rust};
use crate::space::BoxSpace;

pub(in crate::policy::export) fn two_axes() -> Spaces {
    spaces(3, BoxSpace::new(vec![-2.0, 0.0], vec![2.0, 0.3]).unwrap())
}

/// Three observations, scaled and squashed; four features of them; both side by side; two actions.
pub(in crate::policy::export) fn graph() -> Graph {
    let wave = |count: usize, phase: f32| (0..count).map(|i| (i as f32 * 0.7 + phase).sin() * 0.6).collect::<Vec<_>>();
    let operations = [
        (Operation::Input, 3),
        (
            Operation::Affine {
                of: 0,
                factor: vec![0.5, -2.0, 1.25],
                offset: vec![0.1, 0.0, -0.3],
                activation: Some(Activation::Tanh),
            },
            3,
        ),
        (Operation::Linear { of: 0, weight: wave(12, 0.0), bias: wave(4, 1.0), activation: Some(Activation::Relu) }, 4),
        (Operation::Join { left: 1, right: 2 }, 7),
        (Operation::Linear { of: 3, weight: wave(14, 2.0), bias: wave(2, 3.0), activation: None }, 2),
    ];
    Graph { nodes: operations.into_iter().map(|(operation, width)| Node { operation, width }).collect() }
}

/// Five observations.
pub(in crate::policy::export) fn observations() -> Vec<f32> {
    (0..15).map(|i| (i as f32 * 1.3).cos() * 2.0).collect()
}

/// Records what double precision gives.
fn recording(exported: &Exported<'_>) -> Recording {
    let observations = observations();
    let actions = observations.chunks(3).flat_map(|row| exported.action_in_double(row)).map(|x| x as f32).collect();
    Recording { rows: 5, observations, actions, tolerances: vec![2e-6, 2e-7] }
}

#[test]
fn the_first_action_is_that_of_a_calculation_by_hand() {
    let spaces = two_axes();
    let exported = Exported::new(&spaces, None, graph()).unwrap();
    // At the origin: tanh of the offsets, and the positive ones of 0.6 sin(1.0, 1.7, 2.4, 3.1).
    let features = [0.1_f64.tanh(), 0.0, -(0.3_f64.tanh()), 0.504_883, 0.594_999, 0.405_278, 0.024_948];
    let weight = |i: usize, j: usize| 0.6 * ((2 * i + j) as f64 * 0.7 + 2.0).sin();
    let output = |j: usize| {
        let sum: f64 = features.iter().enumerate().map(|(i, x)| x * weight(i, j)).sum();
        (sum + 0.6 * (j as f64 * 0.7 + 3.0).sin()).tanh()
    };
    let [first, second] = exported.action_in_double(&[0.0; 3]).try_into().unwrap();
    assert!((first - 2.0 * output(0)).abs() < 1e-5, "{first} {}", 2.0 * output(0));
    assert!((second - (0.15 + 0.15 * output(1))).abs() < 1e-5, "{second}");
}

#[test]
fn rare_steps_are_the_same_in_c() {
    if !is_there("gcc") {
        return;
    }
    let (folder, spaces) = (tempfile::tempdir().unwrap(), two_axes());
    let exported = Exported::new(&spaces, None, graph()).unwrap();
    fs::write(folder.path().join("rare.c"), c::source(&exported, &recording(&exported))).unwrap();
    let options = ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-DACTOR_CRITIC_SELF_TEST", "-O2"];
    run(folder.path(), "gcc", &[&options[..], &["rare.c", "-o", "rare", "-lm"]].concat());
    let told = run(folder.path(), folder.path().join("rare"), &[]);
    assert_eq!(told, "self-test passed: 5 actions are as recorded\n");
}

#[test]
fn rare_steps_are_the_same_in_rust() {
    let (folder, spaces) = (tempfile::tempdir().unwrap(), two_axes());
    let exported = Exported::new(&spaces, None, graph()).unwrap();
    fs::write(folder.path().join("rare.rs"), rust::source(&exported, &recording(&exported))).unwrap();
    run(folder.path(), "rustc", &["--edition", "2021", "--deny", "warnings", "--test", "rare.rs", "-o", "rare"]);
    let told = run(folder.path(), folder.path().join("rare"), &[]);
    assert!(told.contains("1 passed; 0 failed"), "{told}");
}

#[test]
fn a_self_test_finds_a_wrong_action() {
    let (folder, spaces) = (tempfile::tempdir().unwrap(), two_axes());
    let exported = Exported::new(&spaces, None, graph()).unwrap();
    let mut wrong = recording(&exported);
    // The second action of the fourth observation.
    wrong.actions[7] += 1e-3;
    let main = "mod rare;\nfn main() { println!(\"{:?}\", rare::self_test()); }\n";
    fs::write(folder.path().join("rare.rs"), rust::source(&exported, &wrong)).unwrap();
    fs::write(folder.path().join("main.rs"), main).unwrap();
    run(folder.path(), "rustc", &["--edition", "2021", "--deny", "warnings", "main.rs"]);
    assert_eq!(run(folder.path(), folder.path().join("main"), &[]), "Some(3)\n");

    if !is_there("gcc") {
        return;
    }
    fs::write(folder.path().join("rare.c"), c::source(&exported, &wrong)).unwrap();
    run(folder.path(), "gcc", &["-std=c99", "-DACTOR_CRITIC_SELF_TEST", "rare.c", "-o", "rare", "-lm"]);
    let output = std::process::Command::new(folder.path().join("rare")).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1));
    assert!(told.starts_with("action 1 of recorded observation 3 must be "), "{told}");
}

#[test]
fn observations_that_are_not_finite_give_no_action() {
    let (folder, spaces) = (tempfile::tempdir().unwrap(), two_axes());
    let exported = Exported::new(&spaces, None, graph()).unwrap();
    let main = "mod rare;\nfn main() {\n    \
                for x in [f32::NAN, f32::INFINITY, -2e18] { println!(\"{:?}\", rare::act(&[0.0, x, 0.0])); }\n}\n";
    fs::write(folder.path().join("rare.rs"), rust::source(&exported, &recording(&exported))).unwrap();
    fs::write(folder.path().join("main.rs"), main).unwrap();
    run(folder.path(), "rustc", &["--edition", "2021", "--deny", "warnings", "main.rs"]);
    assert_eq!(run(folder.path(), folder.path().join("main"), &[]), "None\nNone\nNone\n");

    if !is_there("gcc") {
        return;
    }
    let main = "#include <math.h>\n#include <stdio.h>\nint policy_act(const float observation[3], float action[2]);\n\
                int main(void)\n{\n    float bad[3] = {NAN, INFINITY, -2e18f}, action[2] = {7.0f, 7.0f};\n    int i;\n    \
                for (i = 0; i < 3; i++) {\n        float observation[3] = {0.0f, 0.0f, 0.0f};\n        \
                observation[1] = bad[i];\n        printf(\"%d %g\\n\", policy_act(observation, action), (double)action[0]);\n    \
                }\n    return 0;\n}\n";
    fs::write(folder.path().join("rare.c"), c::source(&exported, &recording(&exported))).unwrap();
    fs::write(folder.path().join("main.c"), main).unwrap();
    run(folder.path(), "gcc", &["-std=c99", "-Wall", "-Werror", "-O3", "main.c", "rare.c", "-o", "bad", "-lm"]);
    assert_eq!(run(folder.path(), folder.path().join("bad"), &[]), "1 7\n1 7\n1 7\n");
}
