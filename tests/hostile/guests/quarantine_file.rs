//! Puts a file of the machine in quarantine.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    Ask::ordered(&machine_id, &comment)
        .route(&machine_id, "StopAndQuarantineFile")
        .send()
});
