//! Lists of devices in Entra ID.

use super::*;

const DEVICE: &str = "00000000-aaaa-4bbb-8ccc-dddddddddddd";

fn by_device(text: &str, column: &str) -> Result<EntraDeviceList, ListError> {
    let options = ListOptions {
        entra_id_column: Some(column.to_owned()),
        ..options("Retired")
    };
    EntraDeviceList::read_devices(text.as_bytes(), &options)
}

#[test]
fn the_machine_of_a_device_is_looked_up() {
    let device: EntraDeviceId = DEVICE.parse().unwrap();
    let mut devices = EntraDevices::default();
    devices.add(device, ID.parse().unwrap());
    // The same machine on two pages of a fleet that changes.
    devices.add(device, ID.parse().unwrap());
    let text = format!(
        "Device ID,Device name,Azure AD Device ID\n0f0f0f0f-1111-4222-8333-444444444444,pc-1,{}\n",
        DEVICE.to_uppercase()
    );
    let list = by_device(&text, "azure ad device id").unwrap();
    let entries = list.resolve(&devices).unwrap().entries;
    assert_eq!(entries[0].machine.target.to_string(), ID);
    assert_eq!(entries[0].display_name.as_deref(), Some("pc-1"));
}

#[test]
fn a_device_without_exactly_one_machine_is_not_resolved() {
    let text = format!(
        "entraDeviceId\n{DEVICE}\n{{{}}}\n",
        DEVICE.replace('d', "e")
    );
    let mut devices = EntraDevices::default();
    for machine in [ID, OTHER] {
        devices.add(DEVICE.parse().unwrap(), machine.parse().unwrap());
    }
    let list = by_device(&text, "entraDeviceId").unwrap();
    let Err(ListError::Lines(errors)) = list.resolve(&devices) else {
        panic!("two machines");
    };
    let device = DEVICE.parse().unwrap();
    let machines = vec![ID.parse().unwrap(), OTHER.parse().unwrap()];
    let several = RowError::SeveralOfDevice(device, machines);
    let none = RowError::NoMachineOfDevice(DEVICE.replace('d', "e").parse().unwrap());
    assert_eq!(errors.len(), 2);
    assert_eq!((errors[0].line, &errors[0].error), (2, &several));
    assert_eq!((errors[1].line, &errors[1].error), (3, &none));
}

#[test]
fn only_entra_device_ids_are_looked_up() {
    for cell in [
        "",
        "00000000-0000-0000-0000-000000000000",
        "pc-1",
        "00000000aaaa4bbb8cccdddddddddddd",
        ID,
    ] {
        let text = format!("device,name\n{DEVICE},pc-0\n{cell},pc-1\n");
        let found = by_device(&text, "device");
        assert!(
            matches!(&found, Err(ListError::Lines(errors)) if errors[0].line == 3),
            "{cell}: {found:?}"
        );
    }
    let missing = by_device("device,name\nx,y\n", "entra");
    assert!(matches!(missing, Err(ListError::NoColumn(..))));
    // Machine ids beside them are not passed over.
    let text = format!("device,mde\n{DEVICE},{ID}\n");
    let found = by_device(&text, "device");
    assert!(
        matches!(found, Err(ListError::UnusedIds { .. })),
        "{found:?}"
    );
    // The list of a caller that does not look them up.
    let options = ListOptions {
        entra_id_column: Some("device".to_owned()),
        ..options("x")
    };
    let text = format!("device\n{DEVICE}\n");
    let found = MachineList::parse(&text, &options);
    assert!(
        matches!(found, Err(ListError::OtherReferences)),
        "{found:?}"
    );
}

#[test]
fn guids_are_one_error_that_names_the_known_columns() {
    let intune = format!("Device ID,Device name,Azure AD Device ID\n{DEVICE},pc-1,{DEVICE}\n");
    for (text, expected) in [
        (
            intune,
            (
                Some("Device ID"),
                Some("Device name"),
                Some("Azure AD Device ID"),
            ),
        ),
        (format!("{DEVICE}\n{DEVICE}\n"), (None, None, None)),
        (format!("[\"{DEVICE}\"]"), (None, None, None)),
    ] {
        match list(&text) {
            Err(ListError::Guids {
                column,
                names,
                entra_devices,
            }) => assert_eq!(
                (
                    column.as_deref(),
                    names.as_deref(),
                    entra_devices.as_deref()
                ),
                expected
            ),
            found => panic!("{text}: {found:?}"),
        }
    }
    // Beside other machines, the lines are reported.
    assert_eq!(faults(&format!("pc-1\n{DEVICE}\n")).len(), 1);
}
