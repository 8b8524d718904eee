//! The types of a component's functions. Without this check, a right name with a wrong type
//! would only fail at instantiation.

use wasmtime::{
    Engine,
    component::{
        Component, Type,
        types::{ComponentFunc, ComponentItem},
    },
};

use super::interface::without_patch;

/// The functions of the contract that are missing from a component's interfaces or have
/// another type than the reference, as text.
pub(super) fn differences(
    engine: &Engine,
    component: &Component,
    reference: &Component,
) -> Vec<String> {
    let functions = functions(engine, component);
    let mut differences = Vec::new();
    for (interface, name, expected) in self::functions(engine, reference) {
        let is_interface = |found: &&(String, String, ComponentFunc)| found.0 == interface;
        let mut found = functions.iter().filter(is_interface).peekable();
        // An interface that is missing altogether is reported by its name.
        if found.peek().is_none() {
            continue;
        }
        match found.find(|(_, found, _)| *found == name) {
            None => differences.push(format!("its {interface} does not have {name}")),
            Some((_, _, found)) if !same(found, &expected) => {
                differences.push(format!("its {name} of {interface} has another type"));
            }
            Some(_) => {}
        }
    }
    differences
}

/// Interface, name and type of each exported function.
fn functions(engine: &Engine, component: &Component) -> Vec<(String, String, ComponentFunc)> {
    let mut functions = Vec::new();
    for (interface, item) in component.component_type().exports(engine) {
        let ComponentItem::ComponentInstance(instance) = item.ty else {
            continue;
        };
        for (name, item) in instance.exports(engine) {
            if let ComponentItem::ComponentFunc(function) = item.ty {
                functions.push((
                    without_patch(interface).to_owned(),
                    name.to_owned(),
                    function,
                ));
            }
        }
    }
    functions
}

fn same(one: &ComponentFunc, other: &ComponentFunc) -> bool {
    let types = |function: &ComponentFunc| -> Vec<Type> {
        let parameters = function.params().map(|(_, kind)| kind);
        parameters.chain(function.results()).collect()
    };
    one.async_() == other.async_()
        && one.params().len() == other.params().len()
        && types(one) == types(other)
}
