//! Asks with TLS where the connection has none.

use hostile::{Ask, Scheme};

hostile::report!(|machine_id, comment| {
    Ask::ordered(&machine_id, &comment)
        .scheme(Scheme::Https)
        .send()
});
