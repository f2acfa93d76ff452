//! A service with a limit of its own, which pacers do not see but in its answers, in a time that the tests move.

use super::*;
use azure_core::http::headers::HeaderName;
use futures::{StreamExt, stream};
use std::cell::RefCell;

const LONG: Duration = Duration::from_secs(3600);

/// A bucket of Resource Manager's.
struct Bucket {
    tokens: f64,
    capacity: f64,
    per_second: f64,
    at: Instant,
    says_what_is_left: bool,
    retry_after: Option<Duration>,
    taken: Vec<Instant>,
    refused: usize,
}

impl Bucket {
    fn new(capacity: f64, per_second: f64) -> RefCell<Self> {
        RefCell::new(Bucket {
            tokens: capacity,
            capacity,
            per_second,
            at: Instant::now(),
            says_what_is_left: true,
            retry_after: Some(Duration::from_secs(10)),
            taken: vec![],
            refused: 0,
        })
    }

    fn of_a_vault() -> RefCell<Self> {
        let vault = Bucket::new(300.0, 30.0);
        vault.borrow_mut().says_what_is_left = false;
        vault.borrow_mut().retry_after = None;
        vault
    }

    /// How many it has left, if it takes the request.
    fn ask(&mut self) -> Option<f64> {
        let now = Instant::now();
        let passed = (now - self.at).as_secs_f64();
        self.at = now;
        self.tokens = (self.tokens + passed * self.per_second).min(self.capacity);
        if self.tokens < 1.0 {
            self.refused += 1;
            return None;
        }
        self.tokens -= 1.0;
        self.taken.push(now);
        Some(self.tokens.floor())
    }
}

fn answer(status: StatusCode, headers: &[(&'static str, String)]) -> AsyncRawResponse {
    let mut all = Headers::new();
    for (name, value) in headers {
        all.insert(HeaderName::from_static(name), value.clone());
    }
    AsyncRawResponse::from_bytes(status, all, Bytes::new())
}

/// One request until it is taken, on a way that takes so long there and back.
async fn send(pacer: &Pacer, service: Service, bucket: &RefCell<Bucket>, way: Duration) {
    let url: Url = match service {
        Service::KeyVault => "https://kv.vault.azure.net/secrets/x",
        _ => "https://management.azure.com/subscriptions/s/x",
    }
    .parse()
    .expect("a URL");
    let budget = Budget::new(LONG);
    loop {
        let turn = pacer.turn(service, Method::Put, &url, &budget).await;
        let turn = turn.unwrap_or_else(|_| panic!("there is time"));
        tokio::time::sleep(way / 2).await;
        let left = bucket.borrow_mut().ask();
        tokio::time::sleep(way / 2).await;
        match left {
            Some(left) => {
                let name = "x-ms-ratelimit-remaining-subscription-writes";
                let says = bucket.borrow().says_what_is_left;
                let headers = [(name, left.to_string())];
                let headers = if says { &headers[..] } else { &[] };
                turn.answered(answer(StatusCode::Ok, headers).headers());
                return;
            }
            None => {
                let asked = bucket.borrow().retry_after;
                turn.refused(answer(StatusCode::TooManyRequests, &[]), asked);
            }
        }
    }
}

/// So many requests, so many at a time; gives how long they took.
async fn many(
    pacer: &Pacer,
    service: Service,
    bucket: &RefCell<Bucket>,
    (count, jobs): (usize, usize),
    way: Duration,
) -> Duration {
    let began = Instant::now();
    stream::iter(0..count)
        .map(|_| send(pacer, service, bucket, way))
        .buffered(jobs)
        .collect::<Vec<_>>()
        .await;
    began.elapsed()
}

const WAY: Duration = Duration::from_millis(80);

#[tokio::test(start_paused = true)]
async fn one_request_waits_for_nothing() {
    let (pacer, arm) = (Pacer::default(), Bucket::new(200.0, 10.0));
    let took = many(&pacer, Service::ResourceManager, &arm, (1, 1), WAY).await;
    assert_eq!(took, WAY);
}

#[tokio::test(start_paused = true)]
async fn resource_manager_is_asked_as_fast_as_it_takes_and_never_refuses() {
    for (jobs, way) in [(8, WAY), (32, WAY), (64, WAY * 20)] {
        let (pacer, arm) = (Pacer::default(), Bucket::new(200.0, 10.0));
        let took = many(&pacer, Service::ResourceManager, &arm, (2000, jobs), way).await;
        let best = Duration::from_secs(180) + way;
        let reached = best.as_secs_f64() / took.as_secs_f64();
        assert!(reached > 0.95, "{jobs} jobs: {took:?}");
        assert_eq!(arm.borrow().refused, 0, "{jobs} jobs");
    }
}

#[tokio::test(start_paused = true)]
async fn processes_that_share_a_limit_find_a_rate_for_all_of_them() {
    let arm = &Bucket::new(200.0, 10.0);
    let began = Instant::now();
    let processes = (0..3).map(|_| async move {
        many(
            &Pacer::default(),
            Service::ResourceManager,
            arm,
            (600, 16),
            WAY,
        )
        .await
    });
    let took: Vec<Duration> = futures::future::join_all(processes).await;
    let reached = (1800.0 - 200.0) / 10.0 / began.elapsed().as_secs_f64();
    assert!(reached > 0.95, "{reached} {took:?}");
    assert!(arm.borrow().refused <= 18, "{}", arm.borrow().refused);
}

#[tokio::test(start_paused = true)]
async fn who_comes_later_sees_first_what_is_left() {
    let arm = &Bucket::new(200.0, 10.0);
    // A pipe: one process has done its work when the other begins.
    for _ in 0..2 {
        many(
            &Pacer::default(),
            Service::ResourceManager,
            arm,
            (400, 32),
            WAY,
        )
        .await;
        assert_eq!(arm.borrow().refused, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_vault_is_asked_as_fast_as_it_takes_whatever_way_it_counts() {
    let (pacer, vault) = (Pacer::default(), Bucket::of_a_vault());
    let took = many(&pacer, Service::KeyVault, &vault, (3000, 32), WAY).await;
    let reached = 90.0 / took.as_secs_f64();
    assert!(reached > 0.95, "{took:?}");
    let vault = vault.borrow();
    assert_eq!(vault.refused, 0);
    // No ten seconds have more than 300, wherever they begin.
    for (number, time) in vault.taken.iter().enumerate() {
        let rest = &vault.taken[number..];
        let within = rest.partition_point(|one| *one < *time + Duration::from_secs(10));
        assert!(within <= 300, "{within}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_holds_back_all_until_the_service_takes_requests_again() {
    let (pacer, arm) = (Pacer::default(), Bucket::new(200.0, 10.0));
    // Others have used it all.
    arm.borrow_mut().tokens = 0.0;
    let began = Instant::now();
    many(&pacer, Service::ResourceManager, &arm, (100, 8), WAY).await;
    let arm = arm.borrow();
    // Those that were under way.
    assert_eq!(arm.refused, 4);
    let first = arm.taken[0] - began;
    assert!(first >= Duration::from_secs(10), "{first:?}");
    // One finds out first.
    assert!(arm.taken[1] - arm.taken[0] >= WAY);
}

#[tokio::test(start_paused = true)]
async fn who_shares_a_vault_with_others_is_refused_little_and_comes_back_to_speed() {
    let (pacer, vault) = (Pacer::default(), Bucket::of_a_vault());
    vault.borrow_mut().tokens = 0.0;
    vault.borrow_mut().per_second = 10.0;
    many(&pacer, Service::KeyVault, &vault, (300, 16), WAY).await;
    let before = vault.borrow().refused;
    assert!(before < 100, "{before}");
    vault.borrow_mut().per_second = 30.0;
    vault.borrow_mut().tokens = 300.0;
    tokio::time::sleep(Duration::from_secs(30)).await;
    let took = many(&pacer, Service::KeyVault, &vault, (900, 16), WAY).await;
    assert!(took < Duration::from_secs(30), "{took:?}");
    assert_eq!(vault.borrow().refused, before);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_counted_is_not_paced() {
    let (pacer, arm) = (Pacer::default(), Bucket::new(1e6, 1.0));
    arm.borrow_mut().says_what_is_left = false;
    let took = many(&pacer, Service::ResourceManager, &arm, (1000, 10), WAY).await;
    // A few go first.
    assert!(took <= WAY * 102, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn unpaced_goes_by_refusals_alone() {
    let (pacer, vault) = (Pacer::default(), Bucket::new(1e6, 1.0));
    vault.borrow_mut().says_what_is_left = false;
    pacer.without_limits();
    let took = many(&pacer, Service::KeyVault, &vault, (1000, 10), WAY).await;
    // The first goes by itself.
    assert!(took <= WAY * 101, "{took:?}");
    vault.borrow_mut().tokens = 0.0;
    many(&pacer, Service::KeyVault, &vault, (20, 10), WAY).await;
    assert!(vault.borrow().refused >= 10);
}

#[tokio::test(start_paused = true)]
async fn who_cannot_wait_so_long_hears_what_the_service_said() {
    let pacer = Pacer::default();
    let url: Url = "https://graph.microsoft.com/v1.0/x".parse().expect("a URL");
    let budget = Budget::new(Duration::from_secs(60));
    let turn = pacer.turn(Service::Other, Method::Get, &url, &budget).await;
    let Ok(turn) = turn else { panic!("a turn") };
    let said = answer(
        StatusCode::TooManyRequests,
        &[("retry-after", "3600".to_owned())],
    );
    turn.refused(said, Some(LONG));
    let Err(Held(answer)) = pacer.turn(Service::Other, Method::Get, &url, &budget).await else {
        panic!("it waits");
    };
    assert_eq!(answer.status(), StatusCode::TooManyRequests);
    let retry_after = HeaderName::from_static("retry-after");
    assert_eq!(
        answer.headers().get_optional_str(&retry_after),
        Some("3600")
    );
    // Another vault, another kind: it waits for nobody.
    let other: Url = "https://graph.microsoft.us/".parse().expect("a URL");
    assert!(
        pacer
            .turn(Service::Other, Method::Get, &other, &budget)
            .await
            .is_ok()
    );
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_given_up_stands_in_nobody_s_way() {
    let (pacer, arm) = (Pacer::default(), Bucket::new(200.0, 10.0));
    arm.borrow_mut().tokens = 0.0;
    let ask = |count| many(&pacer, Service::ResourceManager, &arm, (count, 4), WAY);
    // In the queue, on its way, and as the one that finds out.
    for time in [40, 100, 10_500, 13_000] {
        let _ = tokio::time::timeout(Duration::from_millis(time), ask(50)).await;
    }
    ask(50).await;
}

#[tokio::test(start_paused = true)]
async fn of_a_vault_the_first_one_learns_to_sign_in_whatever_becomes_of_it() {
    for is_answered in [true, false] {
        let pacer = Pacer::default();
        let url: Url = "https://kv.vault.azure.net/secrets/x"
            .parse()
            .expect("a URL");
        let budget = Budget::new(LONG);
        let ask = || pacer.turn(Service::KeyVault, Method::Put, &url, &budget);
        let Ok(first) = ask().await else {
            panic!("a turn")
        };
        let second = tokio::time::timeout(Duration::from_secs(5), ask());
        assert!(second.await.is_err());
        if is_answered {
            first.answered(&Headers::new());
        }
        drop(first);
        let (Ok(_second), Ok(_third)) = (ask().await, ask().await) else {
            panic!("turns")
        };
    }
}
