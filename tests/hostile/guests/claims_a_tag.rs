//! Says that the machine has the tag, and sends nothing.

use hostile::Plugin;

hostile::export!(Plugin {
    tag: |_, _| None,
    ..Plugin::IDLE
});
