//! A program as Lambda runs it.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Context, Result, bail};
use jiff::SignedDuration;
use local_aws::{
    iam,
    organization::{self, ADMINISTRATOR, CONTROLLER_ROLE, COSTS_ROLE, SWEEPER_ROLE},
    runtime_api::{Answer, RuntimeApi},
};
use tokio::process::{Child, Command};

use crate::{
    clock::AheadFile,
    programs::{Programs, Subject},
    template::Template,
    world::HOME,
};

/// The policy of the repository.
pub const POLICY: &str = include_str!("../../../policies/self-service.json");
/// A program that does not answer within this long is given up; a peer that lists buckets one by
/// one takes minutes.
const PATIENCE: Duration = Duration::from_secs(900);

/// A process that asks its Runtime API for work. It is killed when it is dropped.
#[derive(Debug)]
pub struct Function {
    api: RuntimeApi,
    child: Child,
    log: PathBuf,
    started: Instant,
}

/// The functions of the controller. The peers are one function each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Reads events and writes.
    Controller,
    /// Reads everything from time to time.
    Sweeper,
    /// Keeps what accounts have cost, day by day.
    Costs,
}

/// How a program is started.
#[derive(Debug, Clone, Copy)]
pub struct Start<'a> {
    /// Which one.
    pub subject: Subject,
    /// What it is deployed as.
    pub role: Role,
    /// The local AWS.
    pub endpoint: &'a str,
    /// The governed Regions.
    pub regions: &'a [&'a str],
    /// The clock that it goes by, if not the machine's.
    pub clock: Option<&'a AheadFile>,
}

impl Function {
    /// Starts a program, and waits until it asks for work.
    pub async fn start(programs: &Programs, start: Start<'_>) -> Result<Self> {
        let arn = format!("arn:aws:lambda:{HOME}:{ADMINISTRATOR}:function:{CONTROLLER_ROLE}");
        let api = RuntimeApi::start(&arn).await?;
        let log = programs
            .scratch
            .join(format!("{:?}-{:?}.log", start.subject, start.role));
        let mut command = command(programs, start.subject)?;
        environment(&mut command, start)?;
        // In worlds that set no pace the function must not keep AWS's.
        if start.clock.is_none() {
            command.env("MACIECTL_JOB_INTERVAL", "PT0S");
        }
        if let Some(clock) = start.clock {
            command.env("LD_PRELOAD", &programs.clock);
            command.env("CLOCK_AHEAD", clock.path());
        }
        let output = File::create(&log)?;
        command
            .env("AWS_LAMBDA_RUNTIME_API", api.address().to_string())
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .kill_on_drop(true);
        let started = Instant::now();
        let child = command.spawn().context("the program does not start")?;
        let function = Self {
            api,
            child,
            log,
            started,
        };
        function.cold_start().await?;
        Ok(function)
    }

    /// From the start of the process to its first request for work.
    pub async fn cold_start(&self) -> Result<Duration> {
        let asked = tokio::time::timeout(Duration::from_secs(60), self.api.asked());
        match asked.await {
            Ok(Some(at)) => Ok(at.duration_since(self.started)),
            _ => bail!("the program does not ask for work: {}", tail(&self.log)),
        }
    }

    /// Hands a payload over and waits for the answer. The deadline goes by the program's clock.
    pub async fn invoke(&self, payload: String, ahead: SignedDuration) -> Result<Answer> {
        let ahead = Duration::try_from(ahead).unwrap_or_default();
        let deadline = SystemTime::now() + ahead + Duration::from_secs(Template::read()?.timeout);
        let answered = tokio::time::timeout(PATIENCE, self.api.invoke(payload, deadline));
        match answered.await {
            Ok(Ok(answer)) => Ok(answer),
            _ => bail!("the program does not answer: {}", tail(&self.log)),
        }
    }

    /// The largest resident memory so far, in MiB.
    pub fn peak_memory(&self) -> Result<f64> {
        let id = self.child.id().context("the program has ended")?;
        let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.split_whitespace().next());
        let kib: f64 = kib.context("no VmHWM")?.parse()?;
        Ok(kib / 1024.0)
    }

    /// Processor time so far, of user and system together.
    pub fn processor_time(&self) -> Result<Duration> {
        let id = self.child.id().context("the program has ended")?;
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat"))?;
        // The second field, the name, may have spaces; it ends with the last parenthesis.
        let rest = stat.rsplit_once(')').context("no stat")?.1;
        let ticks = rest.split_whitespace().skip(11).take(2);
        let ticks: u64 = ticks.filter_map(|field| field.parse::<u64>().ok()).sum();
        // USER_HZ is 100 on Linux.
        Ok(Duration::from_millis(ticks * 10))
    }
}

fn command(programs: &Programs, subject: Subject) -> Result<Command> {
    let python = |module: &str| {
        let mut command = Command::new(&programs.python);
        command.args(["-m", "awslambdaric", module]);
        command
    };
    let mut command = match subject {
        Subject::Controller => Command::new(&programs.controller),
        Subject::Recipe => python("recipe.handler"),
        Subject::Improved => python("improved.handler"),
    };
    command.env_clear().current_dir(&programs.peers);
    // Lambda's images have the compiled files of Python already.
    command.env("PYTHONPYCACHEPREFIX", programs.scratch.join("pycache"));
    Ok(command)
}

fn environment(command: &mut Command, start: Start<'_>) -> Result<()> {
    let Start {
        endpoint, regions, ..
    } = start;
    let mut policy: serde_json::Value = serde_json::from_str(POLICY)?;
    if let Some(governed) = policy.get_mut("regions") {
        *governed = serde_json::json!(regions);
    }
    let queue = |name: &str| format!("{endpoint}/{ADMINISTRATOR}/{name}");
    let role = match start.role {
        Role::Controller => CONTROLLER_ROLE,
        Role::Sweeper => SWEEPER_ROLE,
        Role::Costs => COSTS_ROLE,
    };
    match start.role {
        Role::Controller => command.env("MACIECTL_EVENT_BUS", organization::BUS),
        Role::Sweeper => command.env("MACIECTL_SWEEP_QUEUE_URL", queue(organization::SWEEP_QUEUE)),
        Role::Costs => command
            .env("MACIECTL_EVENT_BUS", organization::BUS)
            .env(
                "MACIECTL_RESULTS_BUCKET",
                organization::results_bucket(HOME),
            )
            .env("MACIECTL_RESULTS_KEY", organization::results_key(HOME)),
    };
    let memory = Template::read()?.memory.to_string();
    command
        .env("AWS_LAMBDA_FUNCTION_NAME", "function")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", memory)
        .env("AWS_LAMBDA_LOG_GROUP_NAME", "group")
        .env("AWS_LAMBDA_LOG_STREAM_NAME", "stream")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_ENDPOINT_URL", endpoint)
        .env("AWS_REGION", HOME)
        .env("AWS_DEFAULT_REGION", HOME)
        .env("AWS_ACCESS_KEY_ID", iam::role_key(ADMINISTRATOR, role))
        .env("AWS_SECRET_ACCESS_KEY", iam::SECRET)
        .env("MACIECTL_POLICY", policy.to_string())
        .env("MACIECTL_QUEUE_URL", queue(organization::QUEUE))
        .env("REGIONS", regions.join(","));
    Ok(())
}

/// The end of a log.
fn tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().rev().take(12).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("\n")
}
