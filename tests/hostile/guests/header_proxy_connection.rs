//! Asks a proxy to keep the connection.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    Ask::ordered(&machine_id, &comment)
        .header("proxy-connection", "keep-alive")
        .send()
});
