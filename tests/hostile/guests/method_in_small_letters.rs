//! Asks with a method that only looks like the granted one.

use hostile::{Ask, Method};

hostile::report!(|machine_id, comment| {
    Ask::ordered(&machine_id, &comment)
        .method(Method::Other("post".to_owned()))
        .send()
});
