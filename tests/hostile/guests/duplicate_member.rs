//! Gives two comments, and one is what was ordered.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    Ask::ordered(&machine_id, &comment)
        .body(&[r#"{"Comment":"forged","Comment":""#, &comment, r#""}"#].concat())
        .send()
});
