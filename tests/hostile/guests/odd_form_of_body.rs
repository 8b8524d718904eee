//! Says what was ordered, in a form of its own.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    Ask::ordered(&machine_id, &comment)
        .body(&["  {\n\t\"Comm\\u0065nt\" : \"", &comment, "\" }\n"].concat())
        .header("content-type", "text/plain")
        .header("user-agent", "evil")
        .send()
});
