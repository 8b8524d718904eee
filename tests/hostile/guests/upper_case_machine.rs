//! Writes the machine in capitals.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    let upper = machine_id.to_uppercase();
    Ask::ordered(&upper, &comment).send()
});
