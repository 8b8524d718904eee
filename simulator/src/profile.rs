//! The kinds of device in a fleet.

/// The properties of one kind of device, and whether it is online.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Profile {
    pub(crate) systems: &'static [System],
    pub(crate) onboarding: &'static str,
    pub(crate) health: &'static str,
    pub(crate) online: bool,
    /// The range of days since it was last seen; `(0, 0)` is within the last day, as for a
    /// working device that reports daily.
    pub(crate) unseen_days: (u64, u64),
    pub(crate) form: DeviceForm,
    /// Whether it is the old record of a ready device that was onboarded again, and so has
    /// that device's name.
    pub(crate) replaced: bool,
}

/// An operating system: platform, version, build.
pub(crate) type System = (&'static str, &'static str, Option<i64>);

/// The form of device, which determines its name and addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeviceForm {
    Client,
    Server,
    Phone,
    Network,
}

const RECENT_WINDOWS: &[System] = &[
    ("Windows11", "24H2", Some(26100)),
    ("Windows11", "23H2", Some(22631)),
    ("Windows10", "22H2", Some(19045)),
    ("Windows10", "21H2", Some(19044)),
];

/// Offboards successfully, and its record says so: `Onboarded`, `Active`, `Windows10` or
/// `Windows11`. No other profile may have all three.
pub(crate) const READY: Profile = Profile {
    systems: RECENT_WINDOWS,
    onboarding: "Onboarded",
    health: "Active",
    online: true,
    unseen_days: (0, 0),
    form: DeviceForm::Client,
    replaced: false,
};

const STALE: Profile = Profile {
    health: "Inactive",
    online: false,
    unseen_days: (20, 170),
    ..READY
};
/// Last seen before any ready device was first seen.
const REPLACED: Profile = Profile {
    replaced: true,
    unseen_days: (100, 170),
    ..STALE
};
const UNREACHABLE: Profile = Profile {
    health: "ImpairedCommunication",
    unseen_days: (8, 29),
    ..STALE
};
const SILENT: Profile = Profile {
    health: "NoSensorData",
    unseen_days: (8, 29),
    ..STALE
};
const OLD_WINDOWS: Profile = Profile {
    systems: &[
        ("Windows10", "1607", Some(14393)),
        ("Windows10", "1511", Some(10586)),
    ],
    health: "NoSensorDataImpairedCommunication",
    ..UNREACHABLE
};
const OLDER_WINDOWS: Profile = Profile {
    systems: &[
        ("Windows7", "Other", Some(7601)),
        ("WindowsXp", "Other", Some(2600)),
    ],
    ..READY
};
const VIRTUAL_DESKTOP: Profile = Profile {
    systems: &[("Windows10WVD", "22H2", Some(19045))],
    ..READY
};

const MAC: Profile = Profile {
    systems: &[
        ("macOS", "14.6", None),
        ("macOS", "15.2", None),
        ("macOS", "26.1", None),
    ],
    ..READY
};
const OLD_MAC: Profile = Profile {
    systems: &[("macOS", "13.7", None), ("macOS", "12.6", None)],
    ..READY
};

const SERVER: Profile = Profile {
    systems: &[
        ("WindowsServer2019", "1809", Some(17763)),
        ("WindowsServer2022", "21H2", Some(20348)),
        ("WindowsServer2025", "24H2", Some(26100)),
    ],
    form: DeviceForm::Server,
    ..READY
};
const OLD_SERVER: Profile = Profile {
    systems: &[
        ("WindowsServer2012R2", "Other", Some(9600)),
        ("WindowsServer2016", "1607", Some(14393)),
    ],
    ..SERVER
};
const LINUX: Profile = Profile {
    systems: &[
        ("Linux", "Other", None),
        ("Ubuntu", "24.4", None),
        ("CentOS", "8.5", None),
    ],
    ..SERVER
};

const IPHONE: Profile = Profile {
    systems: &[("iOS", "17.5", None)],
    form: DeviceForm::Phone,
    ..READY
};
const ANDROID: Profile = Profile {
    systems: &[("Android", "14.0", None)],
    ..IPHONE
};

const NOT_ONBOARDED: Profile = Profile {
    onboarding: "CanBeOnboarded",
    health: "Inactive",
    online: false,
    unseen_days: (1, 6),
    ..READY
};
const UNCLEAR: Profile = Profile {
    onboarding: "InsufficientInfo",
    health: "Unknown",
    ..NOT_ONBOARDED
};
/// The platform of network devices is unsourced.
const NETWORK_DEVICE: Profile = Profile {
    systems: &[("Other", "Other", None)],
    onboarding: "Unsupported",
    form: DeviceForm::Network,
    ..UNCLEAR
};

/// The machines after each ready machine, two at a time, repeated. Two adjacent [`REPLACED`]
/// result in a name that three records share.
pub(crate) const COMPANIONS: &[[Profile; 2]] = &[
    [MAC, STALE],
    [REPLACED, SERVER],
    [UNREACHABLE, NOT_ONBOARDED],
    [REPLACED, REPLACED],
    [LINUX, OLDER_WINDOWS],
    [UNCLEAR, SILENT],
    [NETWORK_DEVICE, VIRTUAL_DESKTOP],
    [OLD_MAC, ANDROID],
    [OLD_WINDOWS, OLD_SERVER],
    [IPHONE, READY],
];
