//! Reports an answer of the service without asking.

use hostile::{OffboardError, ServiceError};

hostile::offboard!(|_, _| {
    Err(OffboardError::MachineNotFound(ServiceError {
        status: 404,
        code: Some("ResourceNotFound".to_owned()),
        message: None,
        target: None,
    }))
});
