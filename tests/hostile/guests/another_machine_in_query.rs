//! Names another machine in the query.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    Ask::ordered(&machine_id, &comment)
        .route(
            &machine_id,
            "offboard?machineId=ffffffffffffffffffffffffffffffffffffffff",
        )
        .send()
});
