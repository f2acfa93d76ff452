//! How many deployments a scope keeps.

use super::support::{GROUP, SUBSCRIPTION, body, path, send, template, with_group};
use crate::arm::deployments::limits::{MOST_DEPLOYMENTS, MOST_LOCATIONS};
use crate::request::Context;
use crate::request::testing::later;
use crate::state::deployments;
use http::Method;
use serde_json::json;
#[test]
fn a_scope_keeps_so_many_deployments() {
    with_group(|cx| {
        let text = body(&template(json!({}))).to_string();
        let there = |cx: &Context<'_>, name: &str| send(cx, Method::GET, &path(name), "").0 == 200;
        // Nothing has ended yet: nothing can go.
        for at in 0..MOST_DEPLOYMENTS {
            let (status, answer) = send(cx, Method::PUT, &path(&format!("d{at:03}")), &text);
            assert_eq!(status, 201, "{at}: {answer}");
        }
        let (status, answer) = send(cx, Method::PUT, &path("one-more"), &text);
        assert_eq!(status, 409, "{answer}");
        assert_eq!(answer["error"]["code"], "DeploymentQuotaExceeded");
        later(cx, time::Duration::hours(1));
        // One that is there is deployed again, and moves to the end of the history.
        assert_eq!(send(cx, Method::PUT, &path("d000"), &text).0, 200);
        assert_eq!(deployments::count(cx.tx, GROUP).expect("a count"), 600);
        assert!(there(cx, "d000"));
        assert!(!there(cx, "d001"));
        assert!(!there(cx, "d200"));
        assert!(there(cx, "d201"));
        assert!(there(cx, "d799"));
    });
}

#[test]
fn a_subscriptions_deployments_are_in_ten_locations() {
    with_group(|cx| {
        let locations = [
            "eastus",
            "eastus2",
            "westus",
            "westus2",
            "westus3",
            "centralus",
            "northeurope",
            "westeurope",
            "uksouth",
            "francecentral",
            "japaneast",
        ];
        let put = |name: &str, location: &str| {
            let mut body = body(&template(json!({})));
            body["location"] = json!(location);
            let path = format!(
                "/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Resources/deployments/{name}"
            );
            let (status, answer) = send(cx, Method::PUT, &path, &body.to_string());
            (status, answer["error"]["code"].clone())
        };
        for (at, location) in locations[..MOST_LOCATIONS].iter().enumerate() {
            assert_eq!(put(&format!("d{at}"), location).0, 201, "{location}");
        }
        let (status, code) = put("more", locations[MOST_LOCATIONS]);
        assert_eq!(
            (status, code.as_str()),
            (409, Some("DeploymentLocationQuotaExceeded"))
        );
        assert_eq!(put("more", locations[3]).0, 201);
    });
}
