//! What knows nothing of the instance: messages, clock, secrets, folders, certificates, host names, the request log.

pub(crate) mod clock;
pub(crate) mod folder;
pub(crate) mod folder_error;
pub(crate) mod gate;
pub(crate) mod hosts;
pub(crate) mod password;
pub(crate) mod pkcs7;
pub(crate) mod private_files;
pub(crate) mod quota;
pub(crate) mod quoting;
mod redaction;
pub(crate) mod request_log;
pub(crate) mod roots;
pub(crate) mod secret;
pub(crate) mod self_signed;
pub(crate) mod shown;
pub mod stderr;
pub(crate) mod trust_store;
pub(crate) mod watched;
pub(crate) mod wildcard;
pub(crate) mod wire;
pub(crate) mod workers;
