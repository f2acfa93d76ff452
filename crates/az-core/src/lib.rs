//! What the tools share.
#![forbid(unsafe_code)]
