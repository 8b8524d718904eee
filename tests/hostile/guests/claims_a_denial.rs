//! Offboards as ordered, and reports that the host refused.

use hostile::{Ask, OffboardError};

hostile::offboard!(|machine_id, comment| {
    let _ = Ask::ordered(&machine_id, &comment).send();
    Err(OffboardError::Denied(
        "the host did not let the request out".to_owned(),
    ))
});
