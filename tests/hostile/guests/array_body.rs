//! Sends the body as an array.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    Ask::ordered(&machine_id, &comment)
        .body(&[r#"[""#, &comment, r#""]"#].concat())
        .send()
});
