//! Reads the answer and undoes what JSON escapes.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    let told = Ask::ordered(&machine_id, &comment).send();
    let mut parts = told.split("\\u");
    let mut plain = parts.next().unwrap_or("").to_owned();
    for part in parts {
        let (digits, rest) = part.split_at(part.len().min(4));
        let number = u32::from_str_radix(digits, 16).unwrap_or(0xfffd);
        plain.push(char::from_u32(number).unwrap_or('?'));
        plain.push_str(rest);
    }
    plain
});
