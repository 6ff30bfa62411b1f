//! The binary interface as text: `tests/abi/*.def`, a file for each header.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::headers::{Bits, Item, Layout, layout, read};

pub const HEADERS: [&str; 3] = ["sds_smtp", "sds_smtp_firmware", "sds_fullc"];

/// How to take a new snapshot.
pub const COMMAND: &str = "tests/abi/record.sh";

/// What came after the last release.
pub const UNRELEASED: &str = "Unreleased";

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A folder of this name for one test.
pub fn scratch(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("abi").join(name);
    fs::create_dir_all(&folder).expect("a scratch folder can be made");
    folder
}

/// A line of the snapshot: what it speaks of, the version that brought it, and what is said of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub kind: String,
    /// A function's or a macro's name, a structure's, or STRUCTURE.FIELD.
    pub name: String,
    pub since: String,
    pub says: String,
}

impl Entry {
    fn key(&self) -> (&str, &str) {
        (&self.kind, &self.name)
    }

    fn line(&self) -> String {
        // A field's structure and a field are two arguments of the macro.
        let name = self.name.replace('.', ", ");
        let comma = if self.says.is_empty() { "" } else { ", " };
        format!("{}(\"{}\", {name}{comma}{})", self.kind, self.since, self.says)
    }

    fn read(line: &str) -> Option<Self> {
        let (kind, rest) = line.strip_suffix(')')?.split_once("(\"")?;
        let (since, rest) = rest.split_once("\", ")?;
        let (name, rest) = rest.split_once(", ").unwrap_or((rest, ""));
        let (name, says) = match kind {
            "FIELD" => {
                let (field, says) = rest.split_once(", ")?;
                (format!("{name}.{field}"), says)
            }
            _ => (name.to_string(), rest),
        };
        Some(Self {
            kind: kind.into(),
            name,
            since: since.into(),
            says: says.into(),
        })
    }
}

pub type Snapshot = Vec<Entry>;

pub fn path(header: &str) -> PathBuf {
    root().join("tests/abi").join(format!("{header}.def"))
}

/// The committed snapshot of a header. An error names file and line.
pub fn committed(header: &str) -> Result<Snapshot, String> {
    let path = path(header);
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}: run {COMMAND}", path.display()))?;
    let lines = text.lines().enumerate();
    let entries = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with(['/', ' ']));
    entries
        .map(|(at, line)| Entry::read(line).ok_or_else(|| format!("tests/abi/{header}.def:{}: not an entry", at + 1)))
        .collect()
}

/// The snapshot of a header as it stands. Versions, and the numbers of 32 bits where no compiler has them, are those of
/// `before`; the second value says whether that was so.
pub fn current(header: &Path, before: &Snapshot, scratch: &Path) -> Result<(Snapshot, bool), String> {
    let items = read(header)?;
    let wide = layout(header, &items, Bits::Bits64, scratch)?;
    let wide = wide.ok_or("no C compiler for 64 bits: `make setup` installs one")?;
    let narrow = layout(header, &items, Bits::Bits32, scratch)?;
    let known: BTreeMap<_, _> = before.iter().map(|entry| (entry.key(), entry)).collect();
    let entry = |kind: &str, name: &str, says: String| {
        let since = known
            .get(&(kind, name))
            .map_or(UNRELEASED, |entry| entry.since.as_str());
        Entry {
            kind: kind.into(),
            name: name.into(),
            since: since.into(),
            says,
        }
    };
    let mut entries = Vec::new();
    for item in &items {
        match item {
            Item::Function { name, types, .. } => entries.push(entry("FUNCTION", name, format!("\"{types}\""))),
            Item::Constant { name, value } => entries.push(entry("CONSTANT", name, value.clone())),
            Item::Macro { name } => entries.push(entry("MACRO", name, String::new())),
            Item::Opaque { name } => entries.push(entry("OPAQUE", name, String::new())),
            Item::Structure { name, fields } => {
                let said = |key: &(&str, &str)| known.get(key).map(|entry| entry.says.clone());
                let says = size_of(name, &wide, narrow.as_ref(), said(&("STRUCTURE", name)));
                entries.push(entry("STRUCTURE", name, says));
                for (field, type_name) in fields {
                    let name = format!("{name}.{field}");
                    let says = place_of(&name, &wide, narrow.as_ref(), said(&("FIELD", &name)));
                    entries.push(entry("FIELD", &name, format!("{says}, \"{type_name}\"")));
                }
            }
        }
    }
    Ok((entries, narrow.is_none()))
}

/// The numbers that stand at these places of an entry's words, for what no compiler can tell here.
fn kept(said: Option<&String>, from: usize, count: usize) -> String {
    let said = said.map_or("", String::as_str);
    let numbers: Vec<&str> = said.split(", ").skip(from).take(count).collect();
    numbers.join(", ")
}

fn size_of(name: &str, wide: &Layout, narrow: Option<&Layout>, said: Option<String>) -> String {
    let size = |layout: &Layout| layout.sizes.get(name).map_or_else(String::new, ToString::to_string);
    let narrow = narrow.map_or_else(|| kept(said.as_ref(), 1, 1), size);
    format!("{}, {narrow}", size(wide))
}

fn place_of(name: &str, wide: &Layout, narrow: Option<&Layout>, said: Option<String>) -> String {
    let place = |layout: &Layout| {
        let found = layout.fields.get(name);
        found.map_or_else(String::new, |(offset, size)| format!("{offset}, {size}"))
    };
    let narrow = narrow.map_or_else(|| kept(said.as_ref(), 2, 2), place);
    format!("{}, {narrow}", place(wide))
}

pub fn write(header: &str, snapshot: &Snapshot) -> String {
    let mut text = format!(
        "/* The binary interface of {header}.h. Each entry begins with the version that brought it.\n \
         * STRUCTURE: its size with 64 and with 32 bits.\n \
         * FIELD: its offset and size with 64 bits, its offset and size with 32 bits.\n \
         * {COMMAND} writes it; tests/abi.rs compares it with the header, tests/abi/layout.h with compilers. */\n\n"
    );
    for entry in snapshot {
        text += &entry.line();
        text.push('\n');
    }
    text
}

/// What is in one of them only: `-` before and `+` now. Empty where both are the same.
pub fn difference(before: &Snapshot, now: &Snapshot) -> String {
    let mut text = String::new();
    for (sign, one, other) in [('-', before, now), ('+', now, before)] {
        for entry in one.iter().filter(|entry| !other.contains(entry)) {
            text += &format!("  {sign} {}\n", entry.line());
        }
    }
    if text.is_empty() && before != now {
        text.push_str("  the order of the declarations\n");
    }
    text
}

/// What a program that was built with `before` misses in `now`: each entry that is gone or says something else. A structure may
/// grow at its end, since `struct_size` tells how much of it a program knows.
pub fn broken(before: &Snapshot, now: &Snapshot) -> Vec<String> {
    let size = |entry: &Entry| -> Vec<usize> { entry.says.split(", ").filter_map(|size| size.parse().ok()).collect() };
    let holds = |entry: &&Entry| {
        now.iter().any(|other| {
            let grown = entry.kind == "STRUCTURE" && size(entry) <= size(other) && size(entry)[1..] <= size(other)[1..];
            entry.key() == other.key() && (entry.says == other.says || grown)
        })
    };
    let lost = before.iter().filter(|entry| !holds(entry));
    lost.map(|entry| format!("  {}\n", entry.line())).collect()
}
