//! Offboards another machine.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    let other = machine_id.replace('0', "f");
    Ask::ordered(&other, &comment).send()
});
