//! Whose an instance's folder must be, and who may look into it.

use std::fs::{self, Permissions};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, lchown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// Somebody else (`nobody` on most systems).
const STRANGER: u32 = 65534;

const USAGE: Option<i32> = Some(2);

/// A folder that only the user of the tests gets into, for what a test makes.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Place(tempfile::tempdir().expect("a folder"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn folder(&self, name: &str, mode: u32) -> PathBuf {
        let path = self.path(name);
        fs::create_dir(&path).expect("a new folder");
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("a mode");
        path
    }

    /// `az-local`, by a shell with a umask. It notes its instances in this place, not in the user's.
    fn run(&self, umask: &str, arguments: &[&str]) -> Output {
        let program = env!("CARGO_BIN_EXE_az-local");
        let mut command = Command::new("sh");
        command
            .args(["-c", "umask $0; exec \"$@\"", umask, program])
            .args(arguments)
            .env_remove("AZ_LOCAL_DIR")
            .env("XDG_RUNTIME_DIR", self.path("runtime"))
            .env("TMPDIR", self.0.path())
            .stdin(Stdio::null());
        command.output().expect("az-local")
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn mode(path: &Path) -> u32 {
    let metadata = fs::symlink_metadata(path).expect("metadata");
    metadata.permissions().mode() & 0o777
}

/// Everything in a folder and below.
fn all_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder");
    let entries = entries.map(|entry| entry.expect("an entry").path());
    entries
        .flat_map(|path| {
            let below = if path.is_dir() { all_in(&path) } else { vec![] };
            [vec![path], below].concat()
        })
        .collect()
}

fn assert_private(folder: &Path) {
    assert_eq!(mode(folder), 0o700, "{}", folder.display());
    let all = all_in(folder);
    assert!(!all.is_empty());
    for path in all {
        assert_eq!(mode(&path) & 0o077, 0, "{}", path.display());
    }
}

/// Whether a folder can be given away, which only root can; says so where it cannot.
fn can_give_away(place: &Place) -> bool {
    let path = place.folder("given", 0o700);
    let can = lchown(&path, Some(STRANGER), None).is_ok();
    if !can {
        eprintln!("only root can give folders away: those of other users were not tested");
    }
    can
}

/// Every command that comes near a folder refuses it, and leaves it as it is.
fn assert_refused(place: &Place, folder: &Path, words: &[&str]) {
    let named = folder.to_str().expect("UTF-8");
    let seen = || {
        let there = fs::metadata(folder).map(|metadata| metadata.permissions().mode());
        let inside = fs::read_dir(folder).map(|entries| entries.count());
        (there.ok(), inside.ok())
    };
    let before = seen();
    for arguments in [
        ["start"].as_slice(),
        &["start", "--foreground"],
        &["run", "--", "echo", "ran"],
        &["status"],
        &["stop"],
    ] {
        let arguments = [["--data-dir", named].as_slice(), arguments].concat();
        let output = place.run("022", &arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), USAGE, "{arguments:?}: {said}");
        assert_eq!(text(&output.stdout), "", "{arguments:?}");
        assert_eq!(said.lines().count(), 1, "{said}");
        for word in words {
            assert!(said.contains(word), "{arguments:?}: {said}");
        }
        assert_eq!(seen(), before, "{arguments:?}");
    }
}

#[test]
fn whatever_the_umask_an_instances_folder_is_its_users_alone() {
    for umask in ["000", "022", "077"] {
        let place = Place::new();
        let script = "ls -ld \"$AZ_LOCAL_DIR\" | cut -c1-10; ls -lR \"$AZ_LOCAL_DIR\" | grep '^[-ds]' | cut -c5-10 | sort -u";
        let output = place.run(umask, &["run", "--", "sh", "-c", script]);
        let said = text(&output.stderr);
        assert_eq!(
            text(&output.stdout),
            "drwx------\n------\n",
            "{umask}: {said}"
        );

        // One that is named, one by default, and one whose path is too long for its socket.
        let long = "x".repeat(120);
        for named in [Some("azure"), None, Some(long.as_str())] {
            let path = place.path(named.unwrap_or("runtime/az-local"));
            let path_text = path.to_str().expect("UTF-8");
            let option = [format!("--data-dir={path_text}")];
            let option = if named.is_some() {
                option.as_slice()
            } else {
                &[]
            };
            let with = |command: &'static str| {
                let option = option.iter().map(String::as_str);
                option.chain([command]).collect::<Vec<_>>()
            };
            let started = place.run(umask, &with("start"));
            let said = text(&started.stderr);
            assert!(started.status.success(), "{umask}, {named:?}: {said}");
            assert_private(&path);
            let stopped = place.run(umask, &[&format!("--data-dir={path_text}"), "stop"]);
            assert!(stopped.status.success(), "{}", text(&stopped.stderr));
        }
    }
}

#[test]
fn an_own_folder_that_others_may_read_is_closed_to_them() {
    let place = Place::new();
    for there in [0o755, 0o750, 0o701, 0o500] {
        let path = place.folder(&format!("azure-{there:o}"), there);
        let named = path.to_str().expect("UTF-8");
        let output = place.run("022", &["run", "--data-dir", named, "--", "true"]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert_private(&path);
    }
}

#[test]
fn a_folder_that_others_may_write_is_refused() {
    let place = Place::new();
    for there in [0o777, 0o1777, 0o770, 0o720, 0o702] {
        let path = place.folder(&format!("azure-{there:o}"), there);
        let shown = format!("mode {there:04o}");
        assert_refused(
            &place,
            &path,
            &[path.to_str().expect("UTF-8"), &shown, "chmod 700"],
        );
    }
    // The user's own default folder is no exception.
    let runtime = place.folder("runtime", 0o700);
    let path = place.folder("runtime/az-local", 0o777);
    for arguments in [["start"].as_slice(), &["env"], &["stop"]] {
        let output = place.run("022", arguments);
        assert_eq!(output.status.code(), USAGE, "{}", text(&output.stderr));
    }
    assert_eq!(all_in(&runtime), [path]);
}

#[test]
fn a_folder_of_somebody_else_is_refused() {
    let place = Place::new();
    if !can_give_away(&place) {
        return;
    }
    for there in [0o700, 0o755, 0o777] {
        let path = place.folder(&format!("azure-{there:o}"), there);
        lchown(&path, Some(STRANGER), None).expect("given away");
        assert_refused(
            &place,
            &path,
            &[path.to_str().expect("UTF-8"), "another user", "65534"],
        );
    }
}

#[test]
fn a_folder_that_everybody_can_replace_is_refused() {
    let place = Place::new();
    let open = place.folder("open", 0o777);
    assert_refused(
        &place,
        &open.join("azure"),
        &[open.to_str().expect("UTF-8"), "sticky"],
    );
    assert_refused(&place, &open.join("more/azure"), &["sticky"]);
    fs::DirBuilder::new()
        .mode(0o700)
        .create(open.join("own"))
        .expect("a folder");
    assert_refused(&place, &open.join("own"), &["sticky"]);
    assert_refused(&place, &open.join("own/azure"), &["sticky"]);
    assert!(all_in(&open).len() == 1);
    // As /tmp is: nobody else can take away what is there.
    fs::set_permissions(&open, Permissions::from_mode(0o1777)).expect("a mode");
    let named = open.join("azure");
    let named = named.to_str().expect("UTF-8");
    let output = place.run("022", &["run", "--data-dir", named, "--", "true"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
}

#[test]
fn a_symbolic_link_to_a_folder_is_followed_when_its_own_users() {
    let place = Place::new();
    let folder = place.folder("azure", 0o755);
    let link = place.path("link");
    symlink(&folder, &link).expect("a link");
    let named = link.to_str().expect("UTF-8");
    let output = place.run("022", &["run", "--data-dir", named, "--", "true"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_private(&folder);

    let shared = place.folder("shared", 0o777);
    let to_shared = place.path("to-shared");
    symlink(&shared, &to_shared).expect("a link");
    assert_refused(&place, &to_shared, &["mode 0777"]);
    let behind = place.path("behind");
    symlink(&shared, &behind).expect("a link");
    assert_refused(&place, &behind.join("azure"), &["sticky"]);

    if can_give_away(&place) {
        lchown(&link, Some(STRANGER), None).expect("given away");
        assert_refused(&place, &link, &["another user"]);
        assert_refused(&place, &link.join("azure"), &["another user"]);
    }
}

/// The files that an instance makes in its folder by itself.
const OWN_FILES: [&str; 5] = ["lock", "state.db", "server.log", "ca.pem", "instance.json"];

#[test]
fn no_file_is_written_through_a_link_that_was_there() {
    let place = Place::new();
    let victim = place.path("victim");
    for (at, name) in OWN_FILES.iter().enumerate() {
        let path = place.folder(&format!("azure-{at}"), 0o700);
        fs::write(&victim, "kept").expect("a file");
        symlink(&victim, path.join(name)).expect("a link");
        // Drafts once had names that could be guessed.
        for draft in ["ca.new", "ca-bundle.new", "instance.new"] {
            symlink(&victim, path.join(draft)).expect("a link");
        }
        let named = path.to_str().expect("UTF-8");
        let output = place.run("022", &["start", "--data-dir", named]);
        let said = text(&output.stderr);
        match *name {
            // Written whole: the file takes the link's place.
            "ca.pem" | "instance.json" => {
                assert!(output.status.success(), "{said}");
                assert!(
                    !fs::symlink_metadata(path.join(name)).is_ok_and(|there| there.is_symlink())
                );
            }
            _ => {
                assert_eq!(output.status.code(), USAGE, "{name}: {said}");
                assert!(
                    said.contains(name) && said.contains("a symbolic link"),
                    "{said}"
                );
            }
        }
        place.run("022", &["stop", "--data-dir", named]);
        assert_eq!(
            fs::read_to_string(&victim).expect("a file"),
            "kept",
            "{name}"
        );
    }
}

#[test]
fn a_file_with_a_second_name_and_a_file_of_somebody_else_are_not_written_to() {
    let place = Place::new();
    let path = place.folder("azure", 0o700);
    let named = path.to_str().expect("UTF-8");
    let victim = place.path("victim");
    fs::write(&victim, "kept").expect("a file");
    fs::hard_link(&victim, path.join("server.log")).expect("a link");
    let output = place.run("022", &["start", "--data-dir", named]);
    assert_eq!(output.status.code(), USAGE, "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("hard link"));
    assert_eq!(fs::read_to_string(&victim).expect("a file"), "kept");
    if can_give_away(&place) {
        fs::remove_file(path.join("server.log")).expect("removed");
        fs::write(path.join("state.db"), "").expect("a file");
        lchown(path.join("state.db"), Some(STRANGER), None).expect("given away");
        let output = place.run("022", &["run", "--data-dir", named, "--", "true"]);
        assert_eq!(output.status.code(), USAGE, "{}", text(&output.stderr));
        assert!(text(&output.stderr).contains("another user's"));
    }
}

#[test]
fn the_request_log_is_its_users_alone_and_follows_no_link_of_a_stranger() {
    let place = Place::new();
    let (log, link) = (place.path("log"), place.path("link"));
    let (log_text, link_text) = (log.to_str().expect("UTF-8"), link.to_str().expect("UTF-8"));
    let with = |log: &str| place.run("000", &["run", "--request-log", log, "--", "true"]);
    assert!(with(log_text).status.success());
    assert_eq!(mode(&log), 0o600);
    // One's own link says what one means, as /dev/stderr does.
    symlink(&log, &link).expect("a link");
    for good in [link_text, "/dev/stderr", "/dev/null"] {
        let output = with(good);
        assert!(output.status.success(), "{good}: {}", text(&output.stderr));
    }
    if can_give_away(&place) {
        lchown(&link, Some(STRANGER), None).expect("given away");
        let output = with(link_text);
        assert_eq!(output.status.code(), USAGE, "{}", text(&output.stderr));
        assert!(text(&output.stderr).contains("a symbolic link"));
        lchown(&log, Some(STRANGER), None).expect("given away");
        assert_eq!(with(log_text).status.code(), USAGE);
    }
}

#[test]
fn what_an_earlier_process_had_begun_to_write_goes() {
    let place = Place::new();
    let path = place.folder("azure", 0o700);
    let named = path.to_str().expect("UTF-8");
    fs::write(path.join(".az-local-Ab12Cd.new"), "half").expect("a file");
    fs::write(path.join("mine.new"), "not its own").expect("a file");
    let output = place.run("022", &["run", "--data-dir", named, "--", "true"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let left: Vec<_> = all_in(&path);
    let drafts = left
        .iter()
        .filter(|one| one.extension().is_some_and(|end| end == "new"));
    assert_eq!(drafts.collect::<Vec<_>>(), [&path.join("mine.new")]);
}

#[test]
fn an_instance_that_starts_in_anothers_environment_leaves_its_authority_out() {
    let place = Place::new();
    let count = place.path("count.sh");
    fs::write(&count, "grep -c 'BEGIN CERTIFICATE' \"$SSL_CERT_FILE\"").expect("a script");
    let count = count.to_str().expect("UTF-8");
    let program = env!("CARGO_BIN_EXE_az-local");
    let plain = place.run("022", &["run", "--", "sh", count]);
    let inner = place.run("022", &["run", "--", program, "run", "--", "sh", count]);
    assert!(
        plain.status.success() && inner.status.success(),
        "{}",
        text(&inner.stderr)
    );
    assert_eq!(text(&inner.stdout), text(&plain.stdout));
}

#[test]
fn nothing_that_a_terminal_obeys_comes_from_a_name() {
    let place = Place::new();
    let path = place.path("a\u{1b}[2J\u{9b}31m\u{202e}b");
    let named = path.to_str().expect("UTF-8");
    let on = |arguments: &[&str]| place.run("022", &[&["--data-dir", named], arguments].concat());
    let outputs = [
        on(&["status"]),
        on(&["start"]),
        on(&["start"]),
        on(&["status"]),
        on(&["status", "-o", "json"]),
        on(&[
            "principal",
            "add",
            "user",
            "ada",
            "--display-name",
            "\u{1b}]0;owned\u{7}\u{9b}2J",
        ]),
        on(&["principal", "list"]),
        on(&["resources"]),
        on(&["stop"]),
    ];
    assert!(outputs[5].status.success() && text(&outputs[6].stdout).contains("\\u009b2J"));
    for output in outputs {
        for said in [text(&output.stdout), text(&output.stderr)] {
            let bad = |c: char| c != '\n' && c.is_control() || c == '\u{202e}';
            assert!(!said.contains(bad), "{said:?}");
        }
    }
    let log = fs::read_to_string(path.join("server.log")).unwrap_or_default();
    assert!(!log.contains('\u{1b}'), "{log:?}");
}
