//! Exported source, compiled and run.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::kinds::{Kind, all};

/// Observations that each policy answers.
const ROWS: usize = 10_000;

/// The longest that an action may take with two layers of 64, in seconds.
const TIME: f64 = 2e-6;

/// Reads the observations of a policy, writes its actions, and prints its name and the time of an action in the fastest pass.
const C_MAIN: &str = r#"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void run(const char *name, size_t rows, size_t inputs, size_t outputs, int (*act)(const float *, float *))
{
    float *observations = malloc(rows * inputs * sizeof(float)), *actions = malloc(rows * outputs * sizeof(float));
    char path[100];
    double fastest = 1e9;
    FILE *file;
    size_t pass, row;

    strcat(strcpy(path, name), ".observations");
    file = fopen(path, "rb");
    if (!file || fread(observations, sizeof(float), rows * inputs, file) != rows * inputs)
        exit(1);
    fclose(file);
    for (pass = 0; pass < 10; pass++) {
        double begun = (double)clock() / CLOCKS_PER_SEC, time;
        for (row = 0; row < rows; row++)
            if (act(observations + row * inputs, actions + row * outputs))
                exit(2);
        time = (double)clock() / CLOCKS_PER_SEC - begun;
        fastest = time < fastest ? time : fastest;
    }
    strcat(strcpy(path, name), ".actions");
    file = fopen(path, "wb");
    if (!file || fwrite(actions, sizeof(float), rows * outputs, file) != rows * outputs || fclose(file))
        exit(3);
    printf("%s %e\n", name, fastest / (double)rows);
    free(observations);
    free(actions);
}
"#;

/// The same in Rust, with the self-test, and with the time of the wall instead of that of the processor.
const RUST_MAIN: &str = r#"
macro_rules! run {
    ($name:ident) => {{
        assert_eq!($name::self_test(), None, stringify!($name));
        let bytes = std::fs::read(concat!(stringify!($name), ".observations")).unwrap();
        let numbers: Vec<f32> = bytes.chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect();
        let observations: Vec<[f32; $name::OBSERVATIONS]> =
            numbers.chunks_exact($name::OBSERVATIONS).map(|row| row.try_into().unwrap()).collect();
        let mut actions = vec![[0.0_f32; $name::ACTIONS]; observations.len()];
        let mut fastest = f64::INFINITY;
        for _ in 0..10 {
            // Pieces of a fraction of a millisecond: a busy machine leaves some of them alone.
            for (actions, observations) in actions.chunks_mut(500).zip(observations.chunks(500)) {
                let begun = std::time::Instant::now();
                for (action, observation) in actions.iter_mut().zip(observations) {
                    *action = $name::act(observation).unwrap();
                }
                fastest = fastest.min(begun.elapsed().as_secs_f64() / actions.len() as f64);
            }
        }
        let bytes: Vec<u8> = actions.concat().into_iter().flat_map(f32::to_le_bytes).collect();
        std::fs::write(concat!(stringify!($name), ".actions"), bytes).unwrap();
        println!("{} {:e}", stringify!($name), fastest);
    }};
}
"#;

/// Returns whether a compiler is there, and says so if not.
pub(super) fn is_there(compiler: &str) -> bool {
    let is_there = Command::new(compiler).arg("--version").output().is_ok();
    if !is_there {
        println!("skipped: there is no {compiler} to compile the source with");
    }
    is_there
}

/// Runs a command in a folder and returns what it printed; it must succeed and print nothing on standard error.
pub(super) fn run(folder: &Path, program: impl AsRef<std::ffi::OsStr>, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).current_dir(folder).output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && complaint.is_empty(), "{arguments:?}: {}{complaint}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

/// Runs a program on the observations of every policy, and compares actions and times.
fn compare(folder: &Path, language: &str, kinds: &[Kind]) {
    let expected: Vec<_> = kinds
        .iter()
        .map(|kind| {
            let observations = kind.observations(ROWS);
            let bytes: Vec<u8> = observations.iter().flat_map(|x| x.to_le_bytes()).collect();
            fs::write(folder.join(format!("{}.observations", kind.name)), bytes).unwrap();
            kind.actions(&observations)
        })
        .collect();
    let times = run(folder, folder.join("main"), &[]);
    println!("seconds an action in {language}:\n{times}");
    for (kind, expected) in kinds.iter().zip(expected) {
        let bytes = fs::read(folder.join(format!("{}.actions", kind.name))).unwrap();
        let actions: Vec<_> = bytes.chunks_exact(4).map(|x| f32::from_le_bytes(x.try_into().unwrap())).collect();
        kind.compare(language, &actions, &expected);
        let line = times.lines().find_map(|line| line.strip_prefix(kind.name)).unwrap();
        let time: f64 = line.trim().parse().unwrap();
        assert!(!kind.name.ends_with("_64") || time < TIME, "{} in {language} takes {time:e} s", kind.name);
    }
}

#[test]
fn c_source_acts_as_the_policy() {
    if !is_there("gcc") {
        return;
    }
    let (folder, kinds) = (tempfile::tempdir().unwrap(), all());
    let folder = folder.path();
    let options = ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Wmissing-prototypes", "-Werror", "-O3"];
    let mut main = C_MAIN.to_owned();
    let mut calls = String::new();
    let mut objects = Vec::new();
    for Kind { name, policy, .. } in &kinds {
        let (inputs, outputs) = (policy.spaces().observation().dim(), policy.spaces().action().dim());
        let (file, object, rename) = (format!("{name}.c"), format!("{name}.o"), format!("-DPOLICY_ACT={name}"));
        fs::write(folder.join(&file), policy.to_c_source().unwrap()).unwrap();
        run(folder, "gcc", &[&options[..], &["-DACTOR_CRITIC_SELF_TEST", &file, "-o", "self_test", "-lm"]].concat());
        let told = run(folder, folder.join("self_test"), &[]);
        assert_eq!(told, "self-test passed: 8 actions are as recorded\n", "{name}");
        run(folder, "gcc", &[&options[..], &[&rename, "-c", &file, "-o", &object]].concat());
        main += &format!("int {name}(const float observation[{inputs}], float action[{outputs}]);\n");
        calls += &format!("    run(\"{name}\", {ROWS}, {inputs}, {outputs}, {name});\n");
        objects.push(object);
    }
    fs::write(folder.join("main.c"), format!("{main}\nint main(void)\n{{\n{calls}    return 0;\n}}\n")).unwrap();
    let objects: Vec<_> = objects.iter().map(String::as_str).collect();
    let arguments =
        [&["-std=c99", "-Wall", "-Wextra", "-Werror", "-O3", "main.c", "-o", "main"][..], &objects, &["-lm"]];
    run(folder, "gcc", &arguments.concat());
    compare(folder, "C", &kinds);
}

#[test]
fn rust_source_acts_as_the_policy() {
    let (folder, kinds) = (tempfile::tempdir().unwrap(), all());
    let folder = folder.path();
    let (mut modules, mut calls) = (String::new(), String::new());
    for Kind { name, policy, .. } in &kinds {
        fs::write(folder.join(format!("{name}.rs")), policy.to_rust_source().unwrap()).unwrap();
        modules += &format!("pub mod {name};\n");
        calls += &format!("    run!({name});\n");
    }
    fs::write(folder.join("main.rs"), format!("{RUST_MAIN}\n{modules}\nfn main() {{\n{calls}}}\n")).unwrap();
    fs::write(folder.join("core_alone.rs"), format!("#![no_std]\n{modules}")).unwrap();
    let strict = ["--edition", "2021", "--deny", "warnings", "-Copt-level=3"];
    run(folder, "rustc", &[&strict[..], &["main.rs"]].concat());
    compare(folder, "Rust", &kinds);
    run(folder, "rustc", &[&strict[..], &["--crate-type", "lib", "--emit", "metadata", "core_alone.rs"]].concat());
    run(folder, "rustc", &[&strict[..], &["--test", "main.rs", "-o", "tests"]].concat());
    let told = run(folder, folder.join("tests"), &[]);
    assert!(told.contains(&format!("{} passed; 0 failed", kinds.len())), "{told}");
}
