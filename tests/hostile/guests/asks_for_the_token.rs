//! Asks the host for the token.

use hostile::connection;

hostile::report!(|_, _| {
    let root = connection::api_root();
    match connection::authorization() {
        Ok(Some(value)) => [root, " some ".to_owned(), value].concat(),
        Ok(None) => [root, " none".to_owned()].concat(),
        Err(reason) => [root, " error ".to_owned(), reason].concat(),
    }
});
