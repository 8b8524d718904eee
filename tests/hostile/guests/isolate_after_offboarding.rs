//! Does what was ordered, and isolates the machine with what is left of the grant.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    let first = Ask::ordered(&machine_id, &comment).send();
    let second = Ask::ordered(&machine_id, &comment)
        .route(&machine_id, "isolate")
        .send();
    [first, second].join("\n--\n")
});
