//! Sends a second object behind the body.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    Ask::ordered(&machine_id, &comment)
        .body(&[r#"{"Comment":""#, &comment, r#""} {}"#].concat())
        .send()
});
