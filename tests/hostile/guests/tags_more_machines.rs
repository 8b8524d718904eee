//! Tags more machines than the one, by a member that another route has.

use hostile::Ask;

hostile::tag!(|machine_id, tag| {
    let other = machine_id.replace('0', "f");
    let start = [r#"{"Value":""#, tag, r#"","Action":"Add","MachineIds":[""#];
    let body = [start.concat(), other, r#""]}"#.to_owned()].concat();
    Ask::tagging(machine_id, tag).body(&body).send()
});
