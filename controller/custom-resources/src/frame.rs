//! The way of a request: parse, carry out, then answer or go on in a new invocation.

use std::time::Duration;

use aws_smithy_async::rt::sleep::SharedAsyncSleep;
use controller::clock::Clock;
use controller_core::{
    id::AccountId,
    observed::{ErrorClass, Trouble},
};
use futures::{FutureExt, future::BoxFuture};
use jiff::Timestamp;
use serde_json::Value;

use crate::{
    answer::{Answer, Courier, Undelivered},
    aws::{Aws, account_of},
    pace::Pace,
    registration,
    report::Progress,
    request::{NotARequest, Request},
    settings,
};

/// Nothing is begun in the last part of an invocation: it is for the calls that are under way (at
/// most two of 30 s), for the continuation and for the answer.
const RESERVE: Duration = Duration::from_secs(120);
/// Continuations of one request. With 15 minutes a run they go beyond the hour that CloudFormation
/// waits (`ServiceTimeout`), and stay below the 16 at which Lambda takes a chain for a loop.
const CONTINUATIONS: u32 = 4;

/// Which custom resource a function is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// `Custom::MacieRegistration`, in the management account.
    Registration,
    /// `Custom::MacieAdministratorSettings`, in the administrator account.
    AdministratorSettings,
}

/// What a function has at hand.
#[derive(Debug)]
pub struct Shell {
    /// AWS as the function's role.
    pub aws: Aws,
    /// Delivers answers.
    pub courier: Courier,
    /// What time it is.
    pub clock: Clock,
    /// How pauses pass.
    pub sleep: SharedAsyncSleep,
}

/// One invocation of a function.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// What it is given.
    pub payload: Value,
    /// The function's own ARN.
    pub function_arn: String,
    /// When Lambda ends it.
    pub deadline: Timestamp,
}

/// What became of an invocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Handled {
    /// CloudFormation has its answer.
    Answered(Answer),
    /// Another invocation goes on.
    Continued,
}

/// An invocation that failed. Lambda makes it again twice (AWS Lambda Developer Guide,
/// invocation-async-error-handling), which is safe because a request can be repeated.
#[derive(Debug, thiserror::Error)]
pub enum Unhandled {
    /// There is nobody to answer.
    #[error(transparent)]
    NotARequest(#[from] NotARequest),
    /// The answer could not be delivered.
    #[error(transparent)]
    Undelivered(#[from] Undelivered),
    /// Whether the continuation was accepted is not known; an answer now might be a second one.
    #[error("cannot go on in a new invocation: {0}")]
    NotContinued(Trouble),
    /// The ARN has no account.
    #[error("`{0}` is not the ARN of a function")]
    Arn(String),
}

/// What a resource needs to carry out a request.
#[derive(Debug)]
pub struct Work<'a> {
    /// AWS as the function's role.
    pub aws: &'a Aws,
    /// The time of this run.
    pub pace: Pace,
    /// The function's account.
    pub account: AccountId,
    /// What CloudFormation asks for.
    pub request: &'a Request,
}

impl Resource {
    /// The physical id of every new resource of the kind.
    fn name(self) -> &'static str {
        match self {
            Self::Registration => "macie-self-service-registration",
            Self::AdministratorSettings => "macie-self-service-settings",
        }
    }

    /// Boxed, or the type of an invocation's future becomes too deep for the compiler.
    fn carry_out<'a>(self, work: &'a Work<'a>) -> BoxFuture<'a, Progress> {
        match self {
            Self::Registration => registration::carry_out(work).boxed(),
            Self::AdministratorSettings => settings::carry_out(work).boxed(),
        }
    }
}

/// Handles an invocation.
pub async fn handle(
    shell: &Shell,
    resource: Resource,
    invocation: &Invocation,
) -> Result<Handled, Unhandled> {
    let request = Request::parse(&invocation.payload)?;
    let arn = &invocation.function_arn;
    let account = account_of(arn).ok_or_else(|| Unhandled::Arn(arn.clone()))?;
    let end = invocation.deadline.checked_sub(RESERVE);
    let end = end.unwrap_or(invocation.deadline);
    let work = Work {
        aws: &shell.aws,
        pace: Pace::new(shell.clock.clone(), shell.sleep.clone(), end),
        account,
        request: &request,
    };
    let answer = match resource.carry_out(&work).await {
        Progress::Finished(answer) => answer,
        Progress::Unfinished(left) if request.run >= CONTINUATIONS => Answer::failed(format!(
            "not finished after {} runs; left: {left}; fix: the log says what is slow, then deploy again",
            request.run + 1
        )),
        Progress::Unfinished(left) => match go_on(shell, &request, invocation).await? {
            None => return Ok(Handled::Continued),
            Some(trouble) => Answer::failed(format!("not finished; left: {left}; {trouble}")),
        },
    };
    log(&request, &answer);
    let document = answer.document(&request, resource.name());
    let url = &request.response_url;
    shell.courier.deliver(url, &document).await?;
    Ok(Handled::Answered(answer))
}

/// Invokes the function again; the trouble, if it certainly was not accepted and never will be.
async fn go_on(
    shell: &Shell,
    request: &Request,
    invocation: &Invocation,
) -> Result<Option<Trouble>, Unhandled> {
    let payload = request.continuation(&invocation.payload);
    match shell.aws.invoke(&invocation.function_arn, &payload).await {
        Ok(()) => {
            tracing::info!(run = request.run, "goes on in a new invocation");
            Ok(None)
        }
        Err(trouble) => match trouble.class {
            ErrorClass::Transient | ErrorClass::Throttled | ErrorClass::Conflict => {
                Err(Unhandled::NotContinued(trouble))
            }
            _ => Ok(Some(trouble)),
        },
    }
}

fn log(request: &Request, answer: &Answer) {
    tracing::info!(
        request = ?request.request_type,
        request_id = request.request_id,
        run = request.run,
        status = answer.status(),
        reason = answer.reason,
        data = ?answer.data,
        "answered"
    );
}
