use serde_json::json;

use super::super::schema::{ACTION_SCHEMA, MACHINE_SCHEMA};
use super::*;

fn row() -> Row {
    let row = json!({
        "id": "aa",
        "computerDnsName": "Host1.o'neil.test",
        "lastSeen": "2030-01-02T03:04:05.1Z",
        "osPlatform": "Windows11",
        "version": "23H2",
        "rbacGroupId": 12,
        "riskScore": null,
        "aadDeviceId": "abcdef00-1111-2222-3333-444444444444",
        "machineTags": ["retire", "building 7"],
        "onboardingStatus": "Onboarded",
        "healthStatus": "Active",
    });
    match row {
        Value::Object(row) => row,
        _ => Row::new(),
    }
}

#[test]
fn filters_that_hold() {
    for filter in [
        "id eq 'aa'",
        "'aa' eq id",
        "computerDnsName eq 'Host1.o''neil.test'",
        "computerDnsName ne 'host1.o''neil.test'",
        "startswith(computerDnsName,'Host1')",
        "endswith(computerDnsName,'.test')",
        "contains(computerDnsName,'o''neil')",
        "not startswith(computerDnsName,'x')",
        "osPlatform in ('Windows10','Windows11')",
        "onboardingStatus eq 'Onboarded' and healthStatus eq 'Active'",
        "onboardingstatus eq 'Onboarded'",
        "ComputerDNSName eq 'Host1.o''neil.test'",
        "HEALTHSTATUS in ('Active')",
        "startswith(COMPUTERDNSNAME,'Host1')",
        "MachineTags/any(tag: tag eq 'retire' and ID eq 'aa')",
        // A variable may have the name of a property in another case.
        "machineTags/any(ID: ID eq 'retire')",
        "id eq 'x' or id eq 'aa'",
        "id eq 'aa' or id eq 'x' and id eq 'y'",
        "not (id eq 'x' or id eq 'y')",
        "lastSeen gt 2018-08-01Z",
        "lastSeen gt 2030-01-02T03:04:05.09Z",
        "lastSeen lt 2030-01-02T03:04:05.12Z",
        "lastSeen ge 2030-01-02T03:04:05.1000000Z",
        "lastSeen le 2030-01-02T04:04:05.1000000+01:00",
        "2031-01-01 gt lastSeen",
        "rbacGroupId eq 12",
        "rbacGroupId eq '12'",
        "rbacGroupId gt 2",
        "rbacGroupId in (1,12)",
        "riskScore eq null",
        "riskScore ne 'High'",
        "not (riskScore gt 'A')",
        "version ge '1703'",
        "aadDeviceId eq ABCDEF00-1111-2222-3333-444444444444",
        "aadDeviceId eq 'abcdef00-1111-2222-3333-444444444444'",
        "machineTags/any(tag: tag eq 'retire')",
        "machineTags/any(tag: startswith(tag,'building') and not contains(tag,'8'))",
        "machineTags/any(tag: tag eq 'retire' and id eq 'aa')",
        "machineTags/any()",
    ] {
        assert_eq!(
            Predicate::new(filter, &MACHINE_SCHEMA).map(|predicate| predicate.matches(&row())),
            Ok(true),
            "{filter}"
        );
    }
}

#[test]
fn filters_that_do_not_hold() {
    for filter in [
        "id eq 'AA'",
        "computerDnsName eq 'host1.o''neil.test'",
        "startswith(computerDnsName,'host1')",
        "lastSeen gt 2030-01-02T03:04:05.1Z",
        "lastSeen lt 2018-08-01Z",
        "rbacGroupId eq 11",
        "rbacGroupId gt '100'",
        "riskScore eq 'High'",
        "riskScore gt 'A'",
        "riskScore le 'Z'",
        "startswith(riskScore,'')",
        "osPlatform in ('macOS')",
        "machineTags/any(tag: tag eq 'Retire')",
        "machineTags/any(tag: tag eq 'retire' and tag eq 'building 7')",
        "id eq 'aa' and id eq 'bb'",
    ] {
        assert_eq!(
            Predicate::new(filter, &MACHINE_SCHEMA).map(|predicate| predicate.matches(&row())),
            Ok(false),
            "{filter}"
        );
    }
    let none = Row::from_iter([("machineTags".to_owned(), json!([]))]);
    let any = Predicate::new("machineTags/any()", &MACHINE_SCHEMA);
    assert_eq!(any.map(|predicate| predicate.matches(&none)), Ok(false));
}

#[test]
fn filters_that_do_not_fit_the_list() {
    for filter in [
        "hostname eq 'x'",
        "osBuild eq 1",
        "ipAddresses eq null",
        "isAadJoined eq true",
        "machineTags eq 'x'",
        "machineTags eq null",
        "contains(machineTags,'x')",
        "startswith(lastSeen,'2030')",
        "startswith(computerDnsName,null)",
        "startswith(rbacGroupId,'1')",
        "lastSeen gt '2018-08-01'",
        "lastSeen gt 5",
        "computerDnsName eq 5",
        "computerDnsName eq true",
        "rbacGroupId eq 'twelve'",
        "rbacGroupId in (12,'x')",
        "id/any(t: t eq 'x')",
        "machineTags/any(tag: other eq 'x')",
        "machineTags/any(tag: tag eq 5)",
        "machineTags/any(tag: tag eq 'x') and tag eq 'x'",
    ] {
        assert!(Predicate::new(filter, &MACHINE_SCHEMA).is_err(), "{filter}");
    }
}

#[test]
fn each_list_has_its_own_properties() {
    for (filter, machines, actions) in [
        ("id eq 'x'", true, true),
        ("lastSeen gt 2018-08-01Z", true, false),
        (
            "machineId eq 'x' and status in ('Pending','InProgress')",
            false,
            true,
        ),
        ("type eq 'Offboard' and requestor eq 'x'", false, true),
        ("creationDateTimeUtc gt 2018-08-01Z", false, true),
        ("lastUpdateDateTimeUtc gt 2018-08-01Z", false, false),
    ] {
        assert_eq!(
            Predicate::new(filter, &MACHINE_SCHEMA).is_ok(),
            machines,
            "{filter}"
        );
        assert_eq!(
            Predicate::new(filter, &ACTION_SCHEMA).is_ok(),
            actions,
            "{filter}"
        );
    }
}
