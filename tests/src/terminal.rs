//! A terminal of the test's own, with a program on it.

use pty_process::{Size, blocking};
use std::{
    ffi::OsStr,
    io::{Read, Write},
    process::{Child, Command},
    sync::{
        Arc,
        mpsc::{Receiver, channel},
    },
    time::Duration,
};

/// A program on a terminal.
pub struct Terminal {
    pty: Arc<blocking::Pty>,
    pub child: Child,
    output: Receiver<Vec<u8>>,
    /// What it has shown and nobody has waited for.
    seen: String,
}

impl Terminal {
    /// Starts a command, as it is with its arguments, its variables and no others, and its folder, on a terminal of so many
    /// rows and columns.
    pub fn open(command: &Command, (rows, columns): (u16, u16)) -> Self {
        let (pty, pts) = blocking::open().expect("a terminal");
        pty.resize(Size::new(rows, columns)).expect("a size");
        let mut on_it = blocking::Command::new(command.get_program())
            .args(command.get_args())
            .env_clear();
        for (name, value) in command.get_envs() {
            on_it = on_it.env(name, value.unwrap_or(OsStr::new("")));
        }
        if let Some(folder) = command.get_current_dir() {
            on_it = on_it.current_dir(folder);
        }
        let child = on_it.spawn(pts).expect("it starts");
        let pty = Arc::new(pty);
        let reading = Arc::clone(&pty);
        let (sender, output) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(read) = (&*reading).read(&mut buffer) {
                if read == 0 || sender.send(buffer[..read].to_vec()).is_err() {
                    return;
                }
            }
        });
        Terminal {
            pty,
            child,
            output,
            seen: String::new(),
        }
    }

    pub fn resize(&self, rows: u16, columns: u16) {
        self.pty.resize(Size::new(rows, columns)).expect("a size");
    }

    pub fn type_in(&self, keys: &str) {
        (&*self.pty).write_all(keys.as_bytes()).expect("typed");
    }

    /// Waits until it has shown this, and forgets what it showed before.
    pub fn expect(&mut self, wanted: &str) {
        loop {
            if let Some(at) = self.seen.find(wanted) {
                self.seen.drain(..at + wanted.len());
                return;
            }
            let more = self.output.recv_timeout(Duration::from_secs(60));
            let more = more.unwrap_or_else(|_| panic!("'{wanted}' is not in '{}'", self.seen));
            self.seen.push_str(&String::from_utf8_lossy(&more));
        }
    }

    /// Its exit status, and what it has shown and nobody has waited for.
    pub fn end(mut self) -> (Option<i32>, String) {
        let status = self.child.wait().expect("an end").code();
        while let Ok(more) = self.output.recv_timeout(Duration::from_secs(5)) {
            self.seen.push_str(&String::from_utf8_lossy(&more));
        }
        (status, self.seen)
    }
}
