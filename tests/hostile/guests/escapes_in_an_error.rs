//! Puts escape sequences and a megabyte into every text of an error.

use hostile::{Ask, Method, OffboardError, ServiceError};

hostile::offboard!(|machine_id, comment| {
    let _ = Ask::ordered(&machine_id, &comment).send();
    // What is refused is shown to people, too.
    let method = Method::Other("EVIL".to_owned());
    let _ = Ask::ordered(&machine_id, &comment).method(method).send();
    let evil = || {
        let sequence = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m\r\u{8}\u{202e}";
        Some([sequence, &"x".repeat(1 << 20)].concat())
    };
    Err(OffboardError::Rejected(ServiceError {
        status: 400,
        code: evil(),
        message: evil(),
        target: evil(),
    }))
});
