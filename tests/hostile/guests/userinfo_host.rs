//! Lets the service's name be the user of another host. Its name is the comment.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    let ask = Ask::ordered(&machine_id, &comment);
    let authority = [&ask.authority, "@", &comment].concat();
    ask.authority(&authority).send()
});
