//! Sends a cookie.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    Ask::ordered(&machine_id, &comment)
        .header("cookie", "session=evil")
        .send()
});
