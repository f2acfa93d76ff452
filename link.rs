//! The build script of the six tools: what the linker can leave out of a released one.
//!
//! The tools end at a panic and unwind nothing (crates/az-core/src/cli/fault.rs), but Rust writes the tables for it on this platform
//! whatever the profile says: an eighth of each tool. And equal functions whose address nobody takes are kept once.
//!
//! Which of it a linker can do is tried, with a program of one line, which must run: no more is assumed of it. Where nothing can be
//! done the tools are larger, and do the same.

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

fn main() {
    println!("cargo::rerun-if-changed=../../link.rs");
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|found| found == value);
    if !is("PROFILE", "release") || !is("CARGO_CFG_TARGET_OS", "linux") {
        return;
    }
    let Some(folder) = env::var_os("OUT_DIR").map(PathBuf::from) else {
        return;
    };
    let tables = folder.join("tables.ld");
    let discard = "SECTIONS { /DISCARD/ : { *(.eh_frame .eh_frame.* .gcc_except_table .gcc_except_table.*) } }\n\
                   INSERT AFTER .text;\n";
    if fs::write(&tables, discard).is_err() {
        return;
    }
    for argument in [
        format!("-Wl,-T,{}", tables.display()),
        "-Wl,--icf=safe".to_owned(),
    ] {
        if links(&folder, &argument) {
            println!("cargo::rustc-link-arg-bins={argument}");
        }
    }
}

/// Whether a program can be linked so, and runs where this computer can run it.
fn links(folder: &Path, argument: &str) -> bool {
    let source = folder.join("tried.rs");
    let tried = folder.join("tried");
    if fs::write(
        &source,
        "fn main() { println!(\"{}\", std::env::args().count()); }",
    )
    .is_err()
    {
        return false;
    }
    let target = env::var("TARGET").unwrap_or_default();
    let mut rustc = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc
        .args([
            "-C",
            "panic=abort",
            "-C",
            "strip=symbols",
            "--edition",
            "2024",
            "--target",
            &target,
        ])
        .arg("-C")
        .arg(format!("link-arg={argument}"))
        .arg("-o")
        .args([&tried, &source]);
    if let Some(linker) = env::var_os("RUSTC_LINKER") {
        let mut option = OsString::from("linker=");
        option.push(linker);
        rustc.arg("-C").arg(option);
    }
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    rustc.args(flags.split('\u{1f}').filter(|flag| !flag.is_empty()));
    let Ok(linked) = rustc.output() else {
        return false;
    };
    if !linked.status.success() || !linked.stderr.is_empty() {
        return false;
    }
    let runs_here = env::var("HOST").is_ok_and(|host| host == target);
    !runs_here
        || Command::new(&tried)
            .output()
            .is_ok_and(|ran| ran.stdout == b"1\n")
}
