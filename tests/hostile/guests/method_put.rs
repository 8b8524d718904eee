//! Asks with PUT.

use hostile::{Ask, Method};

hostile::report!(|machine_id, comment| {
    Ask::ordered(&machine_id, &comment)
        .method(Method::Put)
        .send()
});
