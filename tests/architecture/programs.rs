//! The programs and command lines of the documents, compiled and linked as they stand there.

use std::path::{Path, PathBuf};
use std::{env, fs};

use super::release::release;
use super::{files_below, finished, read, root, tools};

/// A block of C in the README.
fn readme_program(number: usize) -> String {
    let readme = read("README.md");
    let after = readme.split("```c\n").nth(number + 1).expect("a C program");
    after.split_once("```").unwrap().0.to_string()
}

#[test]
fn the_readmes_program_is_built_with_the_readmes_commands() {
    let readme = read("README.md");
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("readme");
    fs::create_dir_all(&folder).unwrap();
    let program = readme_program(1);
    assert!(program.lines().count() <= 32, "{}", program.lines().count());
    fs::write(folder.join("alarm.c"), program).unwrap();
    let lines = link_lines(&readme);
    assert_eq!(lines.len(), 2);
    for line in lines {
        // The program stands beside the README, in the checkout.
        run_link_line(line, &folder);
    }
}

/// The lines of a document that compile and link a program.
fn link_lines(document: &str) -> Vec<&str> {
    document.lines().filter(|line| line.starts_with("cc ")).collect()
}

/// Runs such a line, which is written to be typed at the top of the checkout after `make`. The program goes to the folder.
fn run_link_line(line: &str, folder: &Path) {
    let word = |word: &str| match word {
        "-Iinclude" => format!("-I{}", root().join("include").display()),
        source if source.starts_with("c_examples/") => root().join(source).display().to_string(),
        _ => word
            .replace("$PWD/", "")
            .replace("target/release", release().to_str().unwrap()),
    };
    let words: Vec<String> = line.split(' ').skip(1).map(word).collect();
    for standard in ["-std=c99", "-std=c11"] {
        let mut compiler = tools::c();
        compiler
            .args([standard, "-Wall", "-Wextra", "-Wpedantic", "-Werror"])
            .args(&words)
            .current_dir(folder);
        let output = finished(&mut compiler);
        assert!(output.status.success(), "{line}\n{output:?}");
    }
}

#[test]
fn the_index_of_c_examples_has_each_of_them_with_lines_that_build_it() {
    let index = read("c_examples/README.md");
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("c_examples");
    fs::create_dir_all(&folder).unwrap();
    let lines = link_lines(&index);
    for line in &lines {
        run_link_line(line, &folder);
    }
    let examples: Vec<PathBuf> = files_below("c_examples", "c")
        .into_iter()
        .filter(|path| path.components().count() == 2)
        .collect();
    assert!(examples.len() >= 4, "{examples:?}");
    for path in examples {
        let path = path.to_str().unwrap();
        let own: Vec<_> = lines.iter().filter(|line| line.contains(path)).collect();
        assert_eq!(own.len(), 2, "{path}: a line for each library");
        assert!(own.iter().any(|line| line.contains("libsds_smtp.a")), "{path}");
    }
    assert!(index.contains("firmware/README.md"));
}

/// Lines that stand in no function, in one.
fn in_a_function(lines: &str) -> String {
    format!(
        "#include <limits.h>\n#include <poll.h>\n#include <stdio.h>\n#include \"sds_smtp.h\"\nvoid part(void);\nvoid part(void)\n{{\n{lines}}}\n"
    )
}

#[test]
fn the_parts_of_programs_in_the_documents_are_compiled() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("parts");
    fs::create_dir_all(&folder).unwrap();
    let page = read("docs/threads-and-loops.md");
    let of_the_page = page.split("```c\n").nth(1).and_then(|after| after.split("```").next());
    for (name, part) in [
        ("submission.c", in_a_function(&readme_program(0))),
        ("readme.c", readme_program(2)),
        ("loop.c", in_a_function(of_the_page.unwrap())),
    ] {
        fs::write(folder.join(name), part).unwrap();
        let mut compiler = tools::c();
        compiler
            .args([
                "-std=c99",
                "-Wall",
                "-Wextra",
                "-Wpedantic",
                "-Werror",
                "-c",
                name,
                "-I",
            ])
            .arg(root().join("include"))
            .current_dir(&folder);
        let output = finished(&mut compiler);
        assert!(output.status.success(), "{name}: {output:?}");
    }
}

#[test]
fn the_readmes_program_for_a_microcontroller_is_compiled() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("readme_firmware");
    fs::create_dir_all(&folder).unwrap();
    let program = readme_program(3);
    assert!(program.contains("sds_smtp_firmware.h") && program.lines().count() <= 33);
    fs::write(folder.join("alarm.c"), program).unwrap();
    for standard in ["-std=c99", "-std=c11"] {
        let mut compiler = tools::c();
        compiler
            .args([standard, "-Wall", "-Wextra", "-Wpedantic", "-Werror"])
            .args(["-c", "alarm.c", "-I"])
            .arg(root().join("include"))
            .current_dir(&folder);
        let output = finished(&mut compiler);
        assert!(output.status.success(), "{output:?}");
    }
}

#[test]
fn the_static_link_line_is_the_same_everywhere() {
    let pkg_config = read("sds_smtp.pc.in");
    let private = pkg_config
        .lines()
        .find_map(|line| line.strip_prefix("Libs.private: "))
        .unwrap();
    assert!(
        read("README.md").contains(&format!("libsds_smtp.a {private}")),
        "README.md"
    );
    let harness = files_below("tests/c_programs", "rs");
    let quoted = private
        .split(' ')
        .map(|word| format!("\"{word}\""))
        .collect::<Vec<_>>()
        .join(", ");
    assert!(
        harness.iter().any(|path| read(path).contains(&quoted)),
        "tests/c_programs: {quoted}"
    );
}
