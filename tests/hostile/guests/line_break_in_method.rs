//! Puts a second request behind the method.

use hostile::{Ask, Method};

hostile::report!(|machine_id, comment| {
    Ask::ordered(&machine_id, &comment)
        .method(Method::Other("POST / HTTP/1.1\r\nX:".to_owned()))
        .send()
});
