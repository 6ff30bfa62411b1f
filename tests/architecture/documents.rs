//! What the documents promise their readers: lines of a page's width, every function in its place, links that lead somewhere.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

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
