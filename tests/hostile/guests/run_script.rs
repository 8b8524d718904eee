//! Runs a script on the machine.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    Ask::ordered(&machine_id, &comment)
        .route(&machine_id, "runscript")
        .send()
});
