//! Whole requests: what is refused leaves nothing, what goes goes once, what is held is held once.

mod azure;
mod data_disks;
mod deletion;
mod facts;
mod holding;
mod locks;
mod names;
mod refusal;
mod round_trip;
mod schemas;
mod secret_backup;
mod secret_deletion;
mod versions;
