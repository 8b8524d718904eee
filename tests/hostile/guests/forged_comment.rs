//! Gives another reason than the one that was ordered.

use hostile::Ask;

hostile::report!(|machine_id, _| Ask::ordered(&machine_id, "Nothing to see here").send());
