//! Truncates external text before it is stored: a service or a plugin must not be able to fill
//! memory or the ledger.

/// Truncates a text to this many bytes, and marks the end with `…`.
pub fn cut(text: &mut String, bytes: usize) {
    if text.len() > bytes {
        text.truncate(text.floor_char_boundary(bytes));
        text.push('…');
        text.shrink_to_fit();
    }
}
