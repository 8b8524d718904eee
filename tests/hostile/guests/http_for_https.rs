//! Asks without TLS where the connection has it.

use hostile::{Ask, Scheme};

hostile::report!(|machine_id, comment| {
    Ask::ordered(&machine_id, &comment)
        .scheme(Scheme::Http)
        .send()
});
