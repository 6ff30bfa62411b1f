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
