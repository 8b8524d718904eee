//! Tables as text: CSV as RFC 4180 defines it, with any separator, and strictly. An
//! unclosed or misplaced quotation mark is an error: rows could be lost inside the
//! quotation.

use super::list::{ListFault, RowError};

/// What a table has next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A line that begins with `#`.
    Remark,
    /// A row without any text.
    Blank,
    /// The cells of a row, without the blanks around them.
    Cells(Vec<String>),
}

/// A table that is read row by row.
#[derive(Debug, Clone)]
pub(super) struct Table<'a> {
    rest: &'a str,
    delimiter: char,
    line: u64,
}

impl<'a> Table<'a> {
    /// A table whose text begins in this line.
    pub(super) fn new(text: &'a str, delimiter: char, line: u64) -> Self {
        Self {
            rest: text,
            delimiter,
            line,
        }
    }

    pub(super) fn delimiter(&self) -> char {
        self.delimiter
    }

    /// The next row, with the line that it begins in.
    pub(super) fn next(&mut self) -> Option<Result<(u64, Line), ListFault>> {
        if self.rest.is_empty() {
            return None;
        }
        let line = self.line;
        self.skip_blanks();
        if self.rest.starts_with('#') {
            self.end_line();
            return Some(Ok((line, Line::Remark)));
        }
        let mut cells = Vec::new();
        loop {
            match self.cell() {
                Ok(cell) => cells.push(trim(&cell).to_owned()),
                Err(fault) => {
                    // What follows may be inside of a quotation.
                    self.rest = "";
                    return Some(Err(fault));
                }
            }
            match self.rest.strip_prefix(self.delimiter) {
                Some(rest) => self.rest = rest,
                None => break,
            }
        }
        self.end_line();
        let row = match cells.iter().all(String::is_empty) {
            true => Line::Blank,
            false => Line::Cells(cells),
        };
        Some(Ok((line, row)))
    }

    /// A cell, up to the separator or the end of the line after it.
    fn cell(&mut self) -> Result<String, ListFault> {
        self.skip_blanks();
        if let Some(rest) = self.rest.strip_prefix('"') {
            self.rest = rest;
            return self.quoted();
        }
        let cell = self.take(self.rest.find([self.delimiter, '\n', '\r', '"']));
        match self.rest.starts_with('"') {
            true => Err(fault(self.line, RowError::StrayQuote)),
            false => Ok(cell.to_owned()),
        }
    }

    /// The rest of a cell after its opening quotation mark.
    fn quoted(&mut self) -> Result<String, ListFault> {
        let begin = self.line;
        let mut cell = String::new();
        loop {
            let Some(end) = self.rest.find('"') else {
                return Err(fault(begin, RowError::OpenQuote));
            };
            let piece = self.take(Some(end));
            self.line += line_breaks(piece);
            cell.push_str(piece);
            self.rest = &self.rest[1..];
            match self.rest.strip_prefix('"') {
                Some(rest) => self.rest = rest,
                None => break,
            }
            cell.push('"');
        }
        self.skip_blanks();
        let is_end = self.rest.is_empty() || self.rest.starts_with([self.delimiter, '\n', '\r']);
        match is_end {
            true => Ok(cell),
            false => Err(fault(self.line, RowError::AfterQuote(begin))),
        }
    }

    /// Takes the text up to this place, or else all of the rest.
    fn take(&mut self, end: Option<usize>) -> &'a str {
        let (taken, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        taken
    }

    fn skip_blanks(&mut self) {
        let delimiter = self.delimiter;
        let is_blank = |c: char| c != delimiter && c.is_whitespace() && !is_line_break(c);
        self.rest = self.rest.trim_start_matches(is_blank);
    }

    fn end_line(&mut self) {
        self.take(self.rest.find(['\n', '\r']));
        let rest = self.rest;
        let after = rest.strip_prefix("\r\n");
        self.rest = after
            .or_else(|| rest.strip_prefix(['\n', '\r']))
            .unwrap_or(rest);
        self.line += 1;
    }
}

fn fault(line: u64, error: RowError) -> ListFault {
    ListFault { line, error }
}

/// The lines of a text, from 1, whichever of the three line ends it has.
pub(super) fn lines(text: &str) -> impl Iterator<Item = (u64, &str)> {
    let mut rest = Some(text);
    let next = move || {
        let text = rest?;
        let Some(end) = text.find(['\n', '\r']) else {
            rest = None;
            return Some(text);
        };
        let (line, after) = text.split_at(end);
        rest = after
            .strip_prefix("\r\n")
            .or_else(|| after.strip_prefix(['\n', '\r']));
        Some(line)
    };
    (1..).zip(std::iter::from_fn(next))
}

fn line_breaks(text: &str) -> u64 {
    lines(text).count().saturating_sub(1) as u64
}

pub(super) fn is_line_break(character: char) -> bool {
    matches!(
        character,
        '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}'
    )
}

/// Without the blanks around it. A line break at an end is kept: no id, name or
/// comment has one.
pub(super) fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() && !is_line_break(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<Result<(u64, Line), ListFault>> {
        let mut table = Table::new(text, ',', 1);
        std::iter::from_fn(|| table.next()).collect()
    }

    fn cells(line: u64, cells: &[&str]) -> Result<(u64, Line), ListFault> {
        let cells = cells.iter().map(|&cell| cell.to_owned()).collect();
        Ok((line, Line::Cells(cells)))
    }

    #[test]
    fn a_table_is_read_with_any_line_end() {
        for end in ["\n", "\r\n", "\r"] {
            let text = [
                "a, b",
                "#x,\"",
                " ,",
                "",
                "\"c,\"\" \" ,d",
                "\"e",
                "f\",g",
                "h,",
            ]
            .join(end);
            let multi = format!("e{end}f");
            assert_eq!(
                read(&text),
                [
                    cells(1, &["a", "b"]),
                    Ok((2, Line::Remark)),
                    Ok((3, Line::Blank)),
                    Ok((4, Line::Blank)),
                    cells(5, &["c,\"", "d"]),
                    cells(6, &[&multi, "g"]),
                    cells(8, &["h", ""]),
                ]
            );
        }
        assert_eq!(read("\"#1\",b\n"), [cells(1, &["#1", "b"])]);
    }

    #[test]
    fn a_quotation_mark_out_of_place_is_an_error() {
        for (text, line, error) in [
            ("a,b\nc,\"d\ne,f\n", 2, RowError::OpenQuote),
            ("a,b\nc,\"d\"\"\n", 2, RowError::OpenQuote),
            ("a,\"", 1, RowError::OpenQuote),
            ("a,\"b\nc,\"d\"\n", 2, RowError::AfterQuote(1)),
            ("a,\"b\" c\nd,e", 1, RowError::AfterQuote(1)),
            ("a\nb,c \"d\"\n", 2, RowError::StrayQuote),
        ] {
            let read = read(text);
            assert_eq!(read.last(), Some(&Err(fault(line, error))), "{text:?}");
        }
    }

    #[test]
    fn lines_are_counted_with_any_line_end() {
        let found: Vec<_> = lines("a\r\nb\rc\n\nd").collect();
        assert_eq!(found, [(1, "a"), (2, "b"), (3, "c"), (4, ""), (5, "d")]);
    }
}
