//! `cargo xtask litellm`: our client and a whole team against a server of models that is not ours.
//!
//! What we play ourselves in tests does what we believe of servers. LiteLLM's proxy is what many
//! people put before their models; it needs the package index, so this is no part of the gate.

use crate::Verb;
use crate::crash::{Scratch, target};
use crate::invoke::Line;
use anyhow::{Context, Result, bail, ensure};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// The version that this was last seen with.
const PACKAGE: &str = "litellm[proxy]==1.108.7";
const BUILD: &str = "cargo build --quiet --locked -p majordomo --example foreign --bin majordomo";

/// What the package index may take, what the server may take to come up, and what a run may take.
const INSTALL_MAX: Duration = Duration::from_secs(600);
const START_MAX: Duration = Duration::from_secs(180);
const RUN_MAX: Duration = Duration::from_secs(120);

/// The proxy wants one of 32 characters or more.
const KEY: &str = "sk-0123456789abcdef0123456789abcdef";
const MODEL: &str = "compatible/scripted";
const ANSWER: &str = "It is a test of a foreign server";

const TEAM: &str = r#"
name = "foreign"
output = { answers = "{{ think }}" }
[agents.thinker]
kind = "llm"
model = "compatible/scripted"
prompt = "You think."
serves = ["think"]
slots = 4
[steps.think]
ask = "think"
for_each = "args"
key = "index"
"#;

/// The verb.
pub(crate) const VERB: Verb = Verb {
    name: "litellm",
    about: "Ask a foreign server of models, LiteLLM's proxy, and run a team against it",
    help: "\
Usage: cargo xtask litellm

Installs LiteLLM's proxy from the package index into target/litellm (once; needs python3 and a
network), starts it on a free port of loopback with a model that answers always the same, and looks
whether our client lists, asks, streams, counts and is refused by it as it should; then runs a team
of three tasks with the program. Ends the server in any case. Its log: target/litellm/server.log.
",
    run: |_| run(),
};

fn run() -> Result<ExitCode> {
    let built = Line::new(BUILD).hand_over()?;
    if built != ExitCode::SUCCESS {
        return Ok(built);
    }
    let home = target()?.join("litellm");
    fs::create_dir_all(&home)?;
    let proxy = install(&home)?;
    let server = Server::start(&proxy, &home)?;
    println!("up after {:.0} s", server.took.as_secs_f64());
    let mut look = command(&target()?.join("debug/examples/foreign"), server.port);
    look.args([MODEL, ANSWER]);
    let is_understood = within(look.spawn()?, RUN_MAX)?.success();
    let is_run = team(server.port)?;
    println!("{} a team of three tasks runs", if is_run { "ok  " } else { "FAIL" });
    Ok(if is_understood && is_run { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The proxy's program, in an environment of its own.
fn install(home: &Path) -> Result<PathBuf> {
    let venv = home.join("venv");
    let proxy = venv.join("bin/litellm");
    if proxy.is_file() {
        return Ok(proxy);
    }
    println!("installing {PACKAGE}");
    let made = Command::new("python3").args(["-m", "venv"]).arg(&venv).spawn();
    let made = within(made.context("python3 cannot be started")?, INSTALL_MAX)?;
    ensure!(made.success(), "python3 makes no virtual environment: install its venv module");
    let mut pip = Command::new(venv.join("bin/pip"));
    pip.args(["install", "--quiet", "--disable-pip-version-check", PACKAGE]);
    let installed = within(pip.spawn()?, INSTALL_MAX)?;
    ensure!(installed.success(), "{PACKAGE} cannot be installed; is there a network?");
    Ok(proxy)
}

/// The proxy at work; it ends with this value.
struct Server {
    child: Child,
    port: u16,
    took: Duration,
}

impl Server {
    fn start(proxy: &Path, home: &Path) -> Result<Server> {
        let config = home.join("config.yaml");
        fs::write(
            &config,
            format!(
                "model_list:\n  - model_name: scripted\n    litellm_params:\n      model: \
                 openai/mock\n      api_key: x\n      mock_response: \"{ANSWER}\"\n\
                 general_settings:\n  master_key: {KEY}\n"
            ),
        )?;
        // Free a moment ago; whoever takes it meanwhile makes the start fail, and says so.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let log = File::create(home.join("server.log"))?;
        let mut command = Command::new(proxy);
        command.arg("--config").arg(&config).args(["--host", "127.0.0.1"]);
        command.args(["--port", &port.to_string()]).current_dir(home);
        command.env("LITELLM_LOCAL_MODEL_COST_MAP", "True").env("NO_PROXY", "127.0.0.1");
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = command.spawn().context("the proxy cannot be started")?;
        let mut server = Server { child, port, took: Duration::ZERO };
        let begun = Instant::now();
        while !is_up(port) {
            if let Some(status) = server.child.try_wait()? {
                bail!("the proxy ended ({status}): see {}", home.join("server.log").display());
            }
            ensure!(begun.elapsed() < START_MAX, "the proxy does not come up in {START_MAX:?}");
            pause();
        }
        server.took = begun.elapsed();
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill(); // It may have ended.
        let _ = self.child.wait();
    }
}

/// Whether it answers that it is alive.
fn is_up(port: u16) -> bool {
    let ask = || {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(
            b"GET /health/liveliness HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n",
        )?;
        let mut head = [0; 12];
        stream.read_exact(&mut head)?;
        std::io::Result::Ok(head)
    };
    ask().is_ok_and(|head| head.ends_with(b" 200"))
}

/// A program of ours that finds the proxy in its environment.
fn command(program: &Path, port: u16) -> Command {
    let mut command = Command::new(program);
    command.env("COMPATIBLE_BASE_URL", format!("http://127.0.0.1:{port}/v1"));
    command.env("COMPATIBLE_API_KEY", KEY).env("NO_PROXY", "127.0.0.1").stdin(Stdio::null());
    command
}

/// Whether a team of models does its work against the proxy, and is charged for it.
fn team(port: u16) -> Result<bool> {
    let scratch = Scratch::new(false)?;
    let file = scratch.path().join("foreign.toml");
    fs::write(&file, TEAM)?;
    let program = target()?.join("debug/majordomo");
    let data = scratch.path().join("data");
    let out = scratch.path().join("run.out");
    let mut run = command(&program, port);
    run.arg("--data").arg(&data).args(["--json", "run"]).arg(&file).args(["a", "b", "c"]);
    let ended = within(run.stdout(File::create(&out)?).spawn()?, RUN_MAX)?;
    let said = fs::read_to_string(&out)?;
    let answers = said.matches(ANSWER).count();
    let cost =
        command(&program, port).arg("--data").arg(&data).args(["cost", "--json"]).output()?;
    let cost: serde_json::Value = serde_json::from_slice(&cost.stdout)?;
    let tokens = cost["total"]["tokens"].as_u64().unwrap_or(0);
    if !ended.success() || answers != 3 || tokens == 0 {
        println!("     {ended}, {answers} answers, {tokens} tokens: {said}");
        return Ok(false);
    }
    Ok(true)
}

/// Waits for its end, and ends it when that takes too long.
fn within(mut child: Child, limit: Duration) -> Result<ExitStatus> {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if begun.elapsed() > limit {
            let _ = child.kill(); // It may have ended by itself meanwhile.
            let _ = child.wait();
            bail!("it takes longer than {limit:?}");
        }
        pause();
    }
}

#[allow(clippy::disallowed_methods)] // Another program is waited for; its time cannot be driven.
fn pause() {
    std::thread::sleep(Duration::from_millis(50));
}
