//! The order that resources are deployed in, however long the chain is.

use super::support::{chain, deployed, identity, path, refused, send, template, with_group};
use crate::arm::deployments::limits::MOST_RESOURCES;
use http::Method;
use serde_json::{Value, json};
#[test]
fn resources_depend_on_resources_in_any_number() {
    with_group(|cx| {
        for count in [1, 2, 3, MOST_RESOURCES] {
            let word = "Circular dependency detected on resource";
            refused(cx, &chain(count, true), word);
        }
        refused(cx, &chain(3_000, false), "resources limit exceeded");
        deployed(cx, &chain(MOST_RESOURCES, false));
        let (_, answer) = send(cx, Method::GET, &format!("{}/operations", path("d")), "");
        let steps = answer["value"].as_array().expect("steps");
        assert_eq!(steps.len(), MOST_RESOURCES);
        let first = &steps[0]["properties"]["targetResource"]["resourceName"];
        assert_eq!(first, "one-799");
    });
}

#[test]
fn resources_refer_to_resources_in_any_number() {
    let referring = |count: usize, closed: bool| {
        let resource = |at: usize| {
            let mut one = identity(&format!("one-{at}"));
            let next = (at + 1) % count;
            if closed || next > 0 {
                one["tags"] = json!({"next": format!("[reference('one-{next}').principalId]")});
            }
            one
        };
        template(json!({"resources": (0..count).map(resource).collect::<Vec<_>>()}))
    };
    with_group(move |cx| {
        for count in [1, 2, MOST_RESOURCES] {
            refused(cx, &referring(count, true), "Circular dependency");
        }
        deployed(cx, &referring(120, false));
        // One that refers to all others, and comes first.
        let all: Vec<String> = (0..300)
            .map(|at| format!("reference('one-{at}').principalId"))
            .collect();
        let mut star = identity("star");
        star["tags"] = json!({"all": format!("[uniqueString({})]", all.join(", "))});
        let mut resources = vec![star];
        resources.extend((0..300).map(|at| identity(&format!("one-{at}"))));
        deployed(cx, &template(json!({"resources": resources})));
    });
}

/// Every resource depends on all before it: the dependencies are far larger than the resources.
#[test]
fn dependencies_of_all_on_all_are_too_large() {
    let resource = |at: usize| {
        let mut one = identity(&format!("one-{at}"));
        let before: Vec<String> = (0..at).map(|at| format!("one-{at}")).collect();
        one["dependsOn"] = json!(before);
        one
    };
    let all: Vec<Value> = (0..MOST_RESOURCES).map(resource).collect();
    with_group(move |cx| {
        refused(cx, &template(json!({"resources": all})), "Limit: '4194304'");
    });
}
