//! Makes hostile text safe for the page: invisible characters are made visible, and markup is
//! escaped.

use std::{fmt::Write as _, io};

use serde::Serialize;

use crate::text::{clean, clean_json};

/// Text on one line, with invisible characters made visible: an auditor could not distinguish
/// two names that look the same.
pub(super) fn shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in clean(text).chars() {
        if is_hidden(character) {
            let _ = write!(shown, "\\u{{{:x}}}", u32::from(character));
        } else {
            shown.push(character);
        }
    }
    shown
}

/// The same for JSON, which keeps its meaning and is not truncated.
pub(super) fn shown_json(json: &str) -> String {
    let mut shown = String::with_capacity(json.len());
    for character in clean_json(json).chars() {
        if is_hidden(character) {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                let _ = write!(shown, "\\u{unit:04x}");
            }
        } else {
            shown.push(character);
        }
    }
    shown
}

/// Text as the content of an element, or as a quoted attribute.
pub(super) fn html(text: &str) -> String {
    escape(&shown(text))
}

/// Escapes text whose invisible characters are already visible.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// JSON for a script element: nothing in it can end the element or begin a comment. The
/// escaped characters occur only inside strings.
pub(super) fn json(value: &impl Serialize) -> io::Result<String> {
    let json = serde_json::to_string(value)?;
    let mut escaped = String::with_capacity(json.len());
    for character in json.chars() {
        match character {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                let _ = write!(escaped, "\\u{:04x}", u32::from(character));
            }
            c => escaped.push(c),
        }
    }
    Ok(escaped)
}

/// A number with separators.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `1 order`, `2 orders`.
pub(super) fn counted(number: u64, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {thing}{plural}", count(number))
}

/// Invisible characters, and those that look like a blank. Direction marks and line ends were
/// removed before.
fn is_hidden(character: char) -> bool {
    matches!(
        character,
        '\u{ad}'
            | '\u{34f}'
            | '\u{115f}' | '\u{1160}'
            | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200d}'
            | '\u{2060}'..='\u{2065}'
            | '\u{206a}'..='\u{206f}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_shown() {
        assert_eq!(
            shown("pc\u{200b}-7\u{202e}\u{0}\u{e0041}\u{feff}"),
            "pc\\u{200b}-7\\u{202e}\\u{0}\\u{e0041}\\u{feff}"
        );
        assert_eq!(shown("Ærø דג pc-7"), "Ærø דג pc-7");
    }

    #[test]
    fn json_keeps_its_meaning_when_it_is_shown() {
        let json = "{\"a\":\"x\u{200b}\u{202e}\u{e0041}</script>\"}";
        let visible = shown_json(json);
        assert!(!visible.chars().any(is_hidden), "{visible}");
        let before: Result<serde_json::Value, _> = serde_json::from_str(json);
        let after: Result<serde_json::Value, _> = serde_json::from_str(&visible);
        assert!(after.is_ok());
        assert_eq!(before.ok(), after.ok());
    }

    #[test]
    fn text_does_not_end_its_element() {
        assert_eq!(
            html("</td><img src=x onerror='a'>\"&"),
            "&lt;/td&gt;&lt;img src=x onerror=&#39;a&#39;&gt;&quot;&amp;"
        );
        assert_eq!(
            json(&"</script><!--&\u{2028}\u{2029}]]>").ok().as_deref(),
            Some("\"\\u003c/script\\u003e\\u003c!--\\u0026\\u2028\\u2029]]\\u003e\"")
        );
    }

    #[test]
    fn numbers_are_grouped() {
        for (number, grouped) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (100_000, "100,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(count(number), grouped);
        }
        assert_eq!(counted(1, "order"), "1 order");
        assert_eq!(counted(0, "order"), "0 orders");
    }
}
