//! Prints the public items in a file of rustdoc's JSON, one a line: what `cargo public-api -sss --rustdoc-json FILE` prints, without the
//! hundred crates that find and build other people's crates. Two things are shorter, unless a second argument `--repeated` asks for all:
//!
//! - An item is listed in full once. Where it is exported again, as by a prelude, one line `pub use PATH` stands for it and its members.
//! - Of an `impl` of a trait the methods are left out: they are those of the trait. Its associated types and constants stay.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;

use public_api::{Builder, PublicApi, PublicItem};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().ok_or("usage: api FILE [--repeated]")?;
    let api: PublicApi = Builder::from_rustdoc_json(file)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .omit_auto_derived_impls(true)
        .build()?;
    let items: Vec<&PublicItem> = api.items().collect();
    let lines = if arguments.next().is_some_and(|argument| argument == "--repeated") {
        items.iter().map(|item| item.to_string()).collect()
    } else {
        without_repetitions(&items)
    };
    for line in lines {
        println!("{line}");
    }
    Ok(())
}

/// The lines of `items` in their order, shortened as the page above says.
fn without_repetitions(items: &[&PublicItem]) -> Vec<String> {
    // An item has one id and as many lines as it has paths.
    let mut paths: BTreeMap<u32, BTreeSet<String>> = BTreeMap::new();
    for item in items {
        paths.entry(item.id().0).or_default().insert(item.to_string());
    }
    let texts_of = |id: u32| paths.get(&id).into_iter().flatten();
    let is_in_impl_of_trait = |item: &PublicItem| {
        let parent = item.parent_id().map(|id| id.0);
        parent.is_some_and(|id| texts_of(id).any(|text| text.starts_with("impl") && text.contains(" for ")))
    };
    let is_in_module =
        |item: &PublicItem| item.parent_id().is_none_or(|id| texts_of(id.0).all(|text| text.contains("pub mod ")));
    let mut written = BTreeSet::new();
    let mut lines = Vec::new();
    // What follows an item of a module, up to the next, are its members.
    let mut is_exported_again = false;
    for item in items {
        let (id, line) = (item.id().0, item.to_string());
        if is_in_module(item) {
            is_exported_again = home(&paths[&id]) != line;
            if is_exported_again {
                lines.push(format!("pub use {}", path(&line)));
                continue;
            }
        }
        let is_method = line.starts_with("pub fn ") && is_in_impl_of_trait(item);
        if !is_exported_again && !is_method && written.insert(id) {
            lines.push(line);
        }
    }
    lines
}

/// Of the lines of one item the one at its own path: the longest, and no prelude's.
fn home(lines: &BTreeSet<String>) -> &str {
    let best = lines.iter().max_by_key(|line| (!line.contains("::prelude::"), path(line).len()));
    best.expect("an item has a line")
}

/// The path that the line of an item in a module begins with, such as `a::B` of `pub struct a::B<C>`.
fn path(line: &str) -> &str {
    let start = line.find("actor_critic").unwrap_or(0);
    let rest = &line[start..];
    let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')).unwrap_or(rest.len());
    rest[..end].trim_end_matches(':')
}
