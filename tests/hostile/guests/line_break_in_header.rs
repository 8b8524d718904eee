//! Hides a header behind a line break.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    Ask::ordered(&machine_id, &comment)
        .header("accept", "x\r\nX-Evil: 1")
        .header("accept", "x\nX-Evil: 1")
        .header("accept", "x\0")
        .send()
});
