//! An independent parser of JSON's grammar (RFC 8259): no recursion, no numbers, no names. It
//! only decides whether a text is JSON.

/// Whether this is one JSON value, with optional white space around it.
pub fn is_json(text: &str) -> bool {
    let mut reader = Reader(text.as_bytes());
    reader.document().is_some()
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn document(&mut self) -> Option<()> {
        // The missing closing brackets.
        let mut open = Vec::new();
        loop {
            // A value begins here.
            self.blank();
            match self.next()? {
                b'{' => {
                    self.blank();
                    if !self.take(b'}') {
                        self.name()?;
                        open.push(b'}');
                        continue;
                    }
                }
                b'[' => {
                    self.blank();
                    if !self.take(b']') {
                        open.push(b']');
                        continue;
                    }
                }
                b'"' => self.string()?,
                b't' => self.word(b"rue")?,
                b'f' => self.word(b"alse")?,
                b'n' => self.word(b"ull")?,
                first => self.number(first)?,
            }
            // A value has ended: brackets close, or the next one follows.
            loop {
                self.blank();
                let Some(close) = open.last().copied() else {
                    return self.0.is_empty().then_some(());
                };
                match self.next()? {
                    b',' if close == b'}' => {
                        self.blank();
                        self.name()?;
                        break;
                    }
                    b',' => break,
                    byte if byte == close => {
                        open.pop();
                    }
                    _ => return None,
                }
            }
        }
    }

    fn name(&mut self) -> Option<()> {
        self.expect(b'"')?;
        self.string()?;
        self.blank();
        self.expect(b':')
    }

    fn string(&mut self) -> Option<()> {
        loop {
            match self.next()? {
                b'"' => return Some(()),
                b'\\' => match self.next()? {
                    b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {}
                    b'u' => {
                        for _ in 0..4 {
                            self.next().filter(u8::is_ascii_hexdigit)?;
                        }
                    }
                    _ => return None,
                },
                0..0x20 => return None,
                _ => {}
            }
        }
    }

    fn number(&mut self, first: u8) -> Option<()> {
        let first = if first == b'-' { self.next()? } else { first };
        match first {
            b'0' => {}
            b'1'..=b'9' => {
                self.digits();
            }
            _ => return None,
        }
        if self.take(b'.') && self.digits() == 0 {
            return None;
        }
        if self.take(b'e') || self.take(b'E') {
            let _sign = self.take(b'+') || self.take(b'-');
            if self.digits() == 0 {
                return None;
            }
        }
        Some(())
    }

    fn digits(&mut self) -> usize {
        let count = self.0.iter().take_while(|b| b.is_ascii_digit()).count();
        self.0 = &self.0[count..];
        count
    }

    fn blank(&mut self) {
        while let [b' ' | b'\t' | b'\n' | b'\r', rest @ ..] = self.0 {
            self.0 = rest;
        }
    }

    fn word(&mut self, rest: &[u8]) -> Option<()> {
        self.0 = self.0.strip_prefix(rest)?;
        Some(())
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        self.take(byte).then_some(())
    }

    fn take(&mut self, byte: u8) -> bool {
        let here = self.0.first() == Some(&byte);
        if here {
            self.0 = &self.0[1..];
        }
        here
    }

    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }
}
