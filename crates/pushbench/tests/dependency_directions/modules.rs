//! Which source file of a crate imports which, read from the syntax trees of its `src` folder.
//!
//! A file imports another when it names one of its items, in a private `use` or in a path. What a parent declares or
//! re-exports (`mod`, `pub use`) is no import: an item that is named through a re-export belongs to the file that defines
//! it. Code under `#[cfg(test)]` is not read.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;

use syn::buffer::{Cursor, TokenBuffer};
use syn::visit::{self, Visit};
use syn::{Attribute, Ident, ImplItemFn, Item, ItemMod, ItemUse, Macro, Path, UseTree, Visibility};

/// Which file imports which, and a path that names it.
pub(crate) type Imports = BTreeMap<(String, String), String>;

/// Two modules may re-export each other's names, and a crate be called like what it has.
const LONGEST_CHAIN: usize = 8;

#[derive(Default)]
struct Module {
    file: String,
    /// Its items, and the paths that a `use` binds to names.
    names: BTreeMap<String, Option<String>>,
    /// What a `use` brings in with `*`.
    globs: Vec<String>,
    /// The paths that it imports or names.
    named: Vec<String>,
}

/// Reads a crate from its root, module by module.
struct Reader<'a> {
    source: &'a dyn Fn(&str) -> Option<String>,
    /// By their paths, which begin with `crate`.
    modules: BTreeMap<String, Module>,
    /// The path of the module that is being read.
    open: String,
}

/// The imports of a crate, given what returns the text of a file below `src`.
pub(crate) fn imports(source: &dyn Fn(&str) -> Option<String>) -> Imports {
    let mut reader = Reader { source, modules: BTreeMap::new(), open: String::new() };
    reader.read_file("crate".to_owned(), &["lib.rs".to_owned(), "main.rs".to_owned()]);
    let mut imports = Imports::new();
    for (path, module) in &reader.modules {
        for named in &module.named {
            let file = reader.home(path, named, 0).map(|home| reader.modules[&home].file.clone());
            if let Some(file) = file.filter(|file| *file != module.file) {
                imports.entry((module.file.clone(), file)).or_insert_with(|| named.clone());
            }
        }
    }
    imports
}

/// The groups of files that import one another, directly or through others, and their imports, one a line.
pub(crate) fn cycles(imports: &Imports) -> String {
    let mut reached: BTreeMap<&String, BTreeSet<&String>> = BTreeMap::new();
    for (file, target) in imports.keys() {
        reached.entry(file).or_default().insert(target);
    }
    for (middle, _) in imports.keys() {
        let beyond = reached[middle].clone();
        reached.values_mut().filter(|files| files.contains(middle)).for_each(|files| files.extend(&beyond));
    }
    let mut text = String::new();
    for (file, targets) in &reached {
        let mut cycle = targets.clone();
        cycle.retain(|target| reached.get(target).is_some_and(|files| files.contains(file)));
        if cycle.first() == Some(file) {
            text += &format!("{} files import one another:\n", cycle.len());
            text += &lines(imports, |file| cycle.contains(file));
        }
    }
    text
}

fn lines(imports: &Imports, is_shown: impl Fn(&String) -> bool) -> String {
    let shown = imports.iter().filter(|((file, target), _)| is_shown(file) && is_shown(target));
    shown.map(|((file, target), named)| format!("  {file} -> {target} (names {named})\n")).collect()
}

impl Reader<'_> {
    fn read_file(&mut self, path: String, files: &[String; 2]) {
        let found = files.iter().find_map(|file| Some((file, (self.source)(file)?)));
        let (file, text) = found.unwrap_or_else(|| panic!("{path} has no file: none of {files:?}"));
        let syntax = syn::parse_file(&text).unwrap_or_else(|error| panic!("{file} is not Rust: {error}"));
        self.read(path, file.clone(), &syntax.items);
    }

    fn read(&mut self, path: String, file: String, items: &[Item]) {
        self.modules.insert(path.clone(), Module { file, ..Module::default() });
        let outer = mem::replace(&mut self.open, path);
        items.iter().for_each(|item| self.visit_item(item));
        self.open = outer;
    }

    fn here(&mut self) -> &mut Module {
        self.modules.get_mut(&self.open).expect("the open module is in the map")
    }

    /// The module that defines what is named in the module `from`; none where the path leads out of the crate.
    fn home(&self, from: &str, named: &str, depth: usize) -> Option<String> {
        let (mut at, mut rest) = (from.to_owned(), named);
        while !rest.is_empty() {
            let (name, after) = rest.split_once("::").unwrap_or((rest, ""));
            let child = format!("{at}::{name}");
            let module = &self.modules[&at];
            match (name, module.names.get(name)) {
                ("crate", _) => at = name.to_owned(),
                ("self", _) => {}
                ("super", _) => at.truncate(at.rfind("::")?),
                _ if self.modules.contains_key(&child) => at = child,
                (_, Some(None)) => break,
                (_, Some(Some(bound))) if depth < LONGEST_CHAIN => {
                    return self.home(&at, &format!("{bound}::{after}"), depth + 1);
                }
                _ if rest == named => return None,
                _ => {
                    let mut targets = module.globs.iter().filter_map(|glob| self.home(&at, glob, depth + 1));
                    let target = targets.find(|target| self.modules[target].names.get(name) == Some(&None));
                    return Some(target.unwrap_or(at));
                }
            }
            rest = after;
        }
        Some(at)
    }

    /// Reads the paths in what a macro is given, which need not be Rust.
    fn read_tokens(&mut self, mut cursor: Cursor<'_>) {
        while let Some((_, mut next)) = cursor.token_tree() {
            if let Some((inside, ..)) = cursor.any_group() {
                self.read_tokens(inside);
            } else if let Some((name, _)) = cursor.ident() {
                let mut path = name.to_string();
                while let Some((name, after)) = after_colons(next).and_then(Cursor::ident) {
                    path += &format!("::{name}");
                    next = after;
                }
                self.here().named.extend(path.contains("::").then_some(path));
            }
            cursor = next;
        }
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        let (attributes, name) = parts(item);
        if !is_test(attributes) {
            self.here().names.extend(name.map(|name| (name.to_string(), None)));
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        if !is_test(&item.attrs) {
            visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_item_mod(&mut self, node: &'ast ItemMod) {
        let path = format!("{}::{}", self.open, node.ident);
        let stem = path.replace("::", "/").replacen("crate/", "", 1);
        let file = self.here().file.clone();
        match &node.content {
            Some((_, items)) => self.read(path, file, items),
            None => self.read_file(path, &[format!("{stem}.rs"), format!("{stem}/mod.rs")]),
        }
    }

    fn visit_item_use(&mut self, node: &'ast ItemUse) {
        let here = self.here();
        for (path, name) in used(&node.tree, "") {
            here.named.extend(matches!(node.vis, Visibility::Inherited).then(|| path.clone()));
            match name.as_str() {
                "*" => here.globs.push(path),
                _ => drop(here.names.entry(name).or_insert(Some(path))),
            }
        }
    }

    fn visit_path(&mut self, path: &'ast Path) {
        let segments: Vec<_> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        // A name by itself is local, or a `use` has brought it in.
        if path.leading_colon.is_none() && segments.len() > 1 {
            self.here().named.push(segments.join("::"));
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, node: &'ast Macro) {
        self.visit_path(&node.path);
        self.read_tokens(TokenBuffer::new2(node.tokens.clone()).begin());
    }
}

/// The attributes of an item, and the name of what it defines.
fn parts(item: &Item) -> (&[Attribute], Option<&Ident>) {
    match item {
        Item::Const(syn::ItemConst { attrs, ident, .. })
        | Item::Enum(syn::ItemEnum { attrs, ident, .. })
        | Item::Static(syn::ItemStatic { attrs, ident, .. })
        | Item::Struct(syn::ItemStruct { attrs, ident, .. })
        | Item::Trait(syn::ItemTrait { attrs, ident, .. })
        | Item::Type(syn::ItemType { attrs, ident, .. })
        | Item::Union(syn::ItemUnion { attrs, ident, .. }) => (attrs, Some(ident)),
        Item::Fn(node) => (&node.attrs, Some(&node.sig.ident)),
        Item::Macro(node) => (&node.attrs, node.ident.as_ref()),
        Item::Impl(node) => (&node.attrs, None),
        Item::Mod(node) => (&node.attrs, None),
        Item::Use(node) => (&node.attrs, None),
        _ => (&[], None),
    }
}

fn is_test(attributes: &[Attribute]) -> bool {
    let is_test = |condition: Path| condition.is_ident("test");
    attributes.iter().any(|it| it.path().is_ident("cfg") && it.parse_args().is_ok_and(is_test))
}

/// The paths of a `use` declaration, each with the name that it is bound to.
fn used(tree: &UseTree, prefix: &str) -> Vec<(String, String)> {
    let path = |name: &Ident| match prefix {
        "" => name.to_string(),
        _ if name == "self" => prefix.to_owned(),
        _ => format!("{prefix}::{name}"),
    };
    match tree {
        UseTree::Path(node) => used(&node.tree, &path(&node.ident)),
        UseTree::Name(node) if node.ident == "self" => {
            vec![(prefix.to_owned(), prefix.rsplit("::").next().unwrap_or(prefix).to_owned())]
        }
        UseTree::Name(node) => vec![(path(&node.ident), node.ident.to_string())],
        UseTree::Rename(node) => vec![(path(&node.ident), node.rename.to_string())],
        UseTree::Glob(_) => vec![(prefix.to_owned(), "*".to_owned())],
        UseTree::Group(node) => node.items.iter().flat_map(|tree| used(tree, prefix)).collect(),
    }
}

fn after_colons(cursor: Cursor<'_>) -> Option<Cursor<'_>> {
    let (first, next) = cursor.punct()?;
    let (second, next) = next.punct()?;
    (first.as_char() == ':' && second.as_char() == ':').then_some(next)
}

/// A fact; the files of a crate that shows it; what is expected: its cycles, or all imports where it has none.
#[cfg(test)]
const CASES: &str = r#"
files that import one another are found and named
lib.rs: mod a; mod b; mod c; mod d;
a.rs: use crate::b::B; pub struct A(B);
b.rs: pub struct B; fn f() { crate::c::g(); }
c.rs: use super::a::{self, A as Other}; pub fn g() {}
d.rs: use crate::a::A; use std::fmt;
= 3 files import one another:
=   a.rs -> b.rs (names crate::b::B)
=   b.rs -> c.rs (names crate::c::g)
=   c.rs -> a.rs (names super::a)

a parent and a child that use each other are a cycle
lib.rs: mod p;
p.rs: mod child; pub struct P; fn f() { child::run(); }
p/child.rs: use super::P; pub fn run() {}
= 2 files import one another:
=   p.rs -> p/child.rs (names child::run)
=   p/child.rs -> p.rs (names super::P)

declarations, re-exports and tests are no imports
lib.rs: pub mod p; #[cfg(test)] mod rig; #[cfg(test)] use p::{Q, R}; pub use p::Q;
p.rs: mod child; pub(crate) use child::{Q, R}; pub struct S; #[cfg(test)] mod tests { use super::child::X; }
p/child.rs: /*! [`super::S`] */ pub struct Q; pub struct R; /* use super::S; */ const T: &str = "super::S";
rig.rs: use crate::p::S;

an item is found through a module that a use brings in
lib.rs: mod a; mod http; use anyhow::anyhow;
a.rs: use crate::http; use anyhow::{self, Context}; fn f() { http::answer(); anyhow::bail(); }
http.rs: mod reply; pub use reply::answer; pub struct Body;
http/reply.rs: pub fn answer() { crate::a::f(); }
= 2 files import one another:
=   a.rs -> http/reply.rs (names http::answer)
=   http/reply.rs -> a.rs (names crate::a::f)

tests end where their item ends, and are under no other condition
lib.rs: mod a; mod b; mod c; mod d;
a.rs: #[cfg(test)] fn rig() -> impl Sized + use<'_> { super::c::g() } fn f() { super::b::g(); }
b.rs: pub fn g() {} impl B { #[cfg(test)] fn rig() { crate::a::f() } fn f() { crate::c::g() } }
c.rs: pub fn g() {} #[cfg(not(test))] use super::d::D;
d.rs: pub struct D;
=   a.rs -> b.rs (names super::b::g)
=   b.rs -> c.rs (names crate::c::g)
=   c.rs -> d.rs (names super::d::D)

an item belongs to the file that defines it
main.rs: mod a; mod p;
a.rs: use crate::p::{Q, fmt, deep::g}; fn f<'a>(c: char) -> bool { c == '"' && crate::p::Glob::new() }
p.rs: mod child; mod globs; pub mod deep { pub fn g() {} } pub use {child::Q, globs::*}; use std::fmt;
p/child.rs: pub enum Q {}
p/globs.rs: pub struct Glob;
=   a.rs -> p.rs (names crate::p::deep::g)
=   a.rs -> p/child.rs (names crate::p::Q)
=   a.rs -> p/globs.rs (names crate::p::Glob::new)

what a macro is given is read, but for its literals
lib.rs: mod a; mod b;
a/mod.rs: fn f() { print!("super::b::g", [super::b::G]); }
b.rs: pub const G: u8 = 0;
=   a/mod.rs -> b.rs (names super::b::G)
"#;

#[test]
fn imports_and_cycles_of_made_up_crates() {
    for case in CASES.split("\n\n") {
        let files: BTreeMap<_, _> = case.lines().filter_map(|line| line.split_once(".rs: ")).collect();
        let imports = imports(&|file| files.get(file.trim_end_matches(".rs")).map(|&text| text.to_owned()));
        let cycles = cycles(&imports);
        let found = if cycles.is_empty() { lines(&imports, |_| true) } else { cycles };
        let expected: Vec<_> = case.lines().filter_map(|line| line.strip_prefix("= ")).collect();
        assert_eq!(found.lines().collect::<Vec<_>>(), expected, "{case}");
    }
}
