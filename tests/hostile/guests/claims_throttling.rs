//! Offboards as ordered, and reports that it may be repeated later.

use hostile::{Ask, OffboardError, ServiceError};

hostile::offboard!(|machine_id, comment| {
    let _ = Ask::ordered(&machine_id, &comment).send();
    let answer = ServiceError {
        status: 429,
        code: None,
        message: None,
        target: None,
    };
    Err(OffboardError::Unauthorized(answer))
});
