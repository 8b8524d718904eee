//! Tables as text: CSV as RFC 4180 defines it, with any separator, and strictly. An
//! unclosed or misplaced quotation mark is an error: rows could be lost inside the
//! quotation.

use super::{
    LineError, RowError,
    lines::{is_line_break, line_breaks, trim},
};

/// A line of a table.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TableLine {
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
    /// A table. Its text begins in this line of the list.
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
    pub(super) fn next(&mut self) -> Option<Result<(u64, TableLine), LineError>> {
        if self.rest.is_empty() {
            return None;
        }
        let line = self.line;
        self.skip_blanks();
        if self.rest.starts_with('#') {
            self.end_line();
            return Some(Ok((line, TableLine::Remark)));
        }
        let mut cells = Vec::new();
        loop {
            match self.cell() {
                Ok(cell) => cells.push(trim(&cell).to_owned()),
                Err(error) => {
                    // The rest may be inside a quoted cell.
                    self.rest = "";
                    return Some(Err(error));
                }
            }
            match self.rest.strip_prefix(self.delimiter) {
                Some(rest) => self.rest = rest,
                None => break,
            }
        }
        self.end_line();
        let row = if cells.iter().all(String::is_empty) {
            TableLine::Blank
        } else {
            TableLine::Cells(cells)
        };
        Some(Ok((line, row)))
    }

    /// A cell, up to the separator or the end of the line after it.
    fn cell(&mut self) -> Result<String, LineError> {
        self.skip_blanks();
        if let Some(rest) = self.rest.strip_prefix('"') {
            self.rest = rest;
            return self.quoted();
        }
        let cell = self.take(self.rest.find([self.delimiter, '\n', '\r', '"']));
        if self.rest.starts_with('"') {
            Err(line_error(self.line, RowError::StrayQuote))
        } else {
            Ok(cell.to_owned())
        }
    }

    /// The rest of a cell after its opening quotation mark.
    fn quoted(&mut self) -> Result<String, LineError> {
        let begin = self.line;
        let mut cell = String::new();
        loop {
            let Some(end) = self.rest.find('"') else {
                return Err(line_error(begin, RowError::OpenQuote));
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
        if is_end {
            Ok(cell)
        } else {
            Err(line_error(self.line, RowError::AfterQuote(begin)))
        }
    }

    /// Takes the text up to this position, or all of the rest.
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

fn line_error(line: u64, error: RowError) -> LineError {
    LineError { line, error }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<Result<(u64, TableLine), LineError>> {
        let mut table = Table::new(text, ',', 1);
        std::iter::from_fn(|| table.next()).collect()
    }

    fn cells(line: u64, cells: &[&str]) -> Result<(u64, TableLine), LineError> {
        let cells = cells.iter().map(|&cell| cell.to_owned()).collect();
        Ok((line, TableLine::Cells(cells)))
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
                    Ok((2, TableLine::Remark)),
                    Ok((3, TableLine::Blank)),
                    Ok((4, TableLine::Blank)),
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
            assert_eq!(read.last(), Some(&Err(line_error(line, error))), "{text:?}");
        }
    }
}
