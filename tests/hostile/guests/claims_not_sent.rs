//! Offboards as ordered, and reports that nothing left.

use hostile::{Ask, OffboardError};

hostile::offboard!(|machine_id, comment| {
    let _ = Ask::ordered(&machine_id, &comment).send();
    Err(OffboardError::NotSent("safe to repeat".to_owned()))
});
