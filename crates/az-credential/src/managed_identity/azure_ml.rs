//! Azure Machine Learning.
//!
//! The protocol is App Service's of 2017: `azure_ml.go` of MSAL for Go.

use crate::managed_identity_id::ManagedIdentityId;
use azure_core::http::{Method, Request, Url};
use zeroize::Zeroizing;

const VERSION: &str = "2017-09-01";

pub(super) struct AzureMl {
    pub(super) endpoint: Url,
    pub(super) secret: Zeroizing<String>,
    /// `DEFAULT_IDENTITY_CLIENT_ID`: the identity of the compute.
    pub(super) default_client_id: Option<String>,
}

impl AzureMl {
    pub(super) fn request(&self, resource: &str, id: &ManagedIdentityId) -> Request {
        let mut url = self.endpoint.clone();
        let mut query = url.query_pairs_mut();
        query
            .append_pair("api-version", VERSION)
            .append_pair("resource", resource);
        if let Some(id) = id.value().or(self.default_client_id.as_deref()) {
            query.append_pair("clientid", id);
        }
        drop(query);
        let mut request = Request::new(url, Method::Get);
        request.insert_header("secret", self.secret.as_str().to_owned());
        request
    }
}
