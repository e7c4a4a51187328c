//! The pages of `docs/`: every link between files leads to one, and rustdoc has every page under the name that other pages use.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Pages that are no module of their own: the root of the documentation.
const ROOT: &str = "docs/crate.md";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Markdown file below a folder, or the file itself.
fn markdown(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return path.extension().filter(|extension| *extension == "md").map(|_| path.to_owned()).into_iter().collect();
    }
    let mut entries: Vec<_> = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries.iter().flat_map(|entry| markdown(entry)).collect()
}

/// The targets of inline links, and those of definitions by name. Code is left out.
fn links(text: &str) -> (Vec<String>, BTreeMap<String, String>) {
    let prose: String = text.split("```").step_by(2).collect();
    let inline = prose.match_indices("](").filter_map(|(at, _)| prose[at + 2..].split(')').next());
    let definitions = prose.lines().filter_map(|line| line.strip_prefix('[')?.split_once("]: "));
    (
        inline.map(str::to_owned).collect(),
        definitions
            .filter(|(name, _)| !name.starts_with('^'))
            .map(|(name, target)| (name.to_owned(), target.to_owned()))
            .collect(),
    )
}

/// Whether a target is a file of the repository, and no address or item of the crate.
fn is_file(target: &str) -> bool {
    target.contains(['.', '/']) && !target.contains("::") && !target.contains("://") && !target.starts_with('#')
}

/// The names of the pages in rustdoc, each with its file: the entries of `pages!` in `src/lib.rs`.
fn pages() -> BTreeMap<String, PathBuf> {
    let source = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let entries = source.lines().filter_map(|line| line.trim().strip_suffix(".md\",")?.split_once(": \""));
    entries.map(|(name, file)| (name.to_owned(), root().join("docs").join(format!("{file}.md")))).collect()
}

#[test]
fn every_link_to_a_file_leads_to_one() {
    for folder in ["README.md", "docs", "examples", "benches/peers/README.md"] {
        for page in markdown(&root().join(folder)) {
            let (inline, definitions) = links(&fs::read_to_string(&page).unwrap());
            for target in inline.iter().chain(definitions.values()).filter(|target| is_file(target)) {
                let file = page.parent().unwrap().join(target.split('#').next().unwrap());
                assert!(file.exists(), "{}: `{target}` must be a file", page.display());
            }
        }
    }
}

#[test]
fn a_link_by_name_is_the_same_page_in_rustdoc() {
    let pages = pages();
    let source = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    for name in pages.keys() {
        assert!(source.contains(&format!("[{name}]: crate::_docs::{name}\n")), "`links!` must define `{name}`");
    }
    for page in markdown(&root().join("docs")) {
        let (_, definitions) = links(&fs::read_to_string(&page).unwrap());
        for (name, target) in definitions.iter().filter(|(_, target)| is_file(target)) {
            let file = page.parent().unwrap().join(target).canonicalize().unwrap();
            let expected = pages.get(name).map(|path| path.canonicalize().unwrap());
            assert_eq!(expected.as_ref(), Some(&file), "{}: [{name}] in `pages!`", page.display());
        }
    }
}

#[test]
fn rustdoc_has_every_page() {
    let pages: Vec<_> = pages().into_values().collect();
    let missing: Vec<_> = markdown(&root().join("docs"))
        .into_iter()
        .filter(|page| !page.ends_with(ROOT) && !pages.contains(page))
        .collect();
    assert!(missing.is_empty(), "`pages!` in src/lib.rs must have {missing:?}");
}
