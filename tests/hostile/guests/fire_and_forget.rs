//! Starts requests, and never waits for an answer.

use hostile::{Ask, OffboardError};

hostile::offboard!(|machine_id, comment| {
    let body = [r#"{"Comment":""#, &comment, r#""}"#].concat();
    for _ in 0..3 {
        if let Ok(asked) = Ask::ordered(&machine_id, &comment).start() {
            asked.write(body.as_bytes());
        }
    }
    Err(OffboardError::NotSent("nothing left, be sure".to_owned()))
});
