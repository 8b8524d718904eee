//! Every answer against the service's own metadata, which the simulator serves, too.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use jiff::Timestamp;
use offboard_simulator::{Config, FaultPlan, Simulator};
use serde_json::{Value, json};

use crate::client::{call, get, offboard, offline, post, ready, start};

/// The members that the service returns although its metadata does not have them.
const UNLISTED: [&str; 3] = ["osVersion", "defenderAvStatus", "parentDevice"];

/// One property of a type.
struct Property {
    name: String,
    kind: String,
    nullable: bool,
}

/// The part of the metadata that answers can be checked against.
#[derive(Default)]
struct Metadata {
    properties: HashMap<String, Vec<Property>>,
    members: HashMap<String, HashSet<String>>,
    /// Actions and functions, with the type that they are bound to.
    bound: Vec<(String, String, String)>,
}

/// The attribute of an element on a line, without the namespace.
fn attribute(line: &str, name: &str) -> Option<String> {
    let (_, rest) = line.split_once(&format!(" {name}=\""))?;
    let (value, _) = rest.split_once('"')?;
    Some(value.replace("microsoft.windowsDefenderATP.api.", ""))
}

impl Metadata {
    /// Reads a document in which each element is on a line of its own.
    fn parse(text: &str) -> Self {
        let mut metadata = Self::default();
        let (mut element, mut name) = (String::new(), String::new());
        for line in text.lines().map(str::trim) {
            let tag = line
                .trim_start_matches('<')
                .split([' ', '>'])
                .next()
                .unwrap();
            match tag {
                "EntityType" | "ComplexType" | "EnumType" | "Action" | "Function" => {
                    element = tag.to_owned();
                    name = attribute(line, "Name").unwrap();
                }
                "Property" => {
                    let property = Property {
                        name: attribute(line, "Name").unwrap(),
                        kind: attribute(line, "Type").unwrap(),
                        nullable: attribute(line, "Nullable").as_deref() != Some("false"),
                    };
                    metadata
                        .properties
                        .entry(name.clone())
                        .or_default()
                        .push(property);
                }
                "Member" => {
                    let members = metadata.members.entry(name.clone()).or_default();
                    members.insert(attribute(line, "Name").unwrap());
                }
                "Parameter" if attribute(line, "Name").as_deref() == Some("bindingParameter") => {
                    let of = attribute(line, "Type").unwrap();
                    metadata.bound.push((element.clone(), name.clone(), of));
                }
                _ => {}
            }
        }
        metadata
    }

    /// Asserts that an entity is of a type, with exactly its members.
    fn check(&self, kind: &str, entity: &Value) {
        let properties = &self.properties[kind];
        let members = entity
            .as_object()
            .unwrap_or_else(|| panic!("{kind}: {entity}"));
        for property in properties {
            let place = format!("{kind}.{}", property.name);
            let value = members.get(&property.name);
            let value = value.unwrap_or_else(|| panic!("{place} is missing: {entity}"));
            if value.is_null() {
                assert!(property.nullable, "{place} is null: {entity}");
            } else {
                self.check_value(&property.kind, value, &place);
            }
        }
        for name in members.keys() {
            let is_known = properties.iter().any(|property| property.name == *name)
                || UNLISTED.contains(&name.as_str())
                || name.starts_with("@odata.");
            assert!(is_known, "{kind}.{name} is unknown");
        }
    }

    fn check_value(&self, kind: &str, value: &Value, place: &str) {
        let item = kind
            .strip_prefix("Collection(")
            .and_then(|kind| kind.strip_suffix(')'));
        if let Some(item) = item {
            let items = value
                .as_array()
                .unwrap_or_else(|| panic!("{place}: {value}"));
            items
                .iter()
                .for_each(|value| self.check_value(item, value, place));
            return;
        }
        let text = value.as_str();
        let fits = match kind {
            "Edm.String" => text.is_some(),
            "Edm.Boolean" => value.is_boolean(),
            "Edm.Int64" => value.is_i64(),
            "Edm.Int32" => value
                .as_i64()
                .is_some_and(|number| i32::try_from(number).is_ok()),
            "Edm.Guid" => text.is_some_and(|text| uuid::Uuid::try_parse(text).is_ok()),
            "Edm.DateTimeOffset" => text.is_some_and(|text| text.parse::<Timestamp>().is_ok()),
            other => match self.members.get(other) {
                Some(members) => text.is_some_and(|text| members.contains(text)),
                None => {
                    self.check(other, value);
                    true
                }
            },
        };
        assert!(fits, "{place} isn't {kind}: {value}");
    }

    fn check_all(&self, kind: &str, list: &[Value]) {
        assert!(!list.is_empty(), "no {kind}");
        list.iter().for_each(|entity| self.check(kind, entity));
    }
}

async fn permitted(action_time: Duration) -> Simulator {
    let roles = [
        "Machine.Offboard",
        "Machine.ReadWrite.All",
        "Machine.Isolate",
        "Alert.Read.All",
        "User.Read.All",
    ];
    start(Config {
        action_time,
        machines: 90,
        roles: roles.map(String::from).to_vec(),
        ..Config::default()
    })
    .await
}

async fn metadata(simulator: &Simulator) -> Metadata {
    // Without a token.
    let answer = call(simulator, "GET", "/api/$metadata").send().await;
    assert_eq!(answer.headers["content-type"], "application/xml");
    Metadata::parse(&answer.text)
}

#[tokio::test]
async fn machines_are_as_in_the_metadata() {
    let simulator = permitted(Duration::from_secs(3600)).await;
    let metadata = metadata(&simulator).await;
    metadata.check_all("Machine", get(&simulator, "/api/machines").await.value());
    let machine = ready(&simulator);
    let address = &machine.ip_addresses[0].ip_address;
    let by_ip = format!("findbyip(ip='{address}',timestamp={})", Timestamp::now());
    for path in [by_ip.as_str(), "findbytag?tag=retire"] {
        let answer = get(&simulator, &format!("/api/machines/{path}")).await;
        metadata.check_all("Machine", answer.value());
    }
    let path = format!("/api/machines/{}", machine.id);
    metadata.check("Machine", &get(&simulator, &path).await.json);
    let tag = json!({"Value": "x", "Action": "Add"});
    let tagged = post(&simulator, &format!("{path}/tags"), &tag).await;
    metadata.check("Machine", &tagged.json);
}

#[tokio::test]
async fn actions_are_as_in_the_metadata() {
    for action_time in [Duration::ZERO, Duration::from_secs(3600)] {
        let simulator = permitted(action_time).await;
        let metadata = metadata(&simulator).await;
        let id = ready(&simulator).machine.id;
        metadata.check("MachineAction", &offboard(&simulator, &id).await.json);
        for (route, machine) in [
            ("isolate", id),
            ("unisolate", offline(&simulator).machine.id),
        ] {
            let path = format!("/api/machines/{machine}/{route}");
            let answer = post(&simulator, &path, &json!({"Comment": "why"})).await;
            metadata.check("MachineAction", &answer.json);
        }
        let unisolate = get(&simulator, "/api/machineactions?$top=1").await;
        let path = format!("/api/machineactions/{}", unisolate.all("id")[0]);
        metadata.check("MachineAction", &get(&simulator, &path).await.json);
        let reason = json!({"Comment": "no"});
        let cancelled = post(&simulator, &format!("{path}/cancel"), &reason).await;
        metadata.check("MachineAction", &cancelled.json);
        simulator.set_faults(FaultPlan::parse(["offboard:always:ends=Failed"]).unwrap());
        let id = offline(&simulator).machine.id;
        offboard(&simulator, &id).await;
        let list = get(&simulator, "/api/machineactions").await;
        assert_eq!(list.value().len(), 4);
        metadata.check_all("MachineAction", list.value());
    }
}

#[tokio::test]
async fn alerts_and_users_are_as_in_the_metadata() {
    let simulator = permitted(Duration::from_secs(3600)).await;
    let metadata = metadata(&simulator).await;
    for query in ["", "?$expand=evidence"] {
        let alerts = get(&simulator, &format!("/api/alerts{query}")).await;
        metadata.check_all("Alert", alerts.value());
        let one = get(&simulator, &format!("/api/alerts/{}", alerts.all("id")[0])).await;
        metadata.check("Alert", &one.json);
    }
    for machine in simulator.machines() {
        let path = format!("/api/machines/{}/logonusers", machine.id);
        for user in get(&simulator, &path).await.value() {
            metadata.check("User", user);
        }
    }
}

#[tokio::test]
async fn each_action_and_function_has_a_route() {
    let simulator = permitted(Duration::from_secs(3600)).await;
    let metadata = metadata(&simulator).await;
    let id = ready(&simulator).machine.id;
    let action = offboard(&simulator, &id).await.json["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let mut checked = 0;
    for (element, name, of) in &metadata.bound {
        let parent = match of.as_str() {
            "Machine" => format!("machines/{id}"),
            "MachineAction" => format!("machineactions/{action}"),
            "Collection(Machine)" => "machines".to_owned(),
            other => panic!("{other}"),
        };
        let method = if element == "Action" { "POST" } else { "GET" };
        let arguments = if name == "FindByIp" { "(x)" } else { "" };
        let path = format!("/api/{parent}/{name}{arguments}");
        let call = call(&simulator, method, &path).token(simulator.token());
        let answer = call.json(&json!({})).send().await;
        assert!(![403, 404].contains(&answer.status), "{path} {answer:?}");
        checked += 1;
    }
    assert_eq!(checked, 9);
}
