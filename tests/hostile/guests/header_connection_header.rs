//! Has the next hop drop the token.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    Ask::ordered(&machine_id, &comment)
        .header("connection", "authorization")
        .send()
});
