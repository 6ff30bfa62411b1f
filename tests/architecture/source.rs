//! The library's source files: which names each uses, and which file defines them.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};

use super::tokens::{Kind, Token, code};
use super::{files_below, read};

/// A path of modules, from the crate's root.
type Module = Vec<String>;

/// A path as it stands in a file: its words.
type Words = Vec<String>;

/// Where a path leads.
#[derive(Clone, Debug)]
enum Target {
    /// To a module itself.
    Module(Module),
    /// To a name that this module defines.
    Name(Module),
}

/// A source file.
pub struct File {
    pub path: PathBuf,
    pub code: Vec<Token>,
    module: Module,
    /// What `use` brings, by the name it has here: several paths where the target decides.
    imports: BTreeMap<String, Vec<Words>>,
    /// All paths of more than one word, those of `use` too.
    paths: Vec<Words>,
}

/// The source files of a crate.
pub struct Sources {
    pub files: Vec<File>,
    by_module: BTreeMap<Module, usize>,
}

/// The module of `src/a/b.rs` is a::b; that of `src/a/mod.rs` is a.
fn module_of(path: &Path) -> Module {
    let path = path.strip_prefix("src").unwrap().with_extension("");
    let mut module: Module = path.iter().map(|part| part.to_str().unwrap().to_string()).collect();
    if matches!(module.last().map(String::as_str), Some("mod" | "lib")) {
        module.pop();
    }
    module
}

fn is_separator(code: &[Token], at: usize) -> bool {
    code.get(at).is_some_and(|token| token.is(":")) && code.get(at + 1).is_some_and(|token| token.is(":"))
}

/// Reads one tree of a `use` and goes behind it.
fn read_imports(code: &[Token], at: &mut usize, before: &[String], found: &mut Vec<(String, Words)>) {
    let mut words = before.to_vec();
    loop {
        if is_separator(code, *at) {
            *at += 2;
            continue;
        }
        let Some(token) = code.get(*at) else { return };
        match token.text.as_str() {
            "{" => {
                *at += 1;
                while code.get(*at).is_some_and(|token| !token.is("}") && !token.is(";")) {
                    read_imports(code, at, &words, found);
                    if code.get(*at).is_some_and(|token| token.is(",")) {
                        *at += 1;
                    }
                }
                *at += 1;
                return;
            }
            "as" => {
                found.push((code[*at + 1].text.clone(), words));
                *at += 2;
                return;
            }
            "," | "}" | ";" => {
                found.push((words.last().cloned().unwrap_or_default(), words));
                return;
            }
            // `a::{self}` is a.
            "self" if !words.is_empty() => *at += 1,
            word => {
                words.push(word.to_string());
                *at += 1;
            }
        }
    }
}

impl File {
    pub fn new(path: &str, source: &str) -> Self {
        let code = code(source);
        let (mut imports, mut paths) = (Vec::new(), Vec::new());
        let mut at = 0;
        while at < code.len() {
            // `use<>` in a type says what it captures.
            if code[at].is("use") && !code.get(at + 1).is_some_and(|token| token.is("<")) {
                at += 1;
                read_imports(&code, &mut at, &[], &mut imports);
                continue;
            }
            let mut words = Vec::new();
            while code.get(at).is_some_and(|token| token.kind == Kind::Word) {
                words.push(code[at].text.clone());
                at += 1;
                if !is_separator(&code, at) {
                    break;
                }
                at += 2;
            }
            match words.len() {
                0 => at += 1,
                1 => {}
                _ => paths.push(words),
            }
        }
        paths.extend(imports.iter().map(|(_, words)| words.clone()));
        let mut by_name: BTreeMap<String, Vec<Words>> = BTreeMap::new();
        for (name, words) in imports {
            by_name.entry(name).or_default().push(words);
        }
        Self {
            module: module_of(Path::new(path)),
            path: PathBuf::from(path),
            imports: by_name,
            code,
            paths,
        }
    }
}

impl Sources {
    pub fn new(files: Vec<File>) -> Self {
        let by_module = files.iter().enumerate().map(|(at, file)| (file.module.clone(), at));
        Self {
            by_module: by_module.collect(),
            files,
        }
    }

    /// The library's.
    pub fn of_the_library() -> Self {
        let paths = files_below("src", "rs");
        Self::new(
            paths
                .iter()
                .map(|path| File::new(path.to_str().unwrap(), &read(path)))
                .collect(),
        )
    }

    fn file(&self, module: &[String]) -> Option<&File> {
        self.by_module.get(module).map(|at| &self.files[*at])
    }

    fn child(&self, module: &[String], name: &str) -> Option<Module> {
        let child = [module, &[name.to_string()]].concat();
        self.by_module.contains_key(&child).then_some(child)
    }

    /// The module where a path begins, and the words behind that; None for a path that does not begin with a module of the
    /// crate or an import.
    fn start<'a>(&self, module: &[String], words: &'a [String]) -> Option<(Module, &'a [String])> {
        let mut here = module.to_vec();
        let first = words.first()?;
        match first.as_str() {
            "crate" => Some((Vec::new(), &words[1..])),
            "self" => Some((here, &words[1..])),
            "super" => {
                let ups = words.iter().take_while(|word| *word == "super").count();
                here.truncate(here.len().checked_sub(ups)?);
                Some((here, &words[ups..]))
            }
            _ => {
                let known = self.file(module)?.imports.contains_key(first) || self.child(module, first).is_some();
                known.then_some((here, words))
            }
        }
    }

    /// Where a path leads that stands in a module, whatever imports and re-exports it goes through. `through` are the
    /// imports on the way here.
    fn targets(&self, module: &[String], words: &[String], through: &mut BTreeSet<(Module, Words)>) -> Vec<Target> {
        let Some((mut here, rest)) = self.start(module, words) else {
            return Vec::new();
        };
        for (at, word) in rest.iter().enumerate() {
            if let Some(child) = self.child(&here, word) {
                here = child;
                continue;
            }
            let imports = self.file(&here).and_then(|file| file.imports.get(word));
            let mut found = Vec::new();
            for words in imports.into_iter().flatten() {
                if !through.insert((here.clone(), words.clone())) {
                    continue;
                }
                for target in self.targets(&here, words, through) {
                    match target {
                        Target::Module(module) => {
                            let rest = [&["self".to_string()], &rest[at + 1..]].concat();
                            found.extend(self.targets(&module, &rest, through));
                        }
                        name => found.push(name),
                    }
                }
            }
            if imports.is_none() {
                found.push(Target::Name(here));
            }
            return found;
        }
        vec![Target::Module(here)]
    }

    /// The modules at the crate's root that a file names.
    pub fn named_at_the_root(&self, file: &File) -> BTreeSet<String> {
        let mut named = BTreeSet::new();
        for words in &file.paths {
            let first = words.first().map_or("", String::as_str);
            if !matches!(first, "crate" | "super" | "self") {
                continue;
            }
            if let Some((here, rest)) = self.start(&file.module, words) {
                named.extend(here.first().or(rest.first()).cloned());
            }
        }
        named
    }

    /// The files whose names a file uses. A module that is only re-exported through is not used, nor is one that is imported
    /// and never named.
    fn used_by(&self, file: &File) -> BTreeSet<usize> {
        let targets = file
            .paths
            .iter()
            .flat_map(|words| self.targets(&file.module, words, &mut BTreeSet::new()));
        targets
            .filter_map(|target| match target {
                Target::Name(module) => self.by_module.get(&module).copied(),
                Target::Module(_) => None,
            })
            .filter(|used| self.files[*used].path != file.path)
            .collect()
    }

    /// For each file that uses itself by way of others, the shortest way round.
    pub fn circles(&self) -> BTreeMap<PathBuf, String> {
        let used: Vec<BTreeSet<usize>> = self.files.iter().map(|file| self.used_by(file)).collect();
        let mut circles = BTreeMap::new();
        for start in 0..self.files.len() {
            let mut came_from: BTreeMap<usize, usize> = BTreeMap::new();
            let mut next = VecDeque::from([start]);
            while let Some(at) = next.pop_front() {
                for to in &used[at] {
                    if let Entry::Vacant(entry) = came_from.entry(*to) {
                        entry.insert(at);
                        next.push_back(*to);
                    }
                }
            }
            let Some(mut at) = came_from.get(&start).copied() else {
                continue;
            };
            let name = |at: usize| self.files[at].path.display().to_string();
            let mut way = vec![name(start), name(at)];
            while at != start {
                at = came_from[&at];
                way.push(name(at));
            }
            way.reverse();
            circles.insert(self.files[start].path.clone(), way.join(" uses "));
        }
        circles
    }
}
