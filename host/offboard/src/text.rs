//! Makes external text harmless: text that came through the sandbox is stripped of everything
//! that a terminal interprets, before it is printed or written to a file.

use std::fmt::Write as _;

/// The longest text of one cell or line, in characters.
const MAX_CLEAN_TEXT: usize = 2000;

/// The longest error, in characters. The list of all violations of a plugin is one error.
const MAX_ERROR: usize = 20_000;

/// Text on one line, without anything that a terminal interprets: control characters, escape
/// sequences, and direction marks. Prevents terminal injection.
pub fn clean(text: &str) -> String {
    one_line(text, MAX_CLEAN_TEXT)
}

/// The same for an error, which may be longer. An error quotes external text, and a second
/// line of it would look like a line of this program.
pub fn clean_error(text: &str) -> String {
    one_line(text, MAX_ERROR)
}

fn one_line(text: &str, length: usize) -> String {
    let mut clean = String::new();
    for character in text.chars().take(length) {
        match character {
            '\n' | '\r' | '\t' => clean.push(' '),
            c if c.is_control() || is_invisible(c) => {
                let _ = write!(clean, "\\u{{{:x}}}", u32::from(c));
            }
            c => clean.push(c),
        }
    }
    if text.chars().nth(length).is_some() {
        clean.push('…');
    }
    clean
}

/// Text for a cell of a spreadsheet. Prevents formula injection: text that begins like a
/// formula is marked as text, as spreadsheets do it themselves. In many locales a spreadsheet
/// splits cells at semicolons, and some are set to split at tabs: the text after these counts
/// as a beginning, too.
pub fn clean_cell(text: &str) -> String {
    const FORMULA: [char; 8] = [
        '=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}',
    ];
    let mut marked = String::new();
    // The start of a possible cell, while it is still empty.
    let mut beginning = Some(0);
    for character in text.chars().take(MAX_CLEAN_TEXT + 1) {
        if let Some(at) = beginning
            && FORMULA.contains(&character)
        {
            marked.insert(at, '\'');
        }
        marked.push(character);
        beginning = match character {
            ';' => Some(marked.len()),
            '\t' | '\n' | '\r' => beginning.or(Some(marked.len())),
            c => beginning.filter(|_| c.is_whitespace() || c == '"'),
        };
    }
    clean(&marked)
}

/// Several lines of any length, without anything else that a terminal interprets.
pub fn clean_lines(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            c if (c.is_control() && c != '\n') || is_invisible(c) => {
                let _ = write!(clean, "\\u{{{:x}}}", u32::from(c));
            }
            c => clean.push(c),
        }
    }
    clean
}

/// JSON on one line, with everything escaped that a terminal interprets. In valid JSON, these
/// characters occur only inside strings, and line ends only outside.
pub fn clean_json(json: &str) -> String {
    let mut clean = String::with_capacity(json.len());
    for character in json.chars() {
        match character {
            '\n' | '\r' => clean.push(' '),
            c if c.is_control() && c != '\t' || is_invisible(c) => {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    let _ = write!(clean, "\\u{unit:04x}");
                }
            }
            c => clean.push(c),
        }
    }
    clean
}

fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_given_nothing_to_obey() {
        assert_eq!(
            clean("a\u{1b}[2Jb\u{9b}c\u{202e}d\ne"),
            "a\\u{1b}[2Jb\\u{9b}c\\u{202e}d e"
        );
        assert_eq!(clean(&"x".repeat(3000)).chars().count(), MAX_CLEAN_TEXT + 1);
    }

    #[test]
    fn a_spreadsheet_is_given_nothing_to_calculate() {
        for (cell, marked) in [
            ("x;=1+2", "x;'=1+2"),
            ("x; +1;-1", "x;' +1;'-1"),
            ("a;\"=1\"", "a;'\"=1\""),
            ("x\t@SUM(A1)", "x '@SUM(A1)"),
            ("x\n=1", "x '=1"),
            ("x\r\n\u{ff1d}1", "x ' \u{ff1d}1"),
            ("a - b; c-d", "a - b; c-d"),
        ] {
            assert_eq!(clean_cell(cell), marked);
        }
        for formula in [
            "=1+1",
            "+1",
            "-1",
            "@SUM(A1)",
            "\t=1",
            " =1",
            "\r\n=1",
            "\u{ff1d}1",
        ] {
            assert!(clean_cell(formula).starts_with('\''), "{formula:?}");
        }
        for plain in ["", "laptop-7", "a=b", "'quoted"] {
            assert_eq!(clean_cell(plain), plain);
        }
    }

    #[test]
    fn json_keeps_its_meaning_on_one_line() {
        let json = "{\n  \"a\": \"x\u{9b}y\u{7f}\u{202e}\"\n}";
        let clean = clean_json(json);
        assert!(
            !clean.contains(|c: char| c.is_control() || is_invisible(c)),
            "{clean}"
        );
        let before: Result<serde_json::Value, _> = serde_json::from_str(json);
        let after: Result<serde_json::Value, _> = serde_json::from_str(&clean);
        assert_eq!(before.ok(), after.ok());
    }
}
