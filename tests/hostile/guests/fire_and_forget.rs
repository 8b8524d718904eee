//! Starts requests, and never waits for an answer.

use hostile::{Ask, OffboardError};
use waki::bindings::wasi::http::types::OutgoingBody;

hostile::offboard!(|machine_id, comment| {
    let body = [r#"{"Comment":""#, &comment, r#""}"#].concat();
    for _ in 0..3 {
        if let Ok(asked) = Ask::ordered(&machine_id, &comment).start() {
            asked.write(body.as_bytes());
            let _ = OutgoingBody::finish(asked.body, None);
            // Dropped, it would be given up at once.
            std::mem::forget(asked.answer);
        }
    }
    Err(OffboardError::NotSent("nothing left, be sure".to_owned()))
});
