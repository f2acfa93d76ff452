//! Whether the work would go through, and what to do where it would not. Nothing is written.

mod asking;
mod bound;
mod check;
pub(crate) mod cli;
mod computer;
mod endpoint;
mod in_azure;
mod names;
mod permissions;
mod report;
mod sign_in;
mod subscription;

use az_core::cli::{Failure, Session};
use check::Check;
use cli::Doctor;

/// `doctor`: looks at everything, prints it, and fails as the work would.
pub(crate) async fn run(session: &Session, args: &Doctor) -> Result<(), Failure> {
    let shown = session.progress("Looking around");
    let mut checks = vec![cloud(session), computer::proxy(&session.env)];
    let (endpoint, sign_in) = futures::join!(endpoint::check(session), sign_in::check(session));
    let (certificates_and_clock, reached) = endpoint;
    checks.extend(certificates_and_clock);
    checks.extend(sign_in.checks);
    if reached && sign_in.done {
        checks.extend(in_azure::checks(session, args, sign_in.caller.as_ref()).await);
    } else {
        checks.push(Check::skipped(
            "subscription",
            "nothing can be asked before the above is mended",
        ));
    }
    checks.push(computer::openssh(&session.env));
    drop(shown);
    session.print_for_people(
        &report::data(&checks),
        &report::text(&checks),
        report::COLUMNS,
    )?;
    report::result(&checks)
}

fn cloud(session: &Session) -> Check {
    let cloud = &session.cloud;
    Check::ok(
        "cloud",
        format!("{}, {}", cloud.name(), cloud.resource_manager_endpoint()),
    )
}
