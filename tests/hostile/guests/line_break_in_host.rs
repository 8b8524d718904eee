//! Puts a header behind the host's name.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    let ask = Ask::ordered(&machine_id, &comment);
    let authority = [&ask.authority, "\r\nX-Evil: 1"].concat();
    ask.authority(&authority).send()
});
