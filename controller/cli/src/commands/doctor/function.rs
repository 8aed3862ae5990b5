//! The functions that work off a queue: the controller's, and the sweep's.

use aws_sdk_lambda::{
    Client,
    operation::get_function_configuration::GetFunctionConfigurationOutput,
    types::{AccountLimit, EnvironmentResponse},
};
use controller::aws::trouble;
use controller_core::observed::{ErrorClass, Trouble};

use super::{
    Line, REPAIR, Site, UPGRADE, VERSION, concurrency,
    line::check,
    transport::{self, Transport},
};

/// The controller's function.
pub const CONTROLLER: &str = "macie-self-service-controller";
/// The sweep's function.
pub const SWEEPER: &str = "macie-self-service-sweeper";
/// A message should stay hidden for six times the function's time (Lambda Developer Guide,
/// services-sqs-configure).
const TIMES: i32 = 6;

/// Variables and what their values end with, as the template sets them.
type Variables = &'static [(&'static str, &'static str)];

/// What both functions need.
const COMMON: Variables = &[
    ("MACIECTL_POLICY", "ssm:/macie-self-service/policy"),
    ("MACIECTL_MEMBER_ROLE", "macie-self-service-member"),
    ("MACIECTL_QUEUE_URL", "/macie-self-service"),
];

/// A function that works off a queue.
#[derive(Debug, Clone, Copy)]
pub struct Worker {
    /// The function's name.
    pub name: &'static str,
    /// The queue's name.
    queue: &'static str,
    /// What it needs besides what both do.
    own: Variables,
}

const WORKERS: [Worker; 2] = [
    Worker {
        name: CONTROLLER,
        queue: transport::NAME,
        own: &[("MACIECTL_EVENT_BUS", "macie-self-service")],
    },
    Worker {
        name: SWEEPER,
        queue: transport::SWEEP_QUEUE,
        own: &[("MACIECTL_SWEEP_QUEUE_URL", "/macie-self-service-sweep")],
    },
];

/// A function; each part by itself may not have been read.
pub struct Function {
    /// Which.
    pub worker: Worker,
    /// How many executions it has reserved.
    pub reserved: Result<Option<i32>, Trouble>,
    settings: Result<GetFunctionConfigurationOutput, Trouble>,
}

/// What was read.
pub struct Functions {
    /// Both functions.
    pub functions: [Function; 2],
    /// How many executions the account may have.
    pub limits: Result<Option<AccountLimit>, Trouble>,
}

pub async fn read(site: &Site<'_>) -> Functions {
    let lambda = Client::new(&site.aws.in_region(&site.policy.home_region));
    let [controller, sweeper] = WORKERS.map(|worker| read_one(&lambda, worker));
    let account = lambda.get_account_settings();
    let (controller, sweeper, limits) = futures::join!(controller, sweeper, account.send());
    Functions {
        functions: [controller, sweeper],
        limits: limits
            .map(|reply| reply.account_limit)
            .map_err(|error| trouble("lambda:GetAccountSettings", &error)),
    }
}

async fn read_one(lambda: &Client, worker: Worker) -> Function {
    let settings = lambda
        .get_function_configuration()
        .function_name(worker.name);
    let (settings, reserved) = futures::join!(settings.send(), reserved(lambda, worker.name));
    Function {
        worker,
        reserved,
        settings: settings.map_err(|error| trouble("lambda:GetFunctionConfiguration", &error)),
    }
}

/// How many executions a function has reserved: 0 stops it.
pub async fn reserved(lambda: &Client, function: &str) -> Result<Option<i32>, Trouble> {
    let request = lambda.get_function_concurrency().function_name(function);
    let reply = request.send().await;
    let reply = reply.map_err(|error| trouble("lambda:GetFunctionConcurrency", &error))?;
    Ok(reply.reserved_concurrent_executions)
}

pub fn judge(site: &Site<'_>, read: &Functions, transport: &Transport) -> Vec<Line> {
    let functions = read.functions.iter();
    let mut lines: Vec<Line> = functions
        .flat_map(|function| of_function(site, function, transport))
        .collect();
    lines.push(concurrency::quota(site, read));
    lines
}

fn of_function(site: &Site<'_>, function: &Function, transport: &Transport) -> Vec<Line> {
    let worker = function.worker;
    let mut lines = match &function.settings {
        Ok(settings) => vec![
            timeout(worker, settings, transport.visibility(worker.queue)),
            version(worker, settings),
            variables(worker, settings.environment()),
        ],
        Err(trouble) => vec![unreadable("function", worker, trouble)],
    };
    lines.push(concurrency::reserved_line(site, function));
    lines
}

/// A line about what could not be read of a function.
pub fn unreadable(name: &'static str, worker: Worker, trouble: &Trouble) -> Line {
    let check = check(name, worker.name);
    match trouble.class {
        ErrorClass::NotFound => check.fail("there is no such function", REPAIR),
        _ => check.unknown(trouble),
    }
}

fn timeout(
    worker: Worker,
    settings: &GetFunctionConfigurationOutput,
    visibility: Option<i32>,
) -> Line {
    let check = check("function", worker.name);
    let seconds = settings.timeout().unwrap_or_default();
    match visibility {
        None => check.warn(
            format!("it ends after {seconds} s; the queue's visibility timeout is not known"),
            format!("see the line `queue` of {}", worker.queue),
        ),
        Some(hidden) if hidden < seconds.saturating_mul(TIMES) => check.fail(
            format!("it may run {seconds} s, and the queue hides a message for {hidden} s, less than {TIMES} times that: messages are handled twice"),
            REPAIR,
        ),
        Some(hidden) => {
            check.pass(format!("it may run {seconds} s; the queue hides a message for {hidden} s"))
        }
    }
}

/// The template writes the version at the end of the description.
fn version(worker: Worker, settings: &GetFunctionConfigurationOutput) -> Line {
    let check = check("function-version", worker.name);
    match settings
        .description()
        .and_then(|text| text.rsplit(' ').next())
    {
        Some(VERSION) => check.pass(format!("{VERSION}, as this maciectl")),
        Some(other) if !other.is_empty() => check.warn(
            format!("the function's description ends with `{other}`, this maciectl is {VERSION}"),
            format!("{UPGRADE}, or take the maciectl of that version"),
        ),
        _ => check.warn(
            "the function's description does not tell its version",
            UPGRADE,
        ),
    }
}

/// Both functions are the same program: its variables say where it reads and whom it hands over to.
fn variables(worker: Worker, environment: Option<&EnvironmentResponse>) -> Line {
    let check = check("function-variables", worker.name);
    if let Some(error) = environment.and_then(EnvironmentResponse::error) {
        let why = error.message().unwrap_or("no reason given");
        return check.warn(
            format!("Lambda does not show them: {why}"),
            "let the caller use the key that encrypts them",
        );
    }
    let set = environment.and_then(EnvironmentResponse::variables);
    let is = |name: &str, end: &str| {
        set.and_then(|set| set.get(name))
            .is_some_and(|value| value.ends_with(end))
    };
    let wrong: Vec<&str> = COMMON
        .iter()
        .chain(worker.own)
        .filter(|(name, end)| !is(name, end))
        .map(|(name, _)| *name)
        .collect();
    match wrong.is_empty() {
        true => check.pass("as the template sets them"),
        false => check.fail(
            format!("not as the template sets them: {}", wrong.join(", ")),
            REPAIR,
        ),
    }
}
