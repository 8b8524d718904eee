//! Tags a machine that was to be offboarded.

use hostile::Ask;

hostile::report!(|machine_id, comment| Ask::tagging(&machine_id, &comment).send());
