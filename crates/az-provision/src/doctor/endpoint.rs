//! Whether Resource Manager can be reached, and whether this computer's clock agrees with it.

use super::{
    bound::{ANSWER, within},
    check::Check,
};
use az_core::{
    arm::versions,
    cli::{Failure, Session, Status},
    reach::{Reached, Unreached, reach},
};
use serde_json::json;

/// How far a clock may be off: tokens and signed assertions have limits of their own, and what checks them allows for
/// five minutes, as the libraries of Microsoft do by default
/// (<https://learn.microsoft.com/dotnet/api/microsoft.identitymodel.tokens.tokenvalidationparameters.defaultclockskew>).
const LARGEST_SKEW_S: i64 = 300;

/// The checks, and whether it answers at all.
pub(super) async fn check(session: &Session) -> (Vec<Check>, bool) {
    let mut url = session.cloud.resource_manager_endpoint();
    let shown = url.to_string();
    // Without a token it answers 401, which is all that is wanted.
    url.set_path("subscriptions");
    url.set_query(Some(&format!("api-version={}", versions::SUBSCRIPTIONS)));
    let transport = match session.transport() {
        Ok(transport) => transport,
        Err(failure) => {
            let checks = vec![
                Check::failure("certificates", failure)
                    .advice("Name a file with certificates in PEM in SSL_CERT_FILE, or unset it."),
                Check::skipped("clock", "there is nothing to compare it with"),
            ];
            return (checks, false);
        }
    };
    let asked = async { Ok(reach(&transport, url).await) };
    let found = within(ANSWER, asked).await;
    let (certificates, reached) = match found {
        Ok(Ok(reached)) => (trusted(session, &shown), Some(reached)),
        Ok(Err(unreached)) => (not_reached(&shown, &unreached), None),
        Err(failure) => (Check::failure("certificates", failure.doing(&shown)), None),
    };
    let clock = clock(reached);
    (vec![certificates, clock], reached.is_some())
}

fn trusted(session: &Session, url: &str) -> Check {
    let file = session.env.get("SSL_CERT_FILE");
    let roots = match file {
        Some(file) => format!("SSL_CERT_FILE {file}"),
        None => "the system's roots".to_owned(),
    };
    Check::ok("certificates", format!("{url} is trusted by {roots}"))
        .details(json!({"url": url, "sslCertFile": file}))
}

fn not_reached(url: &str, unreached: &Unreached) -> Check {
    let advice = match unreached {
        Unreached::Certificate(_) => {
            "A proxy that reads along has an authority of its own: name a file with its certificate and the system's in SSL_CERT_FILE."
        }
        Unreached::Network(_) => {
            "Check the network and the proxy variables (HTTPS_PROXY, NO_PROXY)."
        }
    };
    let failure = Failure::new(Status::Failed, unreached.to_string()).hint(advice);
    Check::failure("certificates", failure.doing(url))
}

fn clock(reached: Option<Reached>) -> Check {
    let Some(ahead) = reached.and_then(|reached| reached.ahead) else {
        return Check::skipped("clock", "there is nothing to compare it with");
    };
    let seconds = ahead.whole_seconds();
    let details = json!({"behindSeconds": seconds});
    let found = match seconds {
        0 => "it agrees with Azure's".to_owned(),
        1.. => format!("it is {seconds} s behind Azure's"),
        _ => format!("it is {} s ahead of Azure's", -seconds),
    };
    if seconds.abs() > LARGEST_SKEW_S {
        return Check::failed(
            "clock",
            Status::Failed,
            found,
            "Set it, or turn on its synchronisation: tokens count as expired, or as not valid yet.",
        )
        .details(details);
    }
    Check::ok("clock", found).details(details)
}
