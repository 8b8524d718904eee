//! Starts two requests, and ends the bodies in the other order.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    let body = [r#"{"Comment":""#, &comment, r#""}"#].concat();
    let first = Ask::ordered(&machine_id, &comment).start();
    let second = Ask::ordered(&machine_id, &comment).start();
    let (Ok(first), Ok(second)) = (first, second) else {
        return "not started".to_owned();
    };
    second.write(body.as_bytes());
    first.write(body.as_bytes());
    [second.finish(&[]), first.finish(&[])].join("\n--\n")
});
