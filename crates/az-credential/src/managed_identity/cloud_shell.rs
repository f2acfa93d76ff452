//! Cloud Shell: the user's own identity.
//!
//! <https://learn.microsoft.com/azure/cloud-shell/msi-authorization>

use azure_core::http::{
    Method, Request, Url,
    headers::{CONTENT_TYPE, content_type::APPLICATION_X_WWW_FORM_URLENCODED},
};

pub(super) fn request(endpoint: &Url, resource: &str) -> Request {
    let mut request = Request::new(endpoint.clone(), Method::Post);
    request.insert_header("metadata", "true");
    request.insert_header(CONTENT_TYPE, APPLICATION_X_WWW_FORM_URLENCODED);
    // An address's query is written as a form is.
    let mut form = endpoint.clone();
    form.query_pairs_mut()
        .clear()
        .append_pair("resource", resource);
    request.set_body(form.query().unwrap_or_default().to_owned());
    request
}
