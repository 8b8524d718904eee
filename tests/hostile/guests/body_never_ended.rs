//! Writes the ordered body, never ends it, and waits for an answer.

use hostile::{Ask, answer_of};

hostile::report!(|machine_id, comment| {
    match Ask::ordered(&machine_id, &comment).start() {
        Ok(asked) => {
            asked.write([r#"{"Comment":""#, &comment, r#""}"#].concat().as_bytes());
            answer_of(&asked.answer)
        }
        Err(told) => told,
    }
});
