//! The floors of a crate, and what breaks their order.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::uses::{Reader, Use};

#[cfg(test)]
mod tests;

/// The modules of a crate by floors, and which of them uses which.
pub struct House {
    /// Lowest first.
    floors: Vec<Floor>,
    uses: Vec<Use>,
}

#[derive(Default)]
struct Floor {
    /// The comment above it, or nothing.
    name: String,
    modules: Vec<String>,
}

impl Floor {
    fn has(&self, module: &str) -> bool {
        self.modules.iter().any(|name| name == module)
    }
}

impl House {
    /// Reads a crate. `source` gives the text of a file by its path from the crate's folder, or nothing
    /// if there is none.
    pub fn read(source: impl Fn(&str) -> Option<String>) -> Result<House, String> {
        let lib = source("src/lib.rs").ok_or("src/lib.rs cannot be read")?;
        let floors = floors(&lib);
        let names = exports(&lib);
        let mut reader = Reader::new(source, 1);
        for module in floors.iter().flat_map(|floor| &floor.modules) {
            reader.module(std::slice::from_ref(module))?;
        }
        let mut uses = reader.uses;
        for used in &mut uses {
            // Who takes what `lib.rs` passes on uses the module that has it.
            let known = |module: &str| floors.iter().any(|floor| floor.has(module));
            if let Some(module) = names.get(&used.to).filter(|m| known(m) && !known(&used.to)) {
                used.rest = format!("::{}{}", used.to, used.rest);
                used.to.clone_from(module);
            }
        }
        uses.retain(|used| used.from != used.to);
        Ok(House { floors, uses })
    }

    /// One paragraph for each use that does not go down, and for each circle among the words.
    pub fn upward(&self) -> Vec<String> {
        let mut problems: Vec<String> =
            self.uses.iter().filter_map(|used| self.problem(used)).collect();
        let circle = self.floors.iter().take(1).flat_map(|words| &words.modules);
        problems.extend(circle.filter_map(|word| {
            let way = self.way(word, |module| module == word)?;
            Some(format!(
                "{} is a circle among the words. Put what they share into one module that both use.",
                way.join(" → ")
            ))
        }));
        problems
    }

    fn problem(&self, used: &Use) -> Option<String> {
        let Use { from, to, rest, file, line } = used;
        let at = format!("{file}:{line}: `{from}` uses `crate::{to}{rest}`");
        let (Some(own), Some(other)) = (self.floor(from), self.floor(to)) else {
            return Some(format!(
                "{at}, which `src/lib.rs` has itself.\n  The roof is above every floor: put `{to}` \
                 into a module that stands below `{from}`."
            ));
        };
        if other < own || (own == 0 && other == 0) {
            return None;
        }
        let word =
            if rest.is_empty() { "what it needs".to_owned() } else { format!("`{}`", &rest[2..]) };
        let relation = if other == own { "the same floor" } else { "a higher floor" };
        Some(format!(
            "{at}, on {relation}.\n  `{from}` stands on {}, `{to}` on {}.\n  A module uses only floors \
             below its own. If {word} is a word that both need, move it to a module below `{from}`; \
             otherwise let `{to}` call `{from}`, or change the order of the `mod` \
             lines in src/lib.rs.",
            self.describe(own),
            self.describe(other),
        ))
    }

    /// One paragraph for each of `from` that reaches one of `to`, with the shortest way.
    pub fn reaching(&self, from: &[&str], to: &[&str]) -> Vec<String> {
        let unknown = from.iter().chain(to).filter(|name| self.floor(name).is_none());
        let mut problems: Vec<String> =
            unknown.map(|name| format!("there is no module `{name}`")).collect();
        for module in from {
            let Some(way) = self.way(module, |reached| to.contains(&reached)) else { continue };
            let steps = way.windows(2).filter_map(|step| {
                let first = self.uses.iter().find(|u| u.from == step[0] && u.to == step[1])?;
                Some(format!(
                    "\n  {}:{}: `crate::{}{}`",
                    first.file, first.line, first.to, first.rest
                ))
            });
            problems.push(format!(
                "`{module}` may not reach {}, and does: {}{}",
                to.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" or "),
                way.join(" → "),
                steps.collect::<String>()
            ));
        }
        problems
    }

    /// The shortest way by uses from a module to one that is wanted.
    fn way(&self, from: &str, wanted: impl Fn(&str) -> bool) -> Option<Vec<String>> {
        let mut ways = VecDeque::from([vec![from.to_owned()]]);
        let mut seen = BTreeSet::new();
        while let Some(way) = ways.pop_front() {
            for used in self.uses.iter().filter(|used| Some(&used.from) == way.last()) {
                let longer = [way.as_slice(), std::slice::from_ref(&used.to)].concat();
                if wanted(&used.to) {
                    return Some(longer);
                }
                if seen.insert(&used.to) {
                    ways.push_back(longer);
                }
            }
        }
        None
    }

    fn floor(&self, module: &str) -> Option<usize> {
        self.floors.iter().position(|floor| floor.has(module))
    }

    fn describe(&self, floor: usize) -> String {
        let Floor { name, modules } = &self.floors[floor];
        let name = if name.is_empty() { modules.join(", ") } else { name.clone() };
        format!("floor {} ({name})", floor + 1)
    }
}

/// One paragraph for each use of something outside of a module, such as `engine/books`, other than of the
/// modules at the top that it may use.
pub(crate) fn leaving(
    source: impl Fn(&str) -> Option<String>,
    module: &str,
    may_use: &[&str],
) -> Result<Vec<String>, String> {
    let path: Vec<String> = module.split('/').map(str::to_owned).collect();
    let mut reader = Reader::new(source, path.len());
    reader.module(&path)?;
    let itself = path.join("::");
    let outside = reader.uses.iter().filter(|used| {
        let whole = format!("{}{}", used.to, used.rest);
        let inside = whole.strip_prefix(&itself).is_some_and(|rest| rest.starts_with("::"));
        !inside && !may_use.contains(&used.to.as_str())
    });
    let problem = |used: &Use| {
        let Use { to, rest, file, line, .. } = used;
        format!("{file}:{line}: `{module}` uses `crate::{to}{rest}`, which it may not")
    };
    Ok(outside.map(problem).collect())
}

/// The floors that the `mod` lines of `lib.rs` make.
fn floors(lib: &str) -> Vec<Floor> {
    let mut floors = vec![];
    let mut floor = Floor::default();
    let mut test = false;
    for line in lib.lines().map(str::trim).chain([""]) {
        if line.is_empty() {
            floors.push(std::mem::take(&mut floor));
        } else if let Some(text) = line.strip_prefix("// ") {
            floor.name.push_str(if floor.name.is_empty() { "" } else { " " });
            floor.name.push_str(text.trim_end_matches('.'));
        } else if let Some(module) = module(line).filter(|_| !test) {
            floor.modules.push(module.to_owned());
        }
        test = line == "#[cfg(test)]";
    }
    floors.retain(|floor| !floor.modules.is_empty());
    floors
}

/// The name in a line such as `pub mod nodes;`.
fn module(line: &str) -> Option<&str> {
    let line = line.strip_prefix("pub ").or(line.strip_prefix("pub(crate) ")).unwrap_or(line);
    line.strip_prefix("mod ")?.strip_suffix(';')
}

/// What `lib.rs` has from its modules by lines such as `pub use nodes::{Node, NodeKey};`: each name, and
/// the module.
fn exports(lib: &str) -> BTreeMap<String, String> {
    let code: String = lib.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let imports =
        code.split(';').filter_map(|statement| statement.rsplit_once("use ")?.1.split_once("::"));
    let names = imports.flat_map(|(module, names)| {
        let names = names.split(|sign: char| !sign.is_alphanumeric() && sign != '_');
        names.map(|name| (name.to_owned(), module.to_owned()))
    });
    names.collect()
}
