//! Puts a user before the service's name.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    let ask = Ask::ordered(&machine_id, &comment);
    let authority = ["user@", &ask.authority].concat();
    ask.authority(&authority).send()
});
