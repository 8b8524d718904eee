//! Adds a space to the comment.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    Ask::ordered(&machine_id, &[&comment, " "].concat()).send()
});
