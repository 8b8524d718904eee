//! Checks that the two library crates name no flag and no command: an embedder has other ones.
//! The command line adds them to what the library reports.

#![allow(clippy::unwrap_used)]

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The commands of `offboard` that an error could recommend.
const COMMANDS: [&str; 15] = [
    "run",
    "resume",
    "discard",
    "runs",
    "show",
    "export",
    "status",
    "cancel",
    "find",
    "check",
    "config",
    "inspect",
    "simulate",
    "demo",
    "completions",
];

#[test]
fn no_string_of_the_libraries_names_a_flag_or_a_command() {
    let offboard = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for source in [offboard.join("src"), offboard.join("../sandbox/src")] {
        let files = sources(&source);
        assert!(files.len() > 20, "{}", source.display());
        for file in files {
            let text = fs::read_to_string(&file).unwrap();
            let named = strings(&text).into_iter().filter(|text| names_one(text));
            found.extend(named.map(|text| format!("{}: {text}", file.display())));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn strings_are_distinguished_from_comments_and_tests() {
    let source = r##"
        // "a comment with --flag"
        /* "another /* nested */ one" */
        const A: &str = "--\"first\"";
        const B: &str = r#"a "raw" one"#;
        const C: char = '"';
        fn d<'a>(text: &'a str) -> bool { text == "a continued \
            one" }
        #[cfg(test)]
        mod tests { const E: &str = "}--test"; }
        #[cfg(test)]
        mod more;
        const F: &[u8] = b"bytes";
    "##;
    assert_eq!(
        strings(source),
        [r#"--"first""#, r#"a "raw" one"#, "a continued one", "bytes"]
    );
    assert!(names_one("use --ledger FILE"));
    assert!(names_one("then `offboard resume` goes on"));
    assert!(!names_one("-----BEGIN CERTIFICATE"));
    assert!(!names_one("offboard a machine -- now"));
    assert!(!names_one("a newer version of offboard"));
}

/// Whether a text names a flag, or a command with its program.
fn names_one(text: &str) -> bool {
    let is_flag = |(at, _): (usize, &str)| {
        let follows = text[at + 2..].starts_with(|next: char| next.is_ascii_alphabetic());
        follows && !text[..at].ends_with(|before: char| before == '-' || before.is_alphanumeric())
    };
    let is_command = |(at, name): (usize, &str)| {
        let next = text[at + name.len()..].split(|next: char| !next.is_ascii_alphabetic());
        next.take(1).any(|next| COMMANDS.contains(&next))
    };
    text.match_indices("--").any(is_flag) || text.match_indices("offboard ").any(is_command)
}

/// The Rust files of a folder, without test files.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        if name == "tests" || name.ends_with("_tests") {
            continue;
        }
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|end| end == "rs") {
            files.push(path);
        }
    }
    files
}

/// The contents of the string literals of a source, without those of `#[cfg(test)]` items.
fn strings(source: &str) -> Vec<String> {
    const TEST: &str = "#[cfg(test)]";
    let mut found = Vec::new();
    let mut rest = source;
    // The depth of braces in a test item; 0 before its body.
    let mut skipped: Option<usize> = None;
    while let Some(first) = rest.chars().next() {
        if rest.starts_with("//") {
            rest = &rest[rest.find('\n').unwrap_or(rest.len())..];
        } else if rest.starts_with("/*") {
            rest = after_comment(rest);
        } else if rest.starts_with(TEST) {
            rest = &rest[TEST.len()..];
            skipped = skipped.or(Some(0));
        } else if let Some((text, after)) = literal(rest) {
            if skipped.is_none() {
                found.push(text);
            }
            rest = after;
        } else if let Some(after) = character(rest) {
            rest = after;
        } else {
            skipped = match (skipped, first) {
                (Some(depth), '{') => Some(depth + 1),
                (Some(0), ';') | (Some(1), '}') => None,
                (Some(depth), '}') => Some(depth.saturating_sub(1)),
                (skipped, _) => skipped,
            };
            rest = &rest[first.len_utf8()..];
        }
    }
    found
}

fn after_comment(comment: &str) -> &str {
    let (mut rest, mut depth) = (&comment[2..], 1);
    while depth > 0 {
        let Some(at) = rest.find("/*").into_iter().chain(rest.find("*/")).min() else {
            return "";
        };
        if rest[at..].starts_with("/*") {
            depth += 1;
        } else {
            depth -= 1;
        }
        rest = &rest[at + 2..];
    }
    rest
}

/// The string literal at the beginning of a text, and the text after it.
fn literal(text: &str) -> Option<(String, &str)> {
    if let Some(raw) = text.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        let body = raw[hashes..].strip_prefix('"')?;
        let end = format!("\"{}", "#".repeat(hashes));
        let (body, after) = body.split_once(&end)?;
        return Some((body.to_owned(), after));
    }
    let body = text.strip_prefix('"')?;
    let mut read = String::new();
    let mut characters = body.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((read, &body[at + 1..])),
            '\\' => match characters.next() {
                Some((_, '\n')) => {
                    while characters
                        .next_if(|(_, next)| next.is_whitespace())
                        .is_some()
                    {}
                }
                Some((_, escaped)) => read.push(escaped),
                None => {}
            },
            character => read.push(character),
        }
    }
    None
}

/// The text after the character literal at its beginning. A lifetime is not a literal.
fn character(text: &str) -> Option<&str> {
    let body = text.strip_prefix('\'')?;
    let mut characters = body.chars();
    let first = characters.next()?;
    if first == '\\' {
        let (_, after) = body[2..].split_once('\'')?;
        return Some(after);
    }
    characters.as_str().strip_prefix('\'')
}
