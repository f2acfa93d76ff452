//! App Service, Functions and Container Apps.
//!
//! <https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference>

use crate::managed_identity_id::ManagedIdentityId;
use azure_core::http::{Method, Request, Url};
use zeroize::Zeroizing;

const VERSION: &str = "2019-08-01";

pub(super) struct AppService {
    pub(super) endpoint: Url,
    pub(super) header: Zeroizing<String>,
}

impl AppService {
    pub(super) fn request(&self, resource: &str, id: &ManagedIdentityId) -> Request {
        let mut url = self.endpoint.clone();
        let mut query = url.query_pairs_mut();
        query
            .append_pair("api-version", VERSION)
            .append_pair("resource", resource);
        // The name of the resource id's parameter is its own here: `createAppServiceAuthRequest` of MSAL for Go.
        match id {
            ManagedIdentityId::SystemAssigned => &mut query,
            ManagedIdentityId::ClientId(id) => query.append_pair("client_id", id),
            ManagedIdentityId::ObjectId(id) => query.append_pair("object_id", id),
            ManagedIdentityId::ResourceId(id) => query.append_pair("mi_res_id", id),
        };
        drop(query);
        let mut request = Request::new(url, Method::Get);
        request.insert_header("x-identity-header", self.header.as_str().to_owned());
        request
    }
}
