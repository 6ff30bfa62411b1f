//! What the documents promise their readers: lines of a page's width, every function in its place, links that lead somewhere.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use sds_smtp::limits::Timeouts;

use super::{files_below, functions_of, read, root};

fn documents() -> Vec<PathBuf> {
    let at_the_top = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"].map(PathBuf::from);
    [at_the_top.as_slice(), &files_below("docs", "md")].concat()
}

#[test]
fn documents_and_headers_have_lines_of_at_most_110_columns() {
    let headers = files_below("include", "h");
    assert!(headers.len() >= 3 && documents().len() >= 20);
    for path in headers.iter().chain(&documents()) {
        for (at, line) in read(path).lines().enumerate() {
            // A table's row, a heading and an address cannot be broken.
            let whole = line.starts_with(['|', '#']) || !line.trim().contains(' ');
            let columns = line.chars().count();
            assert!(
                whole || columns <= 110,
                "{}:{}: {columns} columns",
                path.display(),
                at + 1
            );
        }
    }
}

#[test]
fn the_page_on_the_c_interface_names_every_function_and_every_header_leads_to_it() {
    let page = read("docs/c-api.md");
    let headers = ["sds_smtp.h", "sds_smtp_firmware.h"].map(|header| read(Path::new("include").join(header)));
    let functions: BTreeSet<String> = headers.iter().flat_map(|header| functions_of(header)).collect();
    assert!(functions.len() >= 22, "{functions:?}");
    let (_, table) = page.split_once("## Functions").unwrap();
    let table = table.split("\n## ").next().unwrap();
    for function in &functions {
        assert!(table.contains(&format!("`{function}`")), "{function}");
    }
    for name in table
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|name| name.starts_with("sds_smtp_"))
    {
        let name = name.trim_end_matches("()");
        assert!(functions.contains(name), "there is no function {name}");
    }
    for text in headers.iter().chain([&read("README.md")]) {
        assert!(text.contains("docs/c-api.md"));
    }
}

#[test]
fn the_readme_tells_the_default_time_limits() {
    let readme = read("README.md");
    let header = read("include/sds_smtp.h");
    let fields: Vec<&str> = header
        .split("uint32_t ")
        .filter_map(|after| after.split(';').next())
        .filter(|field| field.ends_with("_timeout_ms"))
        .collect();
    let defaults = Timeouts::RFC_5321.in_order();
    // The structure has them in the order of the phases, as the engine has.
    assert_eq!(fields.len(), defaults.len());
    for (field, default) in fields.iter().zip(defaults) {
        assert!(
            readme.contains(&format!("| `{field}` | {default} |")),
            "{field}: {default}"
        );
    }
}

#[test]
fn links_between_documents_lead_to_files() {
    let mut links = 0;
    for path in documents() {
        let text = read(&path);
        for (_, after) in text
            .match_indices("](")
            .map(|(at, link)| text.split_at(at + link.len()))
        {
            let target = after.split([')', '#']).next().unwrap();
            if target.is_empty() || target.contains("://") {
                continue;
            }
            let folder = root().join(path.parent().unwrap());
            assert!(folder.join(target).exists(), "{}: {target}", path.display());
            links += 1;
        }
    }
    assert!(links >= 20, "{links}");
}

#[test]
fn the_readme_names_the_targets_with_a_system_and_how_to_link_there() {
    let (readme, targets) = (read("README.md"), read("scripts/cross/targets.sh"));
    let hosted = [array(&targets, "\nhosted"), array(&targets, "\nhosted_more")].concat();
    assert!(hosted.len() >= 2);
    for triple in hosted {
        assert!(readme.contains(&format!("| `{triple}` |")), "{triple}");
    }
    let script = read("scripts/cross/hosted.sh");
    let mut lines = 0;
    for (_, line) in script
        .match_indices("archive_libraries=(")
        .map(|(at, _)| script.split_at(at))
    {
        let line = array(line, "archive_libraries").join(" ");
        assert!(readme.contains(&line), "{line}");
        lines += 1;
    }
    assert_eq!(lines, 3);
}

/// Words of a text that begin so, up to what cannot stand in the path of a file.
fn paths_in<'a>(text: &'a str, begin: &'a str) -> impl Iterator<Item = &'a str> {
    text.match_indices(begin).map(|(at, _)| {
        let path = &text[at..];
        let end = path.find(|letter: char| !(letter.is_ascii_alphanumeric() || "_-./".contains(letter)));
        path[..end.unwrap_or(path.len())].trim_end_matches('.')
    })
}

#[test]
fn every_script_that_is_named_somewhere_is_there() {
    let mut files: Vec<PathBuf> = [
        "Makefile",
        "README.md",
        "ARCHITECTURE.md",
        ".ci/run",
        "c_examples/firmware/README.md",
    ]
    .map(PathBuf::from)
    .into();
    for (folder, extension) in [
        ("docs", "md"),
        ("scripts", "sh"),
        ("benches", "sh"),
        ("tests", "py"),
        ("tests", "rs"),
    ] {
        files.extend(files_below(folder, extension));
    }
    let mut named = BTreeSet::new();
    for file in &files {
        let text = read(file);
        for path in paths_in(&text, "scripts/").filter(|path| path.ends_with(".sh")) {
            assert!(root().join(path).is_file(), "{} names {path}", file.display());
            named.insert(path.to_string());
        }
    }
    assert!(named.len() >= 10, "{named:?}");
}

/// Source files and tests that a document names. `NAME` stands for any name, and `src/apps/` is lwIP's.
#[test]
fn every_source_file_that_a_document_names_is_there() {
    let mut named = 0;
    for document in documents() {
        let text = read(&document);
        for begin in ["src/", "tests/", "sink/", "fuzz/", "python/", "benches/", "cbindgen/"] {
            for path in paths_in(&text, begin) {
                // Part of a longer path, such as target/src/.
                let at = path.as_ptr() as usize - text.as_ptr() as usize;
                let whole =
                    !text[..at].ends_with(|letter: char| letter.is_ascii_alphanumeric() || "/_-.".contains(letter));
                if whole
                    && path.contains('.')
                    && !path.starts_with("src/apps/")
                    && !path.contains("NAME")
                    && !path.contains("WHAT_HAPPENS")
                {
                    assert!(root().join(path).exists(), "{} names {path}", document.display());
                    named += 1;
                }
            }
        }
    }
    assert!(named >= 100, "{named}");
}

/// The rows of the table that `benches/footprint/run.sh write` keeps between two comments.
fn table_of<'a>(document: &'a str, name: &str) -> Vec<&'a str> {
    let (_, after) = document
        .split_once(&format!("<!-- table: {name} -->\n"))
        .unwrap_or_else(|| panic!("{name}"));
    let (table, _) = after.split_once("<!-- end of table -->").unwrap();
    table.lines().skip(2).collect()
}

#[test]
fn the_figures_of_microcontrollers_are_the_same_everywhere() {
    let (readme, footprint) = (read("README.md"), read("docs/footprint.md"));
    let bare_metal = array(&read("scripts/cross/targets.sh"), "\nbare_metal");
    assert!(bare_metal.len() >= 4);
    for rows in [table_of(&readme, "sizes"), table_of(&footprint, "targets")] {
        assert_eq!(rows.len(), bare_metal.len());
        for (row, triple) in rows.iter().zip(&bare_metal) {
            assert!(row.starts_with(&format!("| `{triple}` |")), "{row}");
        }
    }
    assert_eq!(table_of(&readme, "lwip"), table_of(&footprint, "lwip"));
    let script = read("benches/footprint/run.sh");
    for (_, name) in script
        .match_indices("  begin_table ")
        .map(|(at, found)| script.split_at(at + found.len()))
    {
        let name = name.split(' ').next().unwrap();
        let kept = [&readme, &footprint].map(|document| document.contains(&format!("<!-- table: {name} -->")));
        assert!(kept.contains(&true), "no document has the table {name}");
    }
    for name in ["limited", "kinds", "targets", "limits", "stack", "lwip"] {
        assert!(
            !table_of(&footprint, name).is_empty(),
            "{name}: run benches/footprint/run.sh write"
        );
    }
}

#[test]
fn every_code_is_in_the_readmes_table() {
    let (readme, header) = (read("README.md"), read("include/sds_smtp.h"));
    // The codes stand first.
    let (codes, _) = header.split_once("#define SDS_SMTP_AUTH_NONE").unwrap();
    let mut count = 0;
    for line in codes.lines() {
        let mut words = line.split(' ').skip(1);
        let (Some(name), Some(value)) = (words.next(), words.next()) else {
            continue;
        };
        if line.starts_with("#define SDS_SMTP_") {
            assert!(readme.contains(&format!("| {value} | `{name}` |")), "{line}");
            count += 1;
        }
    }
    assert_eq!(count, sds_smtp::code::Code::ALL.len());
}

/// The words of a shell script's array.
fn array(script: &str, name: &str) -> Vec<String> {
    let (_, after) = script
        .split_once(&format!("{name}=("))
        .unwrap_or_else(|| panic!("{name}"));
    after
        .split(')')
        .next()
        .unwrap()
        .split_whitespace()
        .map(String::from)
        .collect()
}
