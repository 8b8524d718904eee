//! Asks for another route, and writes its body when the host has had time to
//! decide. A writer that is cut off would not ask for the reason.

use hostile::{Ask, monotonic_clock};

hostile::report!(|machine_id, comment| {
    let ask = Ask::ordered(&machine_id, &comment).route(&machine_id, "isolate");
    match ask.start() {
        Ok(asked) => {
            monotonic_clock::subscribe_duration(200_000_000).block();
            let body = r#"{"Comment":"Retired"}"#;
            let written = asked
                .body
                .write()
                .map(|stream| hostile::ask::write(&stream, body.as_bytes()));
            match written {
                Ok(Ok(())) => asked.finish(&[]),
                _ => "the writer was cut off".to_owned(),
            }
        }
        Err(told) => told,
    }
});
