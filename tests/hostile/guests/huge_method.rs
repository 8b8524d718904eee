//! Asks with a method of megabytes.

use hostile::{Ask, Method};

hostile::report!(|machine_id, comment| {
    Ask::ordered(&machine_id, &comment)
        .method(Method::Other("A".repeat(30 << 20)))
        .send()
});
