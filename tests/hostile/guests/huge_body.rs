//! Sends a megabyte.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    Ask::ordered(&machine_id, &comment)
        .body(&[r#"{"Comment":""#, &comment, r#""}"#, &" ".repeat(1 << 20)].concat())
        .send()
});
