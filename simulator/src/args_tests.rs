use clap::Parser;

use super::*;

#[derive(Debug, Parser)]
struct Command {
    #[command(flatten)]
    args: Args,
}

fn parse(arguments: &[&str]) -> Result<Config, clap::Error> {
    Command::try_parse_from([&["simulate"], arguments].concat()).map(|command| command.args.into())
}

#[test]
fn no_flags_give_the_default_configuration() {
    assert_eq!(parse(&[]).ok(), Some(Config::default()));
}

#[test]
fn flags_reach_the_configuration() {
    let config = parse(&[
        "--listen=[::1]:8080",
        "--machines=900",
        "--seed=7",
        "--action-time=1m",
        "--action-deadline=5s",
        "--on-duplicate=refuse",
        "--success-status=201",
        "--external-ids=hide",
        "--fault=offboard:3:drop-after-commit",
        "--fault=any:10%:status=503",
        "--fault-seed=9",
        "--quota=2/1s",
        "--page-size=50",
        "--empty-list=not-found",
        "--roles=",
        "--audience=https://example.test",
        "--token-lifetime=5m",
        "--tls",
        "--tls-name=login.microsoftonline.com",
        "--tls-name=192.0.2.1",
        "--clock-skew=-90s",
        "--scopes=",
        "--client-secret=s",
        "--secret-expired",
        "--conditional-access",
        "--refuse-replayed-assertions",
        "--user-groups=Servers,Workplaces",
        "--user-role=none",
    ]);
    let Ok(config) = config else {
        panic!("{config:?}")
    };
    assert_eq!(config.listen.port(), 8080);
    assert_eq!(
        (config.machines, config.seed, config.page_size),
        (900, 7, 50)
    );
    assert_eq!(config.action_time, Duration::from_secs(60));
    assert_eq!(config.action_deadline, Duration::from_secs(5));
    assert_eq!(config.tls_names, ["login.microsoftonline.com", "192.0.2.1"]);
    assert_eq!(config.on_duplicate, OnDuplicate::Refuse);
    assert_eq!(config.success_status, SuccessStatus::Created);
    assert_eq!(config.external_ids, ExternalIds::Hide);
    let rules = ["offboard:3:drop-after-commit", "any:10%:status=503"];
    let rules = rules.map(|rule| rule.parse().ok());
    assert_eq!(
        Some(config.faults),
        rules
            .into_iter()
            .collect::<Option<Vec<_>>>()
            .map(|rules| FaultPlan { seed: 9, rules })
    );
    assert_eq!(config.quota.to_string(), "2/1s");
    assert_eq!(config.empty_list, EmptyList::NotFound);
    assert!(config.roles.is_empty());
    assert_eq!(config.audience, "https://example.test");
    assert_eq!(config.token_lifetime, Duration::from_secs(300));
    assert_eq!(config.clock_skew, -90);
    assert!(config.scopes.is_empty());
    assert_eq!(config.client_secret.as_deref(), Some("s"));
    assert!(config.tls && config.secret_expired);
    assert!(config.conditional_access && config.refuse_replayed_assertions);
    let groups = ["Servers", "Workplaces"].map(String::from).to_vec();
    assert_eq!(config.user_groups, Some(groups));
    assert_eq!(config.user_role, UserRole::None);
}

#[test]
fn the_ready_token_is_for_the_first_accepted_resource() {
    for (arguments, audience, accepted) in [
        (&[][..], COMMERCIAL_RESOURCE, &[COMMERCIAL_RESOURCE][..]),
        (
            &["--accept-resource=a", "--accept-resource=b"],
            "a",
            &["a", "b"],
        ),
        (&["--accept-resource=a", "--audience=c"], "c", &["a"]),
    ] {
        let config = parse(arguments);
        let Ok(config) = config else {
            panic!("{config:?}")
        };
        assert_eq!(config.audience, audience);
        assert_eq!(config.accept_resources, accepted);
    }
}

#[test]
fn clocks_go_ahead_or_behind() {
    for (text, seconds) in [("0s", 0), ("10m", 600), ("+1h", 3600), ("-1h", -3600)] {
        let config = parse(&["--clock-skew", text]);
        assert_eq!(config.ok().map(|config| config.clock_skew), Some(seconds));
    }
}

#[test]
fn values_out_of_range_are_refused() {
    for argument in [
        "--page-size=0",
        "--page-size=10001",
        "--machines=-1",
        "--machines=100001",
        "--quota=5",
        "--fault=offboard:3:drop",
        "--fault-seed=x",
        "--success-status=204",
        "--tenant=contoso",
        "--clock-skew=-",
        "--clock-skew=5",
        "--write-ca=ca.pem",
        "--tls-name=login.microsoftonline.com",
        "--action-deadline=soon",
        "--user-role=owner",
    ] {
        assert!(parse(&[argument]).is_err(), "{argument}");
    }
}
