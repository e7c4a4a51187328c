//! What a source file names, read without a parser of Rust: its imports and its paths, tests left out.

use std::collections::BTreeMap;

/// A path in the source, such as `super::mlp::Mlp`, with the module that it stands in.
#[derive(Debug, Clone)]
pub struct Named {
    pub module: Vec<String>,
    pub path: Vec<String>,
}

/// The imports and paths of one file.
#[derive(Debug, Default)]
pub struct Source {
    /// What each `use` calls a thing, and where that thing is.
    pub imports: BTreeMap<String, Named>,
    /// Every path with `::`, imports included.
    pub paths: Vec<Named>,
}

impl Source {
    /// Reads the text of a file whose module is `module`, `[]` being the root of the crate.
    pub fn read(text: &str, module: &[String]) -> Self {
        let tokens = without_tests(&tokens(text));
        let mut source = Self::default();
        // The modules written in the file itself, each with the depth of its braces.
        let mut inline: Vec<(usize, String)> = Vec::new();
        let mut depth = 0_usize;
        let mut at = 0;
        while at < tokens.len() {
            let inside =
                || module.iter().cloned().chain(inline.iter().map(|(_, name)| name.clone())).collect::<Vec<_>>();
            match tokens[at].as_str() {
                "{" => depth += 1,
                "}" => {
                    depth -= 1;
                    inline.retain(|&(opened, _)| opened <= depth);
                }
                "mod" if tokens.get(at + 2).is_some_and(|token| token == "{") => {
                    inline.push((depth + 1, tokens[at + 1].clone()));
                }
                // Not the `use<'_>` of a type.
                "use" if tokens.get(at + 1).is_some_and(|token| token != "<") => {
                    let end = at + tokens[at..].iter().position(|token| token == ";").unwrap_or(tokens.len() - at);
                    source.import(&tokens[at + 1..end], &[], &inside());
                    at = end;
                }
                token if is_name(token) && (at == 0 || tokens[at - 1] != "::") => {
                    let path = path_at(&tokens[at..]);
                    if path.len() > 1 {
                        source.paths.push(Named { module: inside(), path });
                    }
                }
                _ => (),
            }
            at += 1;
        }
        source
    }

    /// Takes down one tree of a `use`, below the path `parent`.
    fn import(&mut self, tree: &[String], parent: &[String], module: &[String]) {
        let path = [parent, &path_at(tree)].concat();
        let length = path_at(tree).len();
        let rest = &tree[(2 * length).saturating_sub(1).min(tree.len())..];
        let rest = rest.strip_prefix(&["::".to_owned()]).unwrap_or(rest);
        if rest.first().is_some_and(|token| token == "{") {
            for part in split(&rest[1..rest.len() - 1]) {
                self.import(part, &path, module);
            }
            return;
        }
        let path =
            if path.len() > 1 && path.ends_with(&["self".to_owned()]) { path[..path.len() - 1].to_vec() } else { path };
        let named = Named { module: module.to_vec(), path };
        let alias = if rest.first().is_some_and(|token| token == "as") { rest.get(1) } else { named.path.last() };
        if let Some(name) = alias {
            self.imports.insert(name.clone(), named.clone());
        }
        self.paths.push(named);
    }
}

/// The names at the beginning of `tokens` that `::` joins.
fn path_at(tokens: &[String]) -> Vec<String> {
    let mut path = Vec::new();
    let mut rest = tokens;
    while let Some((name, after)) = rest.split_first().filter(|(name, _)| is_name(name)) {
        path.push(name.clone());
        match after.split_first() {
            Some((token, after)) if token == "::" => rest = after,
            _ => break,
        }
    }
    path
}

/// The parts between the commas that stand in no braces.
fn split(tokens: &[String]) -> Vec<&[String]> {
    let mut depth = 0_usize;
    let parts = tokens.split(|token| {
        match token.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => (),
        }
        token == "," && depth == 0
    });
    parts.filter(|part| !part.is_empty()).collect()
}

fn is_name(token: &str) -> bool {
    token.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

/// Leaves out each item under `#[cfg(test)]`.
fn without_tests(tokens: &[String]) -> Vec<String> {
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let is_test =
            ["#", "[", "cfg", "(", "test", ")", "]"].iter().zip(&tokens[at..]).filter(|(a, b)| a == b).count() == 7;
        if is_test {
            at = end_of_item(tokens, at + 7);
        } else {
            kept.push(tokens[at].clone());
            at += 1;
        }
    }
    kept
}

/// Where the item that begins at `start` is over: behind its `;`, or behind its braces.
fn end_of_item(tokens: &[String], start: usize) -> usize {
    let mut depth = 0_usize;
    let mut is_import = false;
    for (at, token) in tokens.iter().enumerate().skip(start) {
        match token.as_str() {
            "use" if depth == 0 => is_import = true,
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" => {
                depth -= 1;
                if token == "}" && depth == 0 && !is_import {
                    return at + 1;
                }
            }
            ";" if depth == 0 => return at + 1,
            _ => (),
        }
    }
    tokens.len()
}

/// Names, numbers, `::` and single characters; comments and the text of strings are left out.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(length) = string(rest) {
            length
        } else if first.is_alphanumeric() || first == '_' {
            let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            tokens.push(rest[..length].to_owned());
            length
        } else {
            let length = if rest.starts_with("::") { 2 } else { first.len_utf8() };
            if !first.is_whitespace() {
                tokens.push(rest[..length].to_owned());
            }
            length
        };
        rest = &rest[length..];
    }
    tokens
}

/// The length of the string or character that `text` begins with; a lifetime is neither.
fn string(text: &str) -> Option<usize> {
    let body = text.strip_prefix('b').unwrap_or(text);
    let before = text.len() - body.len();
    if let Some(raw) = body.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        let end = format!("\"{}", "#".repeat(hashes));
        let inside = raw[hashes..].strip_prefix('"')?;
        return Some(before + 1 + hashes + 1 + inside.find(&end).unwrap_or(inside.len() - end.len()) + end.len());
    }
    let quote = body.chars().next().filter(|first| "\"'".contains(*first))?;
    let mut characters = body.char_indices().skip(1);
    if quote == '\'' {
        let mut two = body.chars().skip(1);
        let (first, second) = (two.next()?, two.next()?);
        if first != '\\' && second != '\'' {
            return None;
        }
    }
    while let Some((at, character)) = characters.next() {
        if character == '\\' {
            characters.next();
        } else if character == quote {
            return Some(before + at + 1);
        }
    }
    Some(text.len())
}
