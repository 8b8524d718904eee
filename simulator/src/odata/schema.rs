//! The properties of each list that queries can use.

use serde_json::{Map, Value};

/// One entity of a list.
pub(crate) type Row = Map<String, Value>;

/// How a property is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Number,
    Time,
    Truth,
    /// A list of texts, for `any`.
    Texts,
    /// Objects and empty lists, which can't be queried.
    Opaque,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Property {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) filterable: bool,
}

/// An entity set and its properties.
#[derive(Debug)]
pub(crate) struct Schema {
    pub(crate) set: &'static str,
    pub(crate) properties: &'static [Property],
    /// The properties that are empty unless `$expand` names them.
    pub(crate) expandable: &'static [&'static str],
}

impl Schema {
    /// The property with a name in any case, as Microsoft's API documentation and clients that
    /// work with the service write names.
    pub(crate) fn property(&self, name: &str) -> Option<Property> {
        self.properties
            .iter()
            .find(|property| property.name.eq_ignore_ascii_case(name))
            .copied()
    }
}

const fn plain(name: &'static str, kind: Kind) -> Property {
    Property {
        name,
        kind,
        filterable: false,
    }
}

const fn filterable(name: &'static str, kind: Kind) -> Property {
    Property {
        name,
        kind,
        filterable: true,
    }
}

/// The filterable properties are those in Microsoft's API documentation.
pub(crate) const MACHINE_SCHEMA: Schema = Schema {
    set: "Machines",
    expandable: &[],
    properties: &[
        filterable("id", Kind::Text),
        plain("mergedIntoMachineId", Kind::Text),
        plain("isPotentialDuplication", Kind::Truth),
        plain("isExcluded", Kind::Truth),
        plain("exclusionReason", Kind::Text),
        filterable("computerDnsName", Kind::Text),
        plain("firstSeen", Kind::Time),
        filterable("lastSeen", Kind::Time),
        filterable("osPlatform", Kind::Text),
        plain("osVersion", Kind::Text),
        plain("osProcessor", Kind::Text),
        filterable("version", Kind::Text),
        filterable("lastIpAddress", Kind::Text),
        plain("lastExternalIpAddress", Kind::Text),
        plain("agentVersion", Kind::Text),
        plain("osBuild", Kind::Number),
        filterable("healthStatus", Kind::Text),
        filterable("deviceValue", Kind::Text),
        filterable("rbacGroupId", Kind::Number),
        plain("rbacGroupName", Kind::Text),
        filterable("riskScore", Kind::Text),
        filterable("exposureLevel", Kind::Text),
        plain("isAadJoined", Kind::Truth),
        filterable("aadDeviceId", Kind::Text),
        filterable("machineTags", Kind::Texts),
        plain("defenderAvStatus", Kind::Text),
        filterable("onboardingStatus", Kind::Text),
        plain("osArchitecture", Kind::Text),
        plain("managedBy", Kind::Text),
        plain("managedByStatus", Kind::Text),
        plain("ipAddresses", Kind::Opaque),
        plain("vmMetadata", Kind::Opaque),
        plain("parentDevice", Kind::Text),
    ],
};

/// The filterable properties are those in Microsoft's API documentation.
pub(crate) const ACTION_SCHEMA: Schema = Schema {
    set: "MachineActions",
    expandable: &[],
    properties: &[
        filterable("id", Kind::Text),
        filterable("type", Kind::Text),
        plain("title", Kind::Text),
        filterable("requestor", Kind::Text),
        plain("requestorComment", Kind::Text),
        filterable("status", Kind::Text),
        filterable("machineId", Kind::Text),
        plain("computerDnsName", Kind::Text),
        filterable("creationDateTimeUtc", Kind::Time),
        plain("lastUpdateDateTimeUtc", Kind::Time),
        plain("cancellationRequestor", Kind::Text),
        plain("cancellationComment", Kind::Text),
        plain("cancellationDateTimeUtc", Kind::Time),
        plain("errorHResult", Kind::Number),
        plain("scope", Kind::Text),
        plain("externalId", Kind::Text),
        plain("requestSource", Kind::Text),
        plain("relatedFileInfo", Kind::Opaque),
        plain("commands", Kind::Opaque),
        plain("troubleshootInfo", Kind::Opaque),
    ],
};

/// The filterable properties are those in Microsoft's API documentation.
pub(crate) const ALERT_SCHEMA: Schema = Schema {
    set: "Alerts",
    expandable: &["evidence"],
    properties: &[
        filterable("id", Kind::Text),
        filterable("incidentId", Kind::Number),
        filterable("investigationId", Kind::Number),
        filterable("assignedTo", Kind::Text),
        filterable("severity", Kind::Text),
        filterable("status", Kind::Text),
        plain("classification", Kind::Text),
        plain("determination", Kind::Text),
        plain("investigationState", Kind::Text),
        filterable("detectionSource", Kind::Text),
        plain("detectorId", Kind::Text),
        filterable("category", Kind::Text),
        plain("threatFamilyName", Kind::Text),
        plain("title", Kind::Text),
        plain("description", Kind::Text),
        filterable("alertCreationTime", Kind::Time),
        plain("firstEventTime", Kind::Time),
        filterable("lastEventTime", Kind::Time),
        filterable("lastUpdateTime", Kind::Time),
        plain("resolvedTime", Kind::Time),
        plain("machineId", Kind::Text),
        plain("computerDnsName", Kind::Text),
        plain("rbacGroupName", Kind::Text),
        plain("aadTenantId", Kind::Text),
        plain("relatedUser", Kind::Opaque),
        plain("threatName", Kind::Text),
        plain("mitreTechniques", Kind::Texts),
        plain("loggedOnUsers", Kind::Opaque),
        plain("comments", Kind::Opaque),
        plain("evidence", Kind::Opaque),
        plain("domains", Kind::Opaque),
    ],
};

/// Unsourced: that no property can be filtered.
pub(crate) const USER_SCHEMA: Schema = Schema {
    set: "Users",
    expandable: &[],
    properties: &[
        plain("id", Kind::Text),
        plain("accountName", Kind::Text),
        plain("accountDomain", Kind::Text),
        plain("accountSid", Kind::Text),
        plain("firstSeen", Kind::Time),
        plain("lastSeen", Kind::Time),
        plain("mostPrevalentMachineId", Kind::Text),
        plain("leastPrevalentMachineId", Kind::Text),
        plain("logonTypes", Kind::Text),
        plain("logOnMachinesCount", Kind::Number),
        plain("isDomainAdmin", Kind::Truth),
        plain("isOnlyNetworkUser", Kind::Truth),
    ],
};

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::fleet::Fleet;

    #[test]
    fn the_machine_schema_names_every_member_in_order() {
        let fleet = Fleet::new(1, 1, Timestamp::UNIX_EPOCH);
        for device in fleet.iter() {
            let members: Vec<_> = device.row.keys().map(String::as_str).collect();
            let named: Vec<_> = MACHINE_SCHEMA
                .properties
                .iter()
                .map(|property| property.name)
                .collect();
            assert_eq!(members, named);
        }
    }
}
