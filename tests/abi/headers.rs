//! Reads the headers as far as they are the binary interface: functions, constants, structures; and asks the C compiler for
//! the layout of the structures.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::tools;

/// What a header declares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// Its name, its prototype without the parameters' names, and with them.
    Function {
        name: String,
        types: String,
        prototype: String,
    },
    /// A macro with a number, as the header spells it: a `u` behind it is its type.
    Constant { name: String, value: String },
    /// Any other macro.
    Macro { name: String },
    /// A structure that only the library knows.
    Opaque { name: String },
    /// A structure, its fields with their types.
    Structure {
        name: String,
        fields: Vec<(String, String)>,
    },
}

/// The version is told by the library, too, and changes with every release.
const NO_INTERFACE: &str = "SDS_SMTP_VERSION";

/// The declarations of a header, in its order. An error names what is not understood: nothing is overlooked.
pub fn read(path: &Path) -> Result<Vec<Item>, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    parse(&text).map_err(|message| format!("{}: {message}", path.display()))
}

pub fn parse(text: &str) -> Result<Vec<Item>, String> {
    let text = without_comments(text)?.replace("\\\n", " ");
    let mut items: Vec<Item> = Vec::new();
    let mut code = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        // The braces of extern "C".
        if line.trim() == "#ifdef __cplusplus" {
            while lines.next().is_some_and(|line| !line.starts_with("#endif")) {}
            continue;
        }
        let Some(directive) = line.strip_prefix('#') else {
            code += line;
            code.push('\n');
            continue;
        };
        let Some(define) = directive.strip_prefix("define ") else {
            continue;
        };
        let (name, value) = define.trim().split_once(' ').unwrap_or((define.trim(), ""));
        if name.contains('(') {
            return Err(format!("a macro with parameters: {name}"));
        }
        // The include guard has no value.
        if value.is_empty() || name == NO_INTERFACE {
            continue;
        }
        let item = macro_of(name, value.trim());
        // One may be defined in several ways, for several compilers.
        if !items.contains(&item) {
            items.push(item);
        }
    }
    for statement in statements(&code)? {
        items.push(declaration(&statement)?);
    }
    Ok(items)
}

fn without_comments(text: &str) -> Result<String, String> {
    let mut parts = text.split("/*");
    let mut kept = String::from(parts.next().unwrap_or_default());
    for part in parts {
        let (_, after) = part.split_once("*/").ok_or("a comment without an end")?;
        kept += after;
    }
    Ok(kept)
}

fn macro_of(name: &str, value: &str) -> Item {
    let name = name.to_string();
    if value.starts_with(|first: char| first.is_ascii_digit() || first == '(') {
        let value = value.to_string();
        Item::Constant { name, value }
    } else {
        Item::Macro { name }
    }
}

/// Declarations, each with its words one blank apart; a function's body is left out.
fn statements(code: &str) -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    let mut statement = String::new();
    let mut depth = 0_usize;
    let mut body = false;
    for letter in code.chars() {
        match letter {
            '{' => {
                body |= depth == 0 && statement.trim_end().ends_with(')');
                depth += 1;
            }
            '}' => depth = depth.checked_sub(1).ok_or("a brace too many")?,
            _ => {}
        }
        let ends = depth == 0 && (letter == ';' || (letter == '}' && body));
        if !body && !ends {
            statement.push(letter);
        }
        if ends {
            found.push(statement.split_whitespace().collect::<Vec<_>>().join(" "));
            statement.clear();
            body = false;
        }
    }
    if depth != 0 || !statement.trim().is_empty() {
        return Err(format!("not understood: {}", statement.trim()));
    }
    Ok(found)
}

fn declaration(statement: &str) -> Result<Item, String> {
    let not_understood = || format!("not understood: {statement}");
    if let Some(structure) = statement.strip_prefix("typedef struct ") {
        let Some((name, after)) = structure.split_once(" {") else {
            let name = structure.split(' ').next().unwrap_or_default().to_string();
            return Ok(Item::Opaque { name });
        };
        let (fields, _) = after.rsplit_once('}').ok_or_else(not_understood)?;
        let fields = fields.split(';').map(str::trim).filter(|field| !field.is_empty());
        return Ok(Item::Structure {
            name: name.to_string(),
            fields: fields.map(named).collect::<Option<_>>().ok_or_else(not_understood)?,
        });
    }
    if statement.starts_with("typedef") || !statement.ends_with(')') {
        return Err(not_understood());
    }
    let (head, parameters) = statement.split_once('(').ok_or_else(not_understood)?;
    let parameters = parameters.strip_suffix(')').ok_or_else(not_understood)?;
    let (name, result) = named(head).ok_or_else(not_understood)?;
    let types: Vec<String> = parameters_of(parameters)
        .iter()
        .map(|parameter| named(parameter).map_or_else(|| parameter.clone(), |(_, type_name)| type_name))
        .collect();
    Ok(Item::Function {
        types: format!("{result} {name}({})", types.join(", ")),
        prototype: statement.to_string(),
        name,
    })
}

/// The name and the type of a field or a parameter; none where there is only a type of one word, as `void`.
fn named(declaration: &str) -> Option<(String, String)> {
    let declaration = declaration.trim();
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    // A pointer to a function: RESULT (*NAME)(PARAMETERS). Or an array: TYPE NAME[LENGTH]. Or TYPE NAME.
    let (before, from_name) = match declaration.split_once("(*") {
        Some((result, rest)) => (format!("{result}(*"), rest),
        None => {
            let end = declaration.find('[').unwrap_or(declaration.len());
            let start = declaration[..end].rfind(|letter| !is_name(letter))? + 1;
            (declaration[..start].to_string(), &declaration[start..])
        }
    };
    let length = from_name.find(|letter| !is_name(letter)).unwrap_or(from_name.len());
    let (name, after) = from_name.split_at(length);
    Some((name.to_string(), format!("{}{after}", before.trim_end())))
}

/// Parameters, separated by commas that are in no parentheses.
fn parameters_of(text: &str) -> Vec<String> {
    let mut found = vec![String::new()];
    let mut depth = 0;
    for letter in text.chars() {
        depth += i32::from(letter == '(') - i32::from(letter == ')');
        match found.last_mut() {
            Some(last) if letter != ',' || depth > 0 => last.push(letter),
            _ => found.push(String::new()),
        }
    }
    found.iter().map(|parameter| parameter.trim().to_string()).collect()
}

/// How many bits a pointer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bits {
    Bits64,
    Bits32,
}

/// The numbers that a compiler gives for structures: `STRUCTURE` is its size, `STRUCTURE.FIELD` offset and size of a field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    pub sizes: BTreeMap<String, usize>,
    pub fields: BTreeMap<String, (usize, usize)>,
}

/// The layout of a header's structures; none where no compiler for so many bits is here.
///
/// The header is taken from its own folder, whatever lies beside the program. Nothing is run: the numbers are the sizes of arrays in an object file, so that 32 bits need no C library and no machine
/// of their own.
pub fn layout(header: &Path, items: &[Item], bits: Bits, scratch: &Path) -> Result<Option<Layout>, String> {
    let mut program = format!(
        "#include <stddef.h>\n#include <{}>\n",
        header
            .file_name()
            .and_then(|name| name.to_str())
            .ok_or("a header has a name")?
    );
    for item in items {
        let Item::Structure { name, fields } = item else {
            continue;
        };
        program += &format!("char size__{name}[sizeof(struct {name})];\n");
        for (field, _) in fields {
            // An array has at least one element.
            program += &format!("char offset__{name}__{field}[offsetof(struct {name}, {field}) + 1];\n");
            program += &format!("char size__{name}__{field}[sizeof(((struct {name} *)0)->{field})];\n");
        }
    }
    // A compiler for other pointers is none for this.
    let octets = if bits == Bits::Bits64 { 8 } else { 4 };
    program += &format!("char other_pointers[sizeof(void *) == {octets} ? 1 : -1];\n");
    let (source, object) = (scratch.join("layout.c"), scratch.join("layout.o"));
    fs::write(&source, program).map_err(|error| error.to_string())?;
    // The compiler that CC names, and where it knows one width only, what is usual for the other.
    let compilers = match bits {
        Bits::Bits64 => vec![tools::c(), Command::new("aarch64-linux-gnu-gcc")],
        Bits::Bits32 => {
            let mut narrow = tools::c();
            narrow.arg("-m32");
            let others = ["arm-none-eabi-gcc", "arm-linux-gnueabihf-gcc"].map(Command::new);
            [narrow].into_iter().chain(others).collect()
        }
    };
    let mut last = String::new();
    for mut compiler in compilers {
        let output = compiler
            // The compiler's own headers will do.
            .args(["-std=c99", "-ffreestanding", "-fno-common", "-c", "-I"])
            .arg(header.parent().ok_or("a header has a folder")?)
            .arg(&source)
            .arg("-o")
            .arg(&object)
            .output();
        match output {
            Ok(output) if output.status.success() => return numbers(&object, items).map(Some),
            Ok(output) => last = String::from_utf8_lossy(&output.stderr).into_owned(),
            Err(_) => {}
        }
    }
    if last.is_empty()
        || last.contains("other_pointers")
        || last.contains("-m32")
        || last.contains("mode not compiled in")
    {
        return Ok(None);
    }
    Err(last)
}

fn numbers(object: &Path, items: &[Item]) -> Result<Layout, String> {
    let mut nm = Command::new("nm");
    nm.args(["--print-size", "--format=posix"]).arg(object);
    let output = nm.output().map_err(|error| tools::cannot_run(&nm, &error))?;
    let symbols = String::from_utf8_lossy(&output.stdout);
    let sizes: BTreeMap<&str, usize> = symbols
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ');
            let (name, size) = (words.next()?, words.nth(2)?);
            Some((name, usize::from_str_radix(size, 16).ok()?))
        })
        .collect();
    let size = |name: String| sizes.get(name.as_str()).copied().ok_or(format!("{name}: no size"));
    let mut layout = Layout::default();
    for item in items {
        let Item::Structure { name, fields } = item else {
            continue;
        };
        layout.sizes.insert(name.clone(), size(format!("size__{name}"))?);
        for (field, _) in fields {
            let offset = size(format!("offset__{name}__{field}"))? - 1;
            let length = size(format!("size__{name}__{field}"))?;
            layout.fields.insert(format!("{name}.{field}"), (offset, length));
        }
    }
    Ok(layout)
}

/// A shared library with the functions of a header, their types in its debugging information: what abidiff compares.
pub fn stand_in(header: &Path, items: &[Item], scratch: &Path, name: &str) -> Result<PathBuf, String> {
    let file = header
        .file_name()
        .and_then(|name| name.to_str())
        .ok_or("a header has a name")?;
    let mut program = format!("#include <{file}>\n");
    for item in items {
        if let Item::Function { prototype, .. } = item {
            program += &format!("{prototype} {{ for (;;) {{ }} }}\n");
        }
    }
    let (source, library) = (scratch.join(format!("{name}.c")), scratch.join(format!("{name}.so")));
    fs::write(&source, program).map_err(|error| error.to_string())?;
    let mut compiler = tools::c();
    compiler
        .args(["-std=c99", "-g", "-O0", "-fPIC", "-shared", "-I"])
        .arg(header.parent().ok_or("a header has a folder")?)
        .arg(&source)
        .arg("-o")
        .arg(&library);
    let output = compiler
        .output()
        .map_err(|error| tools::cannot_run(&compiler, &error))?;
    if output.status.success() {
        Ok(library)
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}
