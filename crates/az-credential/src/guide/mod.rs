//! Short guides: for who comes from another of Azure's SDKs, and for who decides which credential to use.
//!
//! They hold no code.

pub mod from_dotnet;
pub mod from_go;
pub mod from_python;
pub mod in_production;
pub mod while_testing;
