//! Text from outside is cut before it is kept: memory and the ledger do not grow with what
//! a service or a plugin says.

/// Truncates a text to at most this many bytes, and marks where it was cut.
pub fn cut(text: &mut String, bytes: usize) {
    if text.len() > bytes {
        text.truncate(text.floor_char_boundary(bytes));
        text.push('…');
        text.shrink_to_fit();
    }
}
