//! Tags another machine.

use hostile::Ask;

hostile::tag!(|machine_id, tag| Ask::tagging(&machine_id.replace('0', "f"), tag).send());
