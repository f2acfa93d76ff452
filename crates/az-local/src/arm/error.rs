//! Resource Manager's errors: a status, a code, a message.

use crate::ground::wire::Response;
use crate::state::StateError;
use http::StatusCode;
use serde_json::{Value, json};

/// The code of what only Azure has; no service of Azure's uses it.
pub(crate) const NOT_EMULATED: &str = "NotEmulated";

/// An error as Resource Manager and its providers answer it
/// (<https://github.com/microsoft/api-guidelines/blob/vNext/azure/Guidelines.md#handling-errors>).
#[derive(Clone, Debug)]
pub(crate) struct Error {
    status: StatusCode,
    code: &'static str,
    message: String,
    target: Option<String>,
    details: Vec<Error>,
    violation: Option<Box<Violation>>,
}

/// Where a template is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Violation {
    /// From the request's body, as `properties.template.parameters.location`; empty where it is not told.
    pub(crate) path: String,
    /// Of the request's body; the first is 1, and 0 is none.
    pub(crate) line: usize,
    /// How many characters of the line are before.
    pub(crate) column: usize,
}

impl Error {
    pub(crate) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Error {
            status,
            code,
            message: message.into(),
            target: None,
            details: Vec::new(),
            violation: None,
        }
    }

    pub(crate) fn target(mut self, target: impl Into<String>) -> Self {
        self.target = Some(target.into());
        self
    }

    /// Where a template is wrong.
    pub(crate) fn violation(mut self, violation: Violation) -> Self {
        self.violation = Some(Box::new(violation));
        self
    }

    /// The errors that led to this one.
    pub(crate) fn details(mut self, details: Vec<Error>) -> Self {
        self.details = details;
        self
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// What programs know it by.
    pub(crate) fn code(&self) -> &'static str {
        self.code
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    pub(crate) fn bad_request(code: &'static str, message: impl Into<String>) -> Self {
        Error::new(400, code, message)
    }

    pub(crate) fn conflict(code: &'static str, message: impl Into<String>) -> Self {
        Error::new(409, code, message)
    }

    pub(crate) fn subscription_not_found(id: &str) -> Self {
        Error::new(
            404,
            "SubscriptionNotFound",
            format!("The subscription '{id}' could not be found."),
        )
    }

    /// What stands where a subscription's id should, and is none (hashicorp/terraform-provider-azurerm issue 25954,
    /// vmware-tanzu/velero issue 4737).
    pub(crate) fn invalid_subscription(id: &str) -> Self {
        Error::new(
            400,
            "InvalidSubscriptionId",
            format!("The provided subscription identifier '{id}' is malformed or invalid."),
        )
    }

    pub(crate) fn group_not_found(name: &str) -> Self {
        Error::new(
            404,
            "ResourceGroupNotFound",
            format!("Resource group '{name}' could not be found."),
        )
    }

    pub(crate) fn resource_not_found(kind: &str, name: &str, group: Option<&str>) -> Self {
        let place = group
            .map(|group| format!(" under resource group '{group}'"))
            .unwrap_or_default();
        Error::new(
            404,
            "ResourceNotFound",
            format!(
                "The Resource '{kind}/{name}'{place} was not found. For more details please go to \
                 https://aka.ms/ARMResourceNotFoundFix"
            ),
        )
    }

    pub(crate) fn method_not_allowed(method: &str) -> Self {
        Error::new(
            405,
            "MethodNotAllowed",
            format!("The request with method '{method}' is not allowed here."),
        )
    }

    /// The error as an object.
    pub(crate) fn body(&self) -> Value {
        let mut error = json!({"code": self.code, "message": self.message});
        if let Some(target) = &self.target {
            error["target"] = json!(target);
        }
        if !self.details.is_empty() {
            error["details"] = self.details.iter().map(Error::body).collect();
        }
        if let Some(Violation { path, line, column }) = self.violation.as_deref() {
            // Recorded in azure-mgmt-resource 16.0.0's tests, test_mgmt_resource.test_deployments_basic.yaml.
            let info = json!({"lineNumber": line, "linePosition": column, "path": path});
            error["additionalInfo"] = json!([{"type": "TemplateViolation", "info": info}]);
        }
        error
    }

    pub(crate) fn answer(&self) -> Response {
        let answer = Response::json(self.status, &json!({"error": self.body()})).with_header(
            "x-ms-failure-cause",
            if self.status.is_server_error() {
                "service"
            } else {
                "gateway"
            },
        );
        // As with hosts that are not emulated.
        match self.code {
            NOT_EMULATED => answer.with_header("x-az-local-error", NOT_EMULATED),
            _ => answer,
        }
    }
}

impl From<StateError> for Error {
    fn from(error: StateError) -> Self {
        match error {
            // No client takes it for something that passes, as it does with 500.
            StateError::Full => Error::new(507, "InsufficientStorage", error.to_string()),
            _ => Error::new(500, "InternalServerError", error.to_string()),
        }
    }
}
