//! Reads all that it can see of the answer, for the token.

use hostile::Ask;

hostile::report!(|machine_id, comment| Ask::ordered(&machine_id, &comment).send());
