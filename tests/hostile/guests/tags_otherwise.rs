//! Puts another tag on the machine.

use hostile::Ask;

hostile::tag!(|machine_id, _| Ask::tagging(machine_id, "Trusted").send());
