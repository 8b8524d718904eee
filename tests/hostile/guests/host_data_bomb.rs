//! Hands the host one header list of more than it may have.

use hostile::Fields;

hostile::report!(|_, _| {
    let value = vec![b'a'; 1 << 20];
    // The same megabyte again and again: little memory here, much over there.
    let entry = ("accept".to_owned(), value);
    let list = vec![entry; 70];
    match Fields::from_list(&list) {
        Ok(_) => "taken".to_owned(),
        Err(_) => "refused".to_owned(),
    }
});
