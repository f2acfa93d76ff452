//! A local Azure in the process that starts it.

use az_local::{Command, LocalAzure, Options};
use serde_json::Value;
use std::net::{Ipv4Addr, TcpStream};

fn port(azure: &LocalAzure) -> u16 {
    azure.control().expect("a control socket").port()
}

fn answers(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[test]
fn it_answers_until_it_is_dropped_and_takes_its_folder_along() {
    let azure = LocalAzure::start(&Options::default()).expect("a local Azure");
    let (port, folder) = (port(&azure), azure.folder().to_owned());
    assert!(answers(port));
    let proxy = azure.environment().get("HTTPS_PROXY").expect("a proxy");
    assert!(proxy.ends_with(&format!("@127.0.0.1:{port}")), "{proxy}");
    assert!(folder.join("ca.pem").is_file());
    drop(azure);
    assert!(!answers(port));
    assert!(!folder.exists());
}

#[test]
fn several_know_nothing_of_each_other() {
    let options = Options {
        subscriptions: 3,
        ..Options::default()
    };
    let (one, other) = (
        LocalAzure::start(&options).expect("a local Azure"),
        LocalAzure::start(&Options::default()).expect("another"),
    );
    assert_ne!(port(&one), port(&other));
    let subscriptions = |azure: &LocalAzure| {
        let control = azure.control().expect("a control socket");
        let status: Value = control.ask(Command::Status).expect("a status");
        status["tenants"][0]["subscriptions"]
            .as_array()
            .map_or(0, Vec::len)
    };
    assert_eq!((subscriptions(&one), subscriptions(&other)), (3, 1));
    let tenant = |azure: &LocalAzure| {
        azure
            .environment()
            .get("AZURE_TENANT_ID")
            .map(str::to_owned)
    };
    assert_ne!(tenant(&one), tenant(&other));
}

#[test]
fn one_in_a_folder_keeps_its_state() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = Options {
        persistent: true,
        ..Options::default()
    };
    let path = folder.path().join("azure");
    let start = || LocalAzure::start_in(&path, &options).expect("a local Azure");
    let first = start();
    let (before, kept) = (port(&first), first.environment().clone());
    drop(first);
    let second = start();
    assert_eq!(port(&second), before);
    assert_eq!(second.environment(), &kept);
    // The folder is one instance's at a time.
    assert!(LocalAzure::start_in(&path, &options).is_err());
}

#[test]
fn one_that_was_told_to_stop_is_dropped_without_waiting() {
    let azure = LocalAzure::start(&Options::default()).expect("a local Azure");
    let port = port(&azure);
    azure
        .control()
        .expect("a control socket")
        .stop()
        .expect("it stops");
    assert!(!answers(port));
    assert!(azure.control().is_err());
}
