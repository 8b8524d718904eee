//! Spells the member in small letters.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    Ask::ordered(&machine_id, &comment)
        .body(&[r#"{"comment":""#, &comment, r#""}"#].concat())
        .send()
});
