//! Which member in production.
//!
//! A chain is for a program that runs in several places. Where it is known who is there, one member is better: it says
//! what is wrong with it, it asks nobody else, and nobody signs in as someone else because a variable was set.
//!
//! | the program runs on | credential |
//! |---|---|
//! | a virtual machine, App Service, Functions, Container Apps, Azure ML, Service Fabric, a server with Azure Arc | [`ManagedIdentityCredential`](crate::ManagedIdentityCredential), with the client id where it is user-assigned |
//! | Azure Kubernetes Service with workload identity | [`MemberCredential`](crate::MemberCredential) with `CredentialName::WorkloadIdentity` |
//! | a machine in Azure, for an application of another tenant | [`FederatedIdentityCredential`](crate::FederatedIdentityCredential) over the managed identity |
//! | GitHub Actions and other CI with federated tokens | `CredentialName::WorkloadIdentity`, with the token in a file |
//! | anywhere else | `CredentialName::Environment`, better with a certificate than with a secret |
//!
//! Where the same program must stay as it is, `AZURE_TOKEN_CREDENTIALS=ManagedIdentityCredential` (or another one's name)
//! makes the chain one member long, without a probe for a metadata service before it, and
//! [`Options::require_token_credentials`](crate::Options::require_token_credentials) makes sure that somebody said so.
//! `AZURE_TOKEN_CREDENTIALS=prod` leaves the developers' tools out.
//!
//! Make one credential for the whole program and hand it to every client: tokens are kept in it, and a thousand requests at
//! once ask for one token.
