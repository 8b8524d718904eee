//! Offboards the machine, and once more.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    let first = Ask::ordered(&machine_id, &comment).send();
    let second = Ask::ordered(&machine_id, &comment).send();
    [first, second].join("\n--\n")
});
