//! Truncates text from outside before it is stored: memory and the ledger must not grow
//! with what a service or a plugin sends.

/// Truncates a text to this many bytes, and marks the truncation with `…`.
pub fn cut(text: &mut String, bytes: usize) {
    if text.len() > bytes {
        text.truncate(text.floor_char_boundary(bytes));
        text.push('…');
        text.shrink_to_fit();
    }
}
