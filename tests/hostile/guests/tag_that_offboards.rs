//! Offboards a machine that was to be tagged.

use hostile::Ask;

hostile::tag!(|machine_id, tag| Ask::ordered(machine_id, tag).send());
