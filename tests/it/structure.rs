//! Modules of `src/` use each other in one direction only: the rule is in `docs/design.md`, under "Which module uses which".

mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use source::{Named, Source};

/// Who uses whom, by name.
type Uses = BTreeMap<String, BTreeSet<String>>;

/// Uses between modules that are on a circle today. The list may only shrink: whoever breaks one takes it out.
const ALLOWED_MODULES: &[(&str, &str)] = &[];

/// As [`ALLOWED_MODULES`], between two files of one module.
const ALLOWED_FILES: &[(&str, &str)] = &[];

/// The files of the crate, by the path of their module.
struct Files(BTreeMap<Vec<String>, Source>);

impl Files {
    fn read(texts: &[(String, String)]) -> Self {
        let files = texts.iter().map(|(name, text)| {
            let module = module_of(name);
            (module.clone(), Source::read(text, &module))
        });
        Self(files.collect())
    }

    /// The module of the file that defines what `named` names, if that is in this crate.
    fn definition(&self, named: &Named, imports_left: usize) -> Option<Vec<String>> {
        let mut here = named.module.clone();
        let mut names = named.path.as_slice();
        while let Some((first, rest)) = names.split_first() {
            match first.as_str() {
                "crate" => here.clear(),
                "self" => (),
                "super" => drop(here.pop()),
                _ => break,
            }
            names = rest;
        }
        let is_relative = names.len() == named.path.len();
        for (at, name) in names.iter().enumerate() {
            let below = [here.as_slice(), std::slice::from_ref(name)].concat();
            if self.0.contains_key(&below) {
                here = below;
                continue;
            }
            let import = self.0.get(&here).and_then(|source| source.imports.get(name));
            return match import {
                Some(_) if imports_left == 0 => None,
                Some(Named { module, path }) => {
                    let path = [path, &names[at + 1..]].concat();
                    self.definition(&Named { module: module.clone(), path }, imports_left - 1)
                }
                None if is_relative && at == 0 => None,
                None => Some(self.file(here)),
            };
        }
        Some(self.file(here))
    }

    /// The module of the file that a module is written in.
    fn file(&self, mut module: Vec<String>) -> Vec<String> {
        while !self.0.contains_key(&module) {
            module.pop();
        }
        module
    }

    /// Which file uses which. The root and the prelude only collect what is elsewhere, and a module may use its own children.
    fn uses(&self) -> BTreeSet<(&[String], Vec<String>)> {
        let mut uses = BTreeSet::new();
        for (user, source) in &self.0 {
            if user.is_empty() || user == &["prelude"] {
                continue;
            }
            let used = source.paths.iter().filter_map(|named| self.definition(named, 8));
            uses.extend(
                used.filter(|used| !used.is_empty() && !used.starts_with(user)).map(|used| (user.as_slice(), used)),
            );
        }
        uses
    }

    /// Which top-level module uses which.
    fn modules(&self) -> Uses {
        let between = self.uses().into_iter().filter(|(user, used)| user[0] != used[0]);
        collect(between.map(|(user, used)| (user[0].clone(), used[0].clone())))
    }

    /// Which file uses which of the same top-level module.
    fn siblings(&self) -> Uses {
        let inside = self.uses().into_iter().filter(|(user, used)| user[0] == used[0]);
        collect(inside.map(|(user, used)| (user.join("/"), used.join("/"))))
    }
}

fn collect(pairs: impl Iterator<Item = (String, String)>) -> Uses {
    let mut uses = Uses::new();
    for (user, used) in pairs {
        uses.entry(user).or_default().insert(used);
    }
    uses
}

/// `agent/mod.rs` and `agent.rs` are the module `agent`, `lib.rs` is the root.
fn module_of(name: &str) -> Vec<String> {
    let name = name.strip_suffix(".rs").unwrap_or(name);
    let parts = name.split('/').filter(|&part| part != "mod" && part != "lib");
    parts.map(str::to_owned).collect()
}

/// A way from `start` to `end`, with both.
fn way(uses: &Uses, start: &str, end: &str) -> Option<Vec<String>> {
    let mut ways = vec![vec![start.to_owned()]];
    let mut seen = BTreeSet::new();
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for way in ways {
            for next in uses.get(&way[way.len() - 1]).into_iter().flatten() {
                let way = [way.as_slice(), std::slice::from_ref(next)].concat();
                if next == end {
                    return Some(way);
                }
                if seen.insert(next.clone()) {
                    longer.push(way);
                }
            }
        }
        ways = longer;
    }
    None
}

/// What is wrong with `uses`: a circle that is not allowed, or an allowed use that is on no circle.
fn faults(uses: &Uses, allowed: &[(&str, &str)]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut left = uses.clone();
    for &(user, used) in allowed {
        let is_used = left.get_mut(user).is_some_and(|all| all.remove(used));
        if !is_used || way(uses, used, user).is_none() {
            faults.push(format!("{user} -> {used} is on no circle any more: take it out of the list of allowed uses"));
        }
    }
    for user in left.keys() {
        // The first name of a circle reports it, once.
        if let Some(circle) = way(&left, user, user).filter(|circle| circle.iter().min() == Some(user)) {
            faults.push(format!("{} is a circle: move what both ends need below them", circle.join(" -> ")));
        }
    }
    faults
}

/// The sources of the crate, by their path below `src/`. Files of tests are left out.
fn sources() -> Vec<(String, String)> {
    let src = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src"));
    let mut folders = vec![src.to_owned()];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let is_test = path.file_stem().is_some_and(|stem| stem == "tests");
            if path.is_dir() && !is_test {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") && !is_test {
                let name = path.strip_prefix(src).unwrap().to_str().unwrap().replace('\\', "/");
                sources.push((name, std::fs::read_to_string(path).unwrap()));
            }
        }
    }
    sources
}

#[test]
fn no_module_uses_one_that_uses_it() {
    let faults = faults(&Files::read(&sources()).modules(), ALLOWED_MODULES);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn no_file_of_a_module_uses_one_that_uses_it() {
    let faults = faults(&Files::read(&sources()).siblings(), ALLOWED_FILES);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

fn files(texts: &[(&str, &str)]) -> Files {
    Files::read(&texts.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect::<Vec<_>>())
}

fn circles(texts: &[(&str, &str)]) -> [Vec<String>; 2] {
    let files = files(texts);
    [faults(&files.modules(), &[]), faults(&files.siblings(), &[])]
}

#[test]
fn a_circle_of_modules_is_found_behind_reexports_and_braces() {
    let [modules, files] = circles(&[
        ("lib.rs", "pub mod a; pub mod b; pub mod c; pub use c::Deep;"),
        ("a/mod.rs", "mod inner; pub use inner::A;"),
        ("a/inner.rs", "pub struct A; fn f() -> crate::b::B { loop {} }"),
        ("b.rs", "use crate::{Deep, rng}; pub struct B(Deep);"),
        ("c.rs", "use super::a::{self as other}; pub struct Deep(other::A);"),
    ]);
    assert_eq!(modules, ["a -> b -> c -> a is a circle: move what both ends need below them"]);
    assert!(files.is_empty());
}

#[test]
fn a_circle_of_files_is_found_through_their_parent() {
    let [modules, files] = circles(&[
        ("a/mod.rs", "mod one; mod two; pub use one::One; pub use two::Two;"),
        ("a/one.rs", "use super::Two; pub struct One(Option<Box<Two>>);"),
        ("a/two.rs", "pub struct Two; impl Two { fn f(_: &super::one::One) {} }"),
    ]);
    assert!(modules.is_empty());
    assert_eq!(files, ["a/one -> a/two -> a/one is a circle: move what both ends need below them"]);
}

#[test]
fn parents_tests_comments_and_strings_make_no_circle() {
    let found = circles(&[
        ("a.rs", "mod child; pub use child::C; fn f() { child::g() } // crate::b::B"),
        ("a/child.rs", "use super::f; pub struct C; pub fn g() { \"crate::b::B\"; 'c'; r#\"{ crate::b \"#; f() }"),
        ("b.rs", "use crate::a::C; #[cfg(test)] use crate::c::{D}; #[cfg(test)] mod tests { use crate::c::D; }"),
        ("c.rs", "pub struct D(crate::b::B); fn f() -> impl Iterator + use<> { g() } /* crate::c */"),
    ]);
    assert_eq!(found, [Vec::<String>::new(), Vec::new()]);
}

#[test]
fn an_allowed_use_has_to_be_on_a_circle() {
    let files = files(&[("a.rs", "use crate::b::B;"), ("b.rs", "use crate::a::A;"), ("c.rs", "use crate::a::A;")]);
    let uses = files.modules();
    assert!(faults(&uses, &[("a", "b")]).is_empty());
    for gone in [("c", "a"), ("b", "c")] {
        let faults = faults(&uses, &[("a", "b"), gone]);
        let expected =
            format!("{} -> {} is on no circle any more: take it out of the list of allowed uses", gone.0, gone.1);
        assert_eq!(faults, [expected]);
    }
}

#[test]
fn every_file_of_the_crate_is_read() {
    let sources = sources();
    assert!(sources.len() > 100, "{} files", sources.len());
    let uses = Files::read(&sources).uses().len();
    assert!(uses > 300, "{uses} uses");
}

/// The most lines of a file of an algorithm, and the most that two of them share in a row.
const LINES: usize = 199;
const SHARED_LINES: usize = 11;

/// The longest run of equal lines in two texts, indentation apart.
fn longest_shared_run(one: &str, other: &str) -> usize {
    let [one, other]: [Vec<&str>; 2] = [one, other].map(|text| text.lines().map(str::trim).collect());
    let run = |i: usize, j: usize| one[i..].iter().zip(&other[j..]).take_while(|(a, b)| a == b).count();
    (0..one.len()).flat_map(|i| (0..other.len()).map(move |j| (i, j))).map(|(i, j)| run(i, j)).max().unwrap_or(0)
}

#[test]
fn algorithms_are_short_and_share_no_text() {
    let algorithms: Vec<_> =
        sources().into_iter().filter(|(_, text)| text.lines().any(|line| line.starts_with("agent!("))).collect();
    assert!(algorithms.len() >= 3, "{} algorithms", algorithms.len());
    for (i, (name, text)) in algorithms.iter().enumerate() {
        let lines = text.lines().count();
        assert!(lines <= LINES, "{name} must have at most {LINES} lines, got {lines}");
        for (other, other_text) in &algorithms[..i] {
            let shared = longest_shared_run(text, other_text);
            assert!(
                shared <= SHARED_LINES,
                "{name} and {other} must share at most {SHARED_LINES} lines in a row, got {shared}: write them once"
            );
        }
    }
}

#[test]
fn shared_lines_are_counted_in_a_row() {
    assert_eq!(longest_shared_run("a\n  b\nc\nd", "x\nb\n c\ny"), 2);
    assert_eq!(longest_shared_run("a\nb", "c"), 0);
}
