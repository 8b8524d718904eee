//! A program that runs while the test continues.

use std::{
    io::Read,
    process::{Child, Command},
};

use crate::Outcome;

/// A running program. It ends with the test, also if the test fails.
pub struct Running {
    /// The process.
    pub child: Child,
    /// Its standard error so far.
    pub stderr: String,
}

impl Running {
    /// Starts a program whose output is piped.
    pub fn start(command: &mut Command) -> Self {
        Self {
            child: command.spawn().unwrap(),
            stderr: String::new(),
        }
    }

    /// Reads standard error until these words. Returns the rest of their line.
    pub fn read_until(&mut self, words: &str) -> String {
        let stderr = self.child.stderr.as_mut().unwrap();
        let mut byte = [0];
        loop {
            let rest = self.stderr.split_once(words).map(|(_, rest)| rest);
            if let Some((line, _)) = rest.and_then(|rest| rest.split_once('\n')) {
                return line.to_owned();
            }
            let count = stderr.read(&mut byte).unwrap();
            assert_eq!(count, 1, "{words:?} is not in: {}", self.stderr);
            self.stderr.push(byte[0].into());
        }
    }

    /// Waits for the end of the program.
    pub fn end(mut self) -> Outcome {
        let (mut stdout, mut stderr) = (String::new(), std::mem::take(&mut self.stderr));
        let out = self.child.stdout.as_mut().unwrap();
        out.read_to_string(&mut stdout).unwrap();
        let err = self.child.stderr.as_mut().unwrap();
        err.read_to_string(&mut stderr).unwrap();
        Outcome {
            code: self.child.wait().unwrap().code().unwrap_or(-1),
            stdout,
            stderr,
        }
    }

    /// Ends the program at once.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
