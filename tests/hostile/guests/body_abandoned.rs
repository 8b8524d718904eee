//! Writes a part of the body and drops the rest.

use hostile::{Ask, answer_of};

hostile::report!(|machine_id, comment| {
    match Ask::ordered(&machine_id, &comment).start() {
        Ok(asked) => {
            asked.write(b"{");
            drop(asked.body);
            answer_of(&asked.answer)
        }
        Err(told) => told,
    }
});
