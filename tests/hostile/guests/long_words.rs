//! Asks another host with a name and a query of tens of kilobytes.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    let ask = Ask::ordered(&machine_id, &comment);
    let path = [&ask.path, "?$filter=", &"q".repeat(50_000)].concat();
    ask.authority(&"a".repeat(50_000)).path(&path).send()
});
