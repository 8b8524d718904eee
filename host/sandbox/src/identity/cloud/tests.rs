#![allow(clippy::unwrap_used)]
use super::*;
use crate::identity::cloud::RESOURCE;

fn choice(change: impl FnOnce(&mut Choice)) -> Result<Service, ChoiceError> {
    let mut choice = Choice::default();
    change(&mut choice);
    choice.service(Issuer::Authority)
}

fn parts(service: &Service) -> [&str; 3] {
    let authority = service.authority.host_str().unwrap();
    [service.api_root.as_str(), authority, &service.resource]
}

#[test]
fn each_cloud_has_a_consistent_set() {
    let high = [
        "https://api-gov.securitycenter.microsoft.us",
        "login.microsoftonline.us",
        "https://api-gov.securitycenter.microsoft.us",
    ];
    for (cloud, set) in [
        (
            None,
            [
                "https://api.security.microsoft.com",
                "login.microsoftonline.com",
                "https://api.securitycenter.microsoft.com",
            ],
        ),
        (
            Some(Cloud::Gcc),
            [
                "https://api-gcc.securitycenter.microsoft.us",
                "login.microsoftonline.com",
                "https://api-gcc.securitycenter.microsoft.us",
            ],
        ),
        (Some(Cloud::GccHigh), high),
        (Some(Cloud::Dod), high),
    ] {
        let service = choice(|choice| choice.cloud = cloud).unwrap();
        assert_eq!(parts(&service), set, "{cloud:?}");
    }
}

#[test]
fn a_region_changes_only_the_host() {
    let service = choice(|choice| choice.region = Some(Region::Swa)).unwrap();
    assert_eq!(
        parts(&service),
        [
            "https://swa.api.security.microsoft.com",
            "login.microsoftonline.com",
            RESOURCE
        ]
    );
    for cloud in [Cloud::Gcc, Cloud::GccHigh, Cloud::Dod] {
        let refused = choice(|choice| {
            choice.cloud = Some(cloud);
            choice.region = Some(Region::Us);
        });
        assert_eq!(refused, Err(ChoiceError::Region(cloud)));
    }
}

#[test]
fn a_host_determines_the_cloud() {
    for (root, authority) in [
        (
            "https://api.securitycenter.windows.com",
            "login.microsoftonline.com",
        ),
        (
            "https://api-uk.securitycenter.windows.com",
            "login.microsoftonline.com",
        ),
        (
            "https://api-eu.securitycenter.microsoft.com",
            "login.microsoftonline.com",
        ),
        (
            "https://aea.api.security.microsoft.com",
            "login.microsoftonline.com",
        ),
        (
            "https://api-gcc.securitycenter.microsoft.us",
            "login.microsoftonline.com",
        ),
        (
            "https://api-gov.securitycenter.microsoft.us",
            "login.microsoftonline.us",
        ),
    ] {
        let service = choice(|choice| choice.api_root = Some(root.parse().unwrap())).unwrap();
        assert_eq!(service.authority.host_str(), Some(authority), "{root}");
    }
}

#[test]
fn parts_of_different_clouds_are_refused_by_name() {
    for (cloud, root, authority, resource) in [
        (
            Some(Cloud::GccHigh),
            "https://api.security.microsoft.com",
            "",
            "",
        ),
        (
            Some(Cloud::Commercial),
            "https://api-gcc.securitycenter.microsoft.us",
            "",
            "",
        ),
        (
            None,
            "https://api.security.microsoft.com",
            "https://login.microsoftonline.us",
            "",
        ),
        (
            Some(Cloud::Dod),
            "",
            "https://login.microsoftonline.com",
            "",
        ),
        (Some(Cloud::Gcc), "", "https://login.microsoftonline.us", ""),
        (None, "", "https://login.partner.microsoftonline.cn", ""),
        (
            Some(Cloud::Commercial),
            "",
            "",
            "https://api-gov.securitycenter.microsoft.us",
        ),
        (
            None,
            "",
            "https://login.microsoftonline.us",
            "https://api.securitycenter.windows.com",
        ),
        (
            Some(Cloud::Commercial),
            "",
            "",
            "https://securitycenter.onmicrosoft.us/windowsatpservice/",
        ),
    ] {
        let refused = choice(|choice| {
            choice.cloud = cloud;
            choice.api_root = root.parse().ok();
            choice.authority = authority.parse().ok();
            choice.resource = Some(resource.to_owned()).filter(|text| !text.is_empty());
        });
        let Err(ChoiceError::Mixed(named)) = refused else {
            panic!("{refused:?}");
        };
        let text = ChoiceError::Mixed(named).to_string();
        for part in [root, authority, resource] {
            assert!(text.contains(part.trim_end_matches('/')), "{text}");
        }
    }
}

#[test]
fn microsoft_tokens_go_only_to_listed_hosts() {
    let strangers = [
        "https://api.example.test",
        "https://security.microsoft.com",
        "https://us.api.security.microsoft.com.example.test",
        "https://evil.api.security.microsoft.com",
        "https://api-us.security.microsoft.com",
        "https://127.0.0.1:8443",
        "https://[::1]:8443",
        "http://localhost:8400",
    ];
    for root in strangers {
        let root: ApiRoot = root.parse().unwrap();
        let refused = choice(|choice| choice.api_root = Some(root.clone()));
        assert!(
            matches!(refused, Err(ChoiceError::UnknownHost(..))),
            "{root}"
        );
        let allowed = choice(|choice| {
            choice.allowed_hosts = vec![root.host().to_string()];
            choice.api_root = Some(root.clone());
        });
        assert!(allowed.is_ok(), "{root}");
        let ready = Choice {
            api_root: Some(root.clone()),
            ..Choice::default()
        };
        assert!(ready.service(Issuer::Unknown).is_ok(), "{root}");
        let azure = Choice {
            authority: "https://127.0.0.1:8443".parse().ok(),
            ..ready
        };
        assert!(azure.service(Issuer::Azure).is_err(), "{root}");
        // Tokens of the user's own authority may be sent to any host that the user
        // configures.
        let own = choice(|choice| {
            choice.api_root = Some(root.clone());
            choice.authority = "https://127.0.0.1:8443".parse().ok();
        });
        assert!(own.is_ok(), "{root}");
    }
}

#[test]
fn an_authority_is_an_https_origin() {
    for authority in [
        "http://login.microsoftonline.com",
        "https://login.microsoftonline.com/contoso.test",
        "https://user:hunter2@login.microsoftonline.com",
        "https://login.microsoftonline.com/?a=b",
        "https://login.microsoftonline.com/#a",
        "file:///etc/passwd",
    ] {
        let refused = choice(|choice| choice.authority = authority.parse().ok());
        let Err(error @ ChoiceError::Authority(_)) = refused else {
            panic!("{authority}: {refused:?}");
        };
        assert!(!error.to_string().contains("hunter2"));
    }
}

#[test]
fn the_audience_of_defender_xdr_is_refused() {
    for resource in [
        "https://api.security.microsoft.com",
        "https://API.security.microsoft.com/",
    ] {
        let refused = choice(|choice| choice.resource = Some(resource.to_owned()));
        assert!(
            matches!(refused, Err(ChoiceError::Resource(_))),
            "{resource}"
        );
    }
}

#[test]
fn each_cloud_has_alternative_resources() {
    for &cloud in Cloud::ALL {
        let resources = cloud.resources();
        assert_eq!(resources.first(), Some(&cloud.resource()));
        assert!(resources.len() > 1, "{cloud}");
        for resource in resources {
            let chosen = choice(|choice| {
                choice.cloud = Some(cloud);
                choice.resource = Some(resource.clone());
            });
            assert!(chosen.is_ok(), "{cloud} {resource}");
        }
    }
}
