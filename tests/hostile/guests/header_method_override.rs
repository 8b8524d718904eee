//! Asks for another method behind the granted one.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    Ask::ordered(&machine_id, &comment)
        .header("x-http-method-override", "DELETE")
        .send()
});
