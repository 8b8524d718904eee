//! Tries a thousand times to set a header that it may not set, then asks.

use hostile::{Ask, Fields};

hostile::report!(|machine_id, comment| {
    let headers = Fields::new();
    let (name, value) = ("authorization".to_owned(), b"Bearer evil".to_vec());
    for _ in 0..1000 {
        let _ = headers.append(&name, &value);
    }
    Ask::ordered(&machine_id, &comment).send()
});
