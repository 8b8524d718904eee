//! Hides a header in a header's name.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    Ask::ordered(&machine_id, &comment)
        .header("accept: x\r\nX-Evil", "1")
        .header("accept ", "1")
        .header("", "1")
        .send()
});
