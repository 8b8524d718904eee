//! Collects evidence from the machine.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    Ask::ordered(&machine_id, &comment)
        .route(&machine_id, "collectInvestigationPackage")
        .send()
});
