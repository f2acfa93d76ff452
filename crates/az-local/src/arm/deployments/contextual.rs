//! The functions of the template language that need the deployment, not only their arguments.

use super::error::invalid;
use super::evaluate::Scope;
use super::expression::functions;
use super::ids::id_of;
use super::loops;
use super::resources::pending;
use super::template::Template;
use crate::arm::error::Error;
use serde_json::{Value, json};
use uuid::Uuid;

impl Template<'_> {
    /// Calls one of [`functions::CONTEXTUAL`] that evaluates all its arguments.
    pub(super) fn contextual(
        &self,
        name: &str,
        values: &[Value],
        scope: Scope<'_>,
    ) -> Result<Value, Error> {
        match (name.to_ascii_lowercase().as_str(), values) {
            ("parameters", [Value::String(wanted)]) => self.parameter(wanted, scope).cloned(),
            ("variables", [Value::String(wanted)]) => self.variable(wanted),
            ("reference", [Value::String(of), rest @ ..]) => match rest {
                [] => scope.resources.reference(of, None, false),
                [Value::String(version)] => scope.resources.reference(of, Some(version), false),
                [version, Value::String(whole)] if whole.eq_ignore_ascii_case("full") => {
                    scope.resources.reference(of, version.as_str(), true)
                }
                _ => Err(wrong(name, values.len())),
            },
            ("utcnow", [] | [Value::String(_)]) => {
                let format = values.first().and_then(Value::as_str);
                functions::date(self.call.cx.now, format.unwrap_or("yyyyMMddTHHmmssZ"))
                    .map(|text| json!(text))
                    .map_err(invalid)
            }
            ("copyindex", _) => loops::index(scope.loops, values),
            ("newguid", []) => Ok(json!(Uuid::new_v4().to_string())),
            (_, []) => self.surroundings(name),
            (_, [_, ..]) => self.id(name, values),
        }
    }

    fn variable(&self, wanted: &str) -> Result<Value, Error> {
        let key = wanted.to_ascii_lowercase();
        if let Some(value) = self.variables.borrow().get(&key) {
            return Ok(Value::clone(value));
        }
        self.declared(wanted)?;
        let mut all = self.wanted.borrow_mut();
        if !all.contains(&key) {
            all.push(key);
        }
        Err(pending())
    }

    /// The functions that take nothing: who deploys what, where.
    fn surroundings(&self, name: &str) -> Result<Value, Error> {
        let place = &self.place;
        match name.to_ascii_lowercase().as_str() {
            "resourcegroup" => {
                let group = place.group.as_ref().ok_or_else(|| {
                    invalid("The template function 'resourceGroup' is not expected at this location: the deployment has no resource group")
                })?;
                let mut value = json!({
                    "id": group.id, "name": group.name(), "type": "Microsoft.Resources/resourceGroups",
                    "location": place.location, "properties": {"provisioningState": "Succeeded"},
                });
                if let Some(tags) = group.body.get("tags") {
                    value["tags"] = tags.clone();
                }
                Ok(value)
            }
            "subscription" => {
                let known = self.call.known_subscription()?;
                Ok(json!({
                    "id": format!("/subscriptions/{}", place.subscription()),
                    "subscriptionId": place.subscription(), "tenantId": known.tenant_id,
                    "displayName": known.display_name,
                }))
            }
            "tenant" => Ok(json!({"tenantId": self.call.principal.tenant_id})),
            "deployer" => Ok(json!({
                "objectId": self.call.principal.object_id, "tenantId": self.call.principal.tenant_id,
            })),
            "deployment" => Ok(json!({
                "name": self.deployment, "location": place.location,
                "properties": {
                    "template": {"contentVersion": self.body.get("contentVersion"), "$schema": self.body.get("$schema")},
                    "mode": "Incremental", "provisioningState": "Accepted",
                },
            })),
            // <https://learn.microsoft.com/azure/azure-resource-manager/templates/template-functions-deployment#environment>
            "environment" => Ok(json!({
                "name": "AzureCloud",
                "resourceManager": "https://management.azure.com/",
                "authentication": {
                    "loginEndpoint": "https://login.microsoftonline.com/", "tenant": "common",
                    "audiences": ["https://management.core.windows.net/", "https://management.azure.com/"],
                },
                "graph": "https://graph.windows.net/",
                "suffixes": {"keyvaultDns": ".vault.azure.net", "storage": "core.windows.net"},
            })),
            _ => Err(wrong(name, 0)),
        }
    }

    /// The functions that give an id.
    fn id(&self, name: &str, values: &[Value]) -> Result<Value, Error> {
        let texts = || -> Result<Vec<&str>, Error> {
            values
                .iter()
                .map(|value| functions::text(value).map_err(invalid))
                .collect()
        };
        match name.to_ascii_lowercase().as_str() {
            "resourceid" => self.resource_id(&texts()?),
            "subscriptionresourceid" => {
                let texts = texts()?;
                match texts.as_slice() {
                    [other, rest @ ..] if !other.contains('/') => {
                        id_of(name, &format!("/subscriptions/{other}"), rest)
                    }
                    all => {
                        let scope = format!("/subscriptions/{}", self.place.subscription());
                        id_of(name, &scope, all)
                    }
                }
            }
            "tenantresourceid" => id_of(name, "", &texts()?),
            "extensionresourceid" => {
                let texts = texts()?;
                id_of(name, texts[0], &texts[1..])
            }
            _ => Err(wrong(name, values.len())),
        }
    }

    /// `resourceId([subscription], [group], type, name, …)`
    fn resource_id(&self, texts: &[&str]) -> Result<Value, Error> {
        let place = &self.place;
        match texts {
            [kind, ..] if kind.contains('/') => id_of("resourceId", &place.scope, texts),
            [group, rest @ ..] if rest.first().is_some_and(|kind| kind.contains('/')) => {
                // In a subscription's deployment the one before the type is a subscription.
                let scope = match &place.group {
                    Some(_) => format!(
                        "/subscriptions/{}/resourceGroups/{group}",
                        place.subscription()
                    ),
                    None => format!("/subscriptions/{group}"),
                };
                id_of("resourceId", &scope, rest)
            }
            [subscription, group, rest @ ..] => id_of(
                "resourceId",
                &format!("/subscriptions/{subscription}/resourceGroups/{group}"),
                rest,
            ),
            _ => id_of("resourceId", &place.scope, texts),
        }
    }
}

fn wrong(name: &str, count: usize) -> Error {
    invalid(format!(
        "Unable to evaluate template language function '{name}': the function does not take '{count}' argument(s). \
         Please see https://aka.ms/arm-functions for usage details"
    ))
}
