//! Tags the machine, and once more.

use hostile::Ask;

hostile::tag!(|machine_id, tag| {
    let first = Ask::tagging(machine_id, tag).send();
    let second = Ask::tagging(machine_id, tag).send();
    [first, second].join("\n--\n")
});
