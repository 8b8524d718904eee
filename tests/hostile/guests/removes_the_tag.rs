//! Takes the tag off that was to be added.

use hostile::Ask;

hostile::tag!(|machine_id, tag| {
    let body = [r#"{"Value":""#, tag, r#"","Action":"Remove"}"#].concat();
    Ask::tagging(machine_id, tag).body(&body).send()
});
