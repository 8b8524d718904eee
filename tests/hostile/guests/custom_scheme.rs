//! Asks with a scheme of its own.

use hostile::{Ask, Scheme};

hostile::report!(|machine_id, comment| {
    Ask::ordered(&machine_id, &comment)
        .scheme(Scheme::Other("gopher".to_owned()))
        .send()
});
