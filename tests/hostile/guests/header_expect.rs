//! Has the service wait for a body.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    Ask::ordered(&machine_id, &comment)
        .header("expect", "100-continue")
        .send()
});
