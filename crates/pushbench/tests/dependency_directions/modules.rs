//! Which source file of a crate imports which, read from the text of its `src` folder.
//!
//! A file imports another when it names one of its items, in a private `use` or in a path. What a parent declares or
//! re-exports (`mod`, `pub use`) is no import: an item that is named through a re-export belongs to the file that defines
//! it. Code under `#[cfg(test)]` is not read.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// For each file, the files that it imports, each with a path that names it.
pub(crate) type Imports = BTreeMap<String, BTreeMap<String, String>>;

/// A module's path from the root of its crate.
type ModulePath = Vec<String>;

#[derive(Debug, Default)]
struct Module {
    file: String,
    items: BTreeSet<String>,
    /// What its `use` declarations bring in by a name.
    names: BTreeMap<String, ModulePath>,
    /// What its `use` declarations bring in with `*`.
    globs: Vec<ModulePath>,
    /// The paths that it names.
    named: Vec<ModulePath>,
}

#[derive(Debug, Default)]
struct Tree {
    modules: BTreeMap<ModulePath, Module>,
    /// Modules of which all files are tests.
    tests: BTreeSet<ModulePath>,
}

/// The imports of the crate whose sources are below `src`.
pub(crate) fn imports(src: &Path) -> Imports {
    let mut sources = Vec::new();
    collect(src, src, &mut sources);
    imports_of(&sources)
}

/// The imports of files that are given by their paths below `src` and their texts.
pub(crate) fn imports_of(sources: &[(String, String)]) -> Imports {
    let mut tree = Tree::default();
    for (file, text) in sources {
        Reader::new(&mut tree, module_of(file), file).read(&tokens(text));
    }
    let mut imports = Imports::new();
    for (path, module) in &tree.modules {
        let of_file = imports.entry(module.file.clone()).or_default();
        if tree.tests.iter().any(|test| path.starts_with(test)) {
            continue;
        }
        for named in &module.named {
            match tree.absolute(path, named, 0).and_then(|absolute| tree.resolve(&absolute, 0)) {
                Some(file) if *file != module.file => {
                    of_file.entry(file.clone()).or_insert_with(|| named.join("::"));
                }
                _ => {}
            }
        }
    }
    imports
}

/// Groups of files that import one another, directly or through others.
pub(crate) fn cycles(imports: &Imports) -> Vec<Vec<&str>> {
    let reached: BTreeMap<&str, BTreeSet<&str>> =
        imports.keys().map(|file| (file.as_str(), reached_from(file, imports))).collect();
    let mut cycles = Vec::new();
    for (file, targets) in &reached {
        let cycle: Vec<&str> =
            targets.iter().copied().filter(|target| reached[target].contains(file)).collect();
        if cycle.first() == Some(file) {
            cycles.push(cycle);
        }
    }
    cycles
}

/// A cycle's imports, one a line.
pub(crate) fn describe(cycle: &[&str], imports: &Imports) -> String {
    let mut text = format!("{} files import one another:\n", cycle.len());
    for file in cycle {
        for (target, named) in imports[*file].iter().filter(|(target, _)| cycle.contains(&target.as_str())) {
            text += &format!("  {file} -> {target} (names {named})\n");
        }
    }
    text
}

fn reached_from<'a>(file: &'a str, imports: &'a Imports) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut open = vec![file];
    while let Some(next) = open.pop() {
        for target in imports[next].keys() {
            if reached.insert(target.as_str()) {
                open.push(target);
            }
        }
    }
    reached
}

fn collect(src: &Path, folder: &Path, sources: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry of the folder").path();
        if path.is_dir() {
            collect(src, &path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let file = path.strip_prefix(src).expect("a path below src").to_string_lossy().into_owned();
            sources.push((file, fs::read_to_string(&path).expect("a source file")));
        }
    }
}

fn module_of(file: &str) -> ModulePath {
    let path = file.trim_end_matches(".rs");
    let path = path.strip_suffix("/mod").unwrap_or(path);
    match path {
        "lib" | "main" => Vec::new(),
        path => path.split('/').map(str::to_owned).collect(),
    }
}

impl Tree {
    /// A path as it is named in `module`, from the root of the crate; none where it leads out of the crate.
    fn absolute(&self, module: &[String], named: &[String], depth: usize) -> Option<ModulePath> {
        let mut base = module.to_vec();
        let mut rest = named;
        match rest.first()?.as_str() {
            "crate" => base.clear(),
            "self" | "super" => {}
            _ if self.modules.contains_key(&joined(module, &rest[..1])) => return Some(joined(module, rest)),
            // A module that a `use` brings in: `use crate::http;` and then `http::answer()`. A crate may be called like what it has.
            name if depth < 8 => {
                let bound = self.modules.get(module)?.names.get(name)?;
                return Some(joined(&self.absolute(module, bound, depth + 1)?, &rest[1..]));
            }
            _ => return None,
        }
        while let Some(("crate" | "self" | "super", after)) =
            rest.split_first().map(|(first, after)| (first.as_str(), after))
        {
            if rest[0] == "super" {
                base.pop();
            }
            rest = after;
        }
        Some(joined(&base, rest))
    }

    /// The file that defines what a path from the root names; none where a re-export leads out of the crate.
    fn resolve(&self, absolute: &[String], depth: usize) -> Option<&String> {
        let depth_of_module =
            (0..=absolute.len()).rev().find(|&end| self.modules.contains_key(&absolute[..end]))?;
        let (path, rest) = absolute.split_at(depth_of_module);
        let module = &self.modules[path];
        let Some(name) = rest.first().filter(|name| !module.items.contains(*name)) else {
            return Some(&module.file);
        };
        // Two modules may re-export each other's names.
        if depth > 8 {
            return Some(&module.file);
        }
        if let Some(bound) = module.names.get(name) {
            return self.resolve(&joined(&self.absolute(path, bound, 0)?, &rest[1..]), depth + 1);
        }
        let through_glob = module.globs.iter().find_map(|glob| {
            let target = self.absolute(path, glob, 0)?;
            self.modules.get(&target)?.items.contains(name).then_some(target)
        });
        through_glob.map_or(Some(&module.file), |target| self.resolve(&joined(&target, rest), depth + 1))
    }
}

fn joined(base: &[String], rest: &[String]) -> ModulePath {
    [base, rest].concat()
}

/// Reads the tokens of one file into the tree.
struct Reader<'a> {
    tree: &'a mut Tree,
    file: &'a str,
    /// The module that is open, and the depths of braces at which it and its parents in this file began.
    module: ModulePath,
    began: Vec<usize>,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn new(tree: &'a mut Tree, module: ModulePath, file: &'a str) -> Self {
        tree.modules.entry(module.clone()).or_default().file = file.to_owned();
        Self { tree, file, module, began: vec![0], depth: 0 }
    }

    fn read(&mut self, tokens: &[String]) {
        let mut at = 0;
        while at < tokens.len() {
            at = self.step(tokens, at);
        }
    }

    fn here(&mut self) -> &mut Module {
        self.tree.modules.get_mut(&self.module).expect("the open module is in the tree")
    }

    /// Reads what begins at a token, and returns where the next begins.
    fn step(&mut self, tokens: &[String], at: usize) -> usize {
        let token = |at: usize| tokens.get(at).map_or("", String::as_str);
        let is_item = self.began.last() == Some(&self.depth);
        match token(at) {
            "#" if token(at + 1) == "[" => {
                let end = closing(tokens, at + 1) + 1;
                let is_test =
                    token(at + 2) == "cfg" && tokens[at..end].iter().any(|attribute| attribute == "test");
                return if is_test { self.skip(tokens, end) } else { end };
            }
            "mod" if token(at + 2) == "{" => {
                self.module.push(token(at + 1).to_owned());
                let module = Module { file: self.file.to_owned(), ..Module::default() };
                self.tree.modules.insert(self.module.clone(), module);
                self.depth += 1;
                self.began.push(self.depth);
                return at + 3;
            }
            // `use<…>` in a return type names what it captures, and imports nothing.
            "use" if token(at + 1) != "<" => return self.read_use(tokens, at),
            "fn" | "struct" | "enum" | "trait" | "type" | "const" | "static" | "union" if is_item => {
                let name = at + if token(at + 1) == "mut" { 2 } else { 1 };
                self.here().items.insert(token(name).to_owned());
            }
            "macro_rules" if is_item => drop(self.here().items.insert(token(at + 2).to_owned())),
            "{" => self.depth += 1,
            "}" => {
                if self.began.len() > 1 && is_item {
                    self.began.pop();
                    self.module.pop();
                }
                self.depth -= 1;
            }
            _ if token(at + 1) == "::" && is_name(token(at)) && (at == 0 || token(at - 1) != "::") => {
                let mut path = vec![token(at).to_owned()];
                let mut end = at + 1;
                while token(end) == "::" && is_name(token(end + 1)) {
                    path.push(token(end + 1).to_owned());
                    end += 2;
                }
                self.here().named.push(path);
                return end;
            }
            _ => {}
        }
        at + 1
    }

    /// Reads over an item of the tests.
    fn skip(&mut self, tokens: &[String], mut at: usize) -> usize {
        let mut is_use = false;
        while at < tokens.len() {
            match tokens[at].as_str() {
                "mod" if tokens[at + 2] == ";" => {
                    let test = joined(&self.module, &tokens[at + 1..at + 2]);
                    self.tree.tests.insert(test);
                }
                "use" => is_use = tokens.get(at + 1).is_some_and(|next| next != "<"),
                ";" => return at + 1,
                "{" if !is_use => return closing(tokens, at) + 1,
                "(" | "[" | "{" => at = closing(tokens, at),
                _ => {}
            }
            at += 1;
        }
        at
    }

    fn read_use(&mut self, tokens: &[String], at: usize) -> usize {
        let end = (at..tokens.len()).find(|&end| tokens[end] == ";").unwrap_or(tokens.len());
        let is_public = at > 0 && (tokens[at - 1] == "pub" || tokens[at - 1] == ")");
        let is_item = self.began.last() == Some(&self.depth);
        for (path, name) in use_tree(&tokens[at + 1..end], &[]) {
            if !is_public {
                self.here().named.push(path.clone());
            }
            match (is_item, name.as_str()) {
                (false, _) => {}
                (true, "*") => self.here().globs.push(path),
                (true, _) => drop(self.here().names.insert(name, path)),
            }
        }
        end + 1
    }
}

/// The paths of a `use` declaration, each with the name that it is bound to.
fn use_tree(tokens: &[String], prefix: &[String]) -> Vec<(ModulePath, String)> {
    let mut path = prefix.to_vec();
    let mut at = 0;
    while at < tokens.len() {
        match tokens[at].as_str() {
            "{" => {
                let inner = &tokens[at + 1..closing(tokens, at)];
                return split_at_commas(inner).into_iter().flat_map(|part| use_tree(part, &path)).collect();
            }
            "as" => return vec![(path, tokens[at + 1].clone())],
            "*" => return vec![(path, "*".to_owned())],
            "::" => {}
            "self" if !path.is_empty() => {}
            name => path.push(name.to_owned()),
        }
        at += 1;
    }
    path.last().cloned().map(|name| (path, name)).into_iter().collect()
}

fn split_at_commas(tokens: &[String]) -> Vec<&[String]> {
    let mut parts = Vec::new();
    let (mut start, mut at) = (0, 0);
    while at < tokens.len() {
        match tokens[at].as_str() {
            "{" => at = closing(tokens, at),
            "," => {
                parts.push(&tokens[start..at]);
                start = at + 1;
            }
            _ => {}
        }
        at += 1;
    }
    parts.push(&tokens[start..]);
    parts
}

/// Where the bracket that opens at a token closes.
fn closing(tokens: &[String], open: usize) -> usize {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    tokens.len()
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// The names and signs of a source text, without comments and literals.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = length_of_blank(rest);
        if length > 0 {
            rest = &rest[length..];
            continue;
        }
        let end = match first {
            _ if rest.starts_with("::") => 2,
            _ if first.is_alphanumeric() || first == '_' => {
                rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len())
            }
            _ => first.len_utf8(),
        };
        tokens.push(rest[..end].to_owned());
        rest = &rest[end..];
    }
    tokens
}

/// The length of the white space, comment or literal that a text begins with.
fn length_of_blank(text: &str) -> usize {
    let after = |end: &str, from: usize| {
        text[from..].find(end).map_or(text.len(), |position| from + position + end.len())
    };
    if let Some(raw) = ["r", "br"].iter().find_map(|prefix| text.strip_prefix(prefix)) {
        let hashes: String = raw.chars().take_while(|&c| c == '#').collect();
        if raw[hashes.len()..].starts_with('"') {
            let quote = text.len() - raw.len() + hashes.len() + 1;
            return after(&format!("\"{hashes}"), quote);
        }
    }
    match text.as_bytes() {
        [b'/', b'/', ..] => after("\n", 0),
        [b'/', b'*', ..] => after("*/", 2),
        [b'"', ..] => quoted(text, '"'),
        [b'b', b'"', ..] => 1 + quoted(&text[1..], '"'),
        [b'b', b'\'', ..] => 1 + quoted(&text[1..], '\''),
        // A lifetime has no second quote right after its first character.
        [b'\'', b'\\', ..] => quoted(text, '\''),
        [b'\'', ..] if text.chars().nth(2) == Some('\'') => quoted(text, '\''),
        [first, ..] if first.is_ascii_whitespace() => 1,
        _ => 0,
    }
}

fn quoted(text: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        if c == quote && !is_escaped {
            return at + 1;
        }
        is_escaped = c == '\\' && !is_escaped;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(sources: &[(&str, &str)]) -> Imports {
        let owned: Vec<_> = sources.iter().map(|&(file, text)| (file.to_owned(), text.to_owned())).collect();
        imports_of(&owned)
    }

    fn pairs(imports: &Imports) -> Vec<(&str, &str)> {
        imports
            .iter()
            .flat_map(|(file, targets)| targets.keys().map(move |target| (file.as_str(), target.as_str())))
            .collect()
    }

    #[test]
    fn files_that_import_one_another_are_found_and_named() {
        let imports = tree(&[
            ("lib.rs", "mod a; mod b; mod c; mod d;"),
            ("a.rs", "use crate::b::B; pub struct A(B);"),
            ("b.rs", "pub struct B; fn f() { crate::c::g(); }"),
            ("c.rs", "use super::a::{self, A as Other}; pub fn g() {}"),
            ("d.rs", "use crate::a::A; use std::fmt;"),
        ]);
        assert_eq!(cycles(&imports), [["a.rs", "b.rs", "c.rs"]]);
        let text = describe(&cycles(&imports)[0], &imports);
        assert!(text.contains("a.rs -> b.rs (names crate::b::B)"), "{text}");
        assert!(text.contains("b.rs -> c.rs (names crate::c::g)"), "{text}");
        assert!(!text.contains("d.rs"), "{text}");
    }

    #[test]
    fn a_parent_and_a_child_that_use_each_other_are_a_cycle() {
        let parent = "mod child; pub struct P; fn f() { child::run(); }";
        let imports =
            tree(&[("lib.rs", "mod p;"), ("p.rs", parent), ("p/child.rs", "use super::P; pub fn run() {}")]);
        assert_eq!(cycles(&imports), [["p.rs", "p/child.rs"]]);
    }

    #[test]
    fn declarations_re_exports_and_tests_are_no_imports() {
        let imports = tree(&[
            ("lib.rs", "pub mod p; #[cfg(test)] mod rig; #[cfg(test)] use p::{Q, R}; pub use p::Q;"),
            (
                "p.rs",
                "mod child; pub(crate) use child::{Q, R}; pub struct S; #[cfg(test)] mod tests { use super::child::X; }",
            ),
            (
                "p/child.rs",
                "//! [`super::S`]\npub struct Q; pub struct R; /* use super::S; */ const T: &str = \"super::S\";",
            ),
            ("rig.rs", "use crate::p::S;"),
        ]);
        assert_eq!(pairs(&imports), []);
    }

    #[test]
    fn an_item_is_found_through_a_module_that_a_use_brings_in() {
        let imports = tree(&[
            ("lib.rs", "mod a; mod http; use anyhow::anyhow;"),
            (
                "a.rs",
                "use crate::http; use anyhow::{self, Context}; fn f() { http::answer(); anyhow::bail(); }",
            ),
            ("http.rs", "mod reply; pub use reply::answer; pub struct Body;"),
            ("http/reply.rs", "pub fn answer() { crate::a::f(); }"),
        ]);
        assert_eq!(cycles(&imports), [["a.rs", "http/reply.rs"]]);
    }

    #[test]
    fn captured_lifetimes_end_no_item_of_the_tests() {
        let text =
            "#[cfg(test)] fn rig() -> impl Sized + use<'_> { super::b::g() } fn f() { super::b::g(); }";
        let imports = tree(&[("lib.rs", "mod a; mod b;"), ("a.rs", text), ("b.rs", "pub fn g() {}")]);
        assert_eq!(pairs(&imports), [("a.rs", "b.rs")]);
    }

    #[test]
    fn an_item_belongs_to_the_file_that_defines_it() {
        let imports = tree(&[
            ("main.rs", "mod a; mod p;"),
            (
                "a.rs",
                "use crate::p::{Q, fmt, deep::g}; fn f<'a>(c: char) -> bool { c == '\"' && crate::p::Glob::new() }",
            ),
            (
                "p.rs",
                "mod child; mod globs; pub mod deep { pub fn g() {} } pub use child::Q; pub use globs::*; use std::fmt;",
            ),
            ("p/child.rs", "pub enum Q {}"),
            ("p/globs.rs", "pub struct Glob;"),
        ]);
        assert_eq!(pairs(&imports), [("a.rs", "p.rs"), ("a.rs", "p/child.rs"), ("a.rs", "p/globs.rs")]);
    }
}
