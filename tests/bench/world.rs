//! A simulator, a token, a ledger, and commands that use them.

use std::{
    io::{Read, Write},
    net::TcpStream,
    path::PathBuf,
    process::{Command, Stdio},
};

use jiff::Timestamp;
use offboard_simulator::{Config, Simulator};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

pub(crate) struct World {
    simulator: Simulator,
    folder: TempDir,
    _runtime: Runtime,
}

/// A POST, as the simulator received it.
pub(crate) struct Post {
    pub(crate) arrived: Timestamp,
    pub(crate) status: Option<u64>,
}

impl World {
    pub(crate) fn new(config: Config) -> Self {
        let runtime = Runtime::new().unwrap();
        let simulator = runtime.block_on(Simulator::start(config)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut options = std::fs::OpenOptions::new();
        options.create(true).write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut token = options.open(folder.path().join("token")).unwrap();
        token.write_all(simulator.token().as_bytes()).unwrap();
        Self {
            simulator,
            folder,
            _runtime: runtime,
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a list of at most `most` machines: of all, or only of those that can be
    /// offboarded. Returns their number.
    pub(crate) fn list(&self, most: usize, is_able: bool) -> usize {
        let mut table = String::from("machineId,name,ticket\n");
        let machines = self.simulator.machines();
        let fit = machines.iter().filter(|truth| {
            let can = truth.supported && truth.machine.onboarding_status == "Onboarded";
            can || !is_able
        });
        let mut count = 0;
        for (number, truth) in (1..).zip(fit.take(most)) {
            let (id, name) = (&truth.machine.id, &truth.machine.computer_dns_name);
            table.push_str(&format!("{id},{name},INC-{number}\n"));
            count = number;
        }
        std::fs::write(self.path("list.csv"), table).unwrap();
        count
    }

    /// A command that uses the connection and the ledger, and no settings of the user.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_offboard"));
        command.env_clear().args(args);
        for name in ["PATH", "SYSTEMROOT", "TMPDIR"] {
            command.envs(std::env::var_os(name).map(|value| (name, value)));
        }
        command
            .env("XDG_CONFIG_HOME", self.path("nobody"))
            .env("OFFBOARD_API_ROOT", self.simulator.api_root())
            .env("OFFBOARD_TOKEN_FILE", self.path("token"))
            .env("OFFBOARD_LEDGER", self.path("ledger.db"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        command
    }

    /// All POSTs, in the order in which they arrived.
    pub(crate) fn posts(&self) -> Vec<Post> {
        let Value::Array(requests) = self.get("/_simulator/requests") else {
            panic!("no list of requests");
        };
        let posts = requests.iter().filter(|one| one["method"] == "POST");
        let mut posts: Vec<Post> = posts
            .map(|one| Post {
                arrived: one["time"].as_str().unwrap().parse().unwrap(),
                status: one["status"].as_u64(),
            })
            .collect();
        posts.sort_by_key(|post| post.arrived);
        posts
    }

    fn get(&self, path: &str) -> Value {
        let address = self.simulator.api_root().strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        serde_json::from_str(body).unwrap()
    }
}
