//! The only reader of the environment.

use std::{env, path::Path, sync::Arc};

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use controller_core::{
    id::Region,
    policy::{Policy, PolicyError},
};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;

use crate::{
    aws::{Aws, ConnectError, Tuning, base_config, trouble},
    clock::Clock,
    debounce::Debounce,
    metrics::Metrics,
    pace::{INTERVAL, Pace},
    reconcile::Controller,
};

/// The role that the controller assumes in workload accounts unless told otherwise.
pub const MEMBER_ROLE: &str = "macie-self-service-member";
/// A policy is looked up again after this long.
const POLICY_AGE: SignedDuration = SignedDuration::from_secs(60);

/// Where everything is, from flags or the environment.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// `MACIECTL_POLICY`: a file, JSON text, or `ssm:/name`.
    pub policy: Option<String>,
    /// `MACIECTL_MEMBER_ROLE`.
    pub member_role: Option<String>,
    /// `MACIECTL_EVENT_BUS`: name or ARN of the bus to publish to; none publishes nowhere.
    pub event_bus: Option<String>,
    /// `MACIECTL_QUEUE_URL`: the controller's own queue, where a scope that waits is put back with
    /// a delay; none leaves it to the sweep.
    pub queue_url: Option<String>,
    /// `MACIECTL_JOB_INTERVAL`: one new job per this long, if AWS has raised the quota; none takes
    /// AWS's own pace, `PT10S`.
    pub job_interval: Option<String>,
    /// `MACIECTL_SWEEP_QUEUE_URL`: the sweep's own queue; only the sweeper has it.
    pub sweep_queue_url: Option<String>,
    /// `MACIECTL_RESULTS_BUCKET`: the results bucket, in which costs are kept; only who collects or
    /// shows them has it.
    pub results_bucket: Option<String>,
    /// `MACIECTL_RESULTS_KEY`: the ARN of the key that the bucket's policy wants; only who collects
    /// has it.
    pub results_key: Option<String>,
    /// A profile of the AWS configuration; none takes the SDK's default chain.
    pub profile: Option<String>,
    /// The Region in which to ask for the policy and the caller; none takes the SDK's default.
    pub region: Option<String>,
    /// An AWS in the same process, instead of what the SDK's own variables name.
    pub endpoint: Option<Endpoint>,
}

/// An AWS on loopback.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Its URL.
    pub url: String,
    /// The caller's access key id.
    pub access_key_id: String,
    /// The secret that belongs to it.
    pub secret_access_key: String,
    /// Who carries the requests, instead of a connection to the URL.
    pub http_client: Option<SharedHttpClient>,
}

impl Settings {
    /// From the environment, as the function gets them.
    pub fn from_env() -> Self {
        let var = |name| env::var(name).ok().filter(|value| !value.is_empty());
        Self {
            policy: var("MACIECTL_POLICY"),
            member_role: var("MACIECTL_MEMBER_ROLE"),
            event_bus: var("MACIECTL_EVENT_BUS"),
            queue_url: var("MACIECTL_QUEUE_URL"),
            job_interval: var("MACIECTL_JOB_INTERVAL"),
            sweep_queue_url: var("MACIECTL_SWEEP_QUEUE_URL"),
            results_bucket: var("MACIECTL_RESULTS_BUCKET"),
            results_key: var("MACIECTL_RESULTS_KEY"),
            ..Self::default()
        }
    }
}

/// Why the controller has no policy or no AWS.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Nobody said where the policy is.
    #[error("no policy: set MACIECTL_POLICY or --policy to a file, to JSON text or to `ssm:/name`")]
    NoPolicy,
    /// It cannot be read.
    #[error("cannot read the policy from `{from}`: {why}")]
    Unreadable {
        /// The file or parameter.
        from: String,
        /// What went wrong.
        why: String,
    },
    /// It is not a policy.
    #[error("the policy from `{from}` is refused")]
    Refused {
        /// The file, parameter or `text`.
        from: String,
        /// The field, the value and what was expected.
        #[source]
        error: PolicyError,
    },
    /// It is no duration, or a negative one.
    #[error("MACIECTL_JOB_INTERVAL is `{found}`, expected a duration such as `PT10S`")]
    JobInterval {
        /// What it is.
        found: String,
    },
    /// AWS does not know us.
    #[error(transparent)]
    Connect(#[from] ConnectError),
}

/// The policy in force: looked up again from time to time, and never replaced by a bad one.
#[derive(Debug)]
pub struct PolicyStore {
    source: String,
    ssm: aws_sdk_ssm::Client,
    clock: Clock,
    last_good: Mutex<(Arc<Policy>, Timestamp)>,
}

impl PolicyStore {
    /// The policy. When a newer one is bad, the last good one stays in force and the log says so.
    pub async fn current(&self) -> Arc<Policy> {
        let mut last_good = self.last_good.lock().await;
        let now = self.clock.now();
        if now.duration_since(last_good.1) < POLICY_AGE {
            return last_good.0.clone();
        }
        last_good.1 = now;
        match load(&self.source, &self.ssm).await {
            Ok(policy) => last_good.0 = Arc::new(policy),
            Err(error) => {
                tracing::error!(error = %chain(&error), "the last good policy stays in force")
            }
        }
        last_good.0.clone()
    }
}

/// Where costs are kept.
#[derive(Debug, Clone)]
pub struct Results {
    /// The results bucket.
    pub bucket: String,
    /// The ARN of its key.
    pub key: String,
}

impl Results {
    fn of(settings: &Settings) -> Option<Self> {
        let both = settings
            .results_bucket
            .clone()
            .zip(settings.results_key.clone());
        both.map(|(bucket, key)| Self { bucket, key })
    }
}

/// Everything that a process needs.
#[derive(Debug)]
pub struct Runtime {
    /// The controller.
    pub controller: Controller,
    /// Its policy.
    pub policy: PolicyStore,
    /// The controller's own queue.
    pub queue_url: Option<String>,
    /// The sweep's own queue.
    pub sweep_queue_url: Option<String>,
    /// Where costs are kept; none collects none.
    pub results: Option<Results>,
    /// Where metrics go.
    pub metrics: Metrics,
    /// The Region that the caller is configured for; the clients go by the policy's home Region.
    pub configured_region: Option<String>,
}

impl Runtime {
    /// Reads the policy, asks who the caller is and makes the clients; the caller is the
    /// delegated Macie administrator.
    pub async fn start(
        settings: &Settings,
        clock: Clock,
        tuning: &Tuning,
    ) -> Result<Self, ConfigError> {
        let runtime = Self::as_caller(settings, clock, tuning).await?;
        runtime.controller.aws.check_administrator().await?;
        Ok(runtime)
    }

    /// The same for any caller: to read what this account may read, never to write.
    pub async fn as_caller(
        settings: &Settings,
        clock: Clock,
        tuning: &Tuning,
    ) -> Result<Self, ConfigError> {
        let base = base_config(settings, &clock, tuning).await;
        let pace = Pace::new(job_interval(settings)?);
        let configured_region = base.region().map(ToString::to_string);
        let source = settings.policy.clone().ok_or(ConfigError::NoPolicy)?;
        let ssm = aws_sdk_ssm::Client::new(&base);
        let policy = load(&source, &ssm).await?;
        let home: &Region = &policy.home_region;
        let role = settings.member_role.as_deref().unwrap_or(MEMBER_ROLE);
        let aws = Aws::as_caller(base, home, role, clock.clone()).await?;
        let last_good = Mutex::new((Arc::new(policy), clock.now()));
        Ok(Self {
            controller: Controller {
                aws,
                clock: clock.clone(),
                event_bus: settings.event_bus.clone(),
                left: Debounce::default(),
                pace,
            },
            policy: PolicyStore {
                source,
                ssm,
                clock,
                last_good,
            },
            queue_url: settings.queue_url.clone(),
            sweep_queue_url: settings.sweep_queue_url.clone(),
            results: Results::of(settings),
            metrics: Metrics::default(),
            configured_region,
        })
    }
}

fn job_interval(settings: &Settings) -> Result<SignedDuration, ConfigError> {
    let Some(text) = &settings.job_interval else {
        return Ok(INTERVAL);
    };
    let interval = text.parse().ok();
    interval
        .filter(|interval: &SignedDuration| !interval.is_negative())
        .ok_or_else(|| ConfigError::JobInterval {
            found: text.clone(),
        })
}

async fn load(source: &str, ssm: &aws_sdk_ssm::Client) -> Result<Policy, ConfigError> {
    let (from, text) = if source.trim_start().starts_with('{') {
        ("text".to_owned(), source.to_owned())
    } else if let Some(name) = source.strip_prefix("ssm:") {
        (source.to_owned(), parameter(source, name, ssm).await?)
    } else {
        let unreadable = |error: std::io::Error| ConfigError::Unreadable {
            from: source.to_owned(),
            why: error.to_string(),
        };
        (
            source.to_owned(),
            std::fs::read_to_string(Path::new(source)).map_err(unreadable)?,
        )
    };
    Policy::parse(&text).map_err(|error| ConfigError::Refused { from, error })
}

async fn parameter(
    source: &str,
    name: &str,
    ssm: &aws_sdk_ssm::Client,
) -> Result<String, ConfigError> {
    let unreadable = |why: String| ConfigError::Unreadable {
        from: source.to_owned(),
        why,
    };
    let reply = ssm
        .get_parameter()
        .name(name)
        .with_decryption(true)
        .send()
        .await;
    let reply =
        reply.map_err(|error| unreadable(trouble("ssm:GetParameter", &error).to_string()))?;
    reply
        .parameter
        .and_then(|parameter| parameter.value)
        .ok_or_else(|| unreadable("it has no value".to_owned()))
}

/// An error and its causes in one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |line, cause| format!("{line}: {cause}"))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    fn policy(grace: &str) -> String {
        format!(
            r#"{{"version":1,"homeRegion":"eu-west-1","regions":["eu-west-1"],"gracePeriod":"{grace}"}}"#
        )
    }

    #[tokio::test]
    async fn a_bad_policy_leaves_the_last_good_one_in_force() {
        let file = env::temp_dir().join(format!("policy-{}.json", std::process::id()));
        let put = |text: &str| std::fs::write(&file, text).unwrap();
        let seconds = Arc::new(AtomicI64::new(0));
        let hand = seconds.clone();
        let clock =
            Clock::new(move || Timestamp::from_second(hand.load(Ordering::SeqCst)).unwrap());
        let turn = || seconds.fetch_add(POLICY_AGE.as_secs(), Ordering::SeqCst);
        let config = aws_config::SdkConfig::builder()
            .behavior_version(aws_config::BehaviorVersion::latest())
            .build();
        let ssm = aws_sdk_ssm::Client::new(&config);
        let source = file.to_str().unwrap().to_owned();
        put(&policy("PT24H"));
        let first = load(&source, &ssm).await.unwrap();
        let last_good = Mutex::new((Arc::new(first), clock.now()));
        let store = PolicyStore {
            source,
            ssm,
            clock,
            last_good,
        };
        let hours = |policy: Arc<Policy>| policy.grace_period.as_hours();

        put(&policy("PT48H"));
        assert_eq!(
            hours(store.current().await),
            24,
            "looked up before its time"
        );
        turn();
        assert_eq!(hours(store.current().await), 48);
        for bad in ["{", &policy("a day"), ""] {
            put(bad);
            turn();
            assert_eq!(hours(store.current().await), 48, "`{bad}`");
        }
        put(&policy("PT1H"));
        turn();
        assert_eq!(hours(store.current().await), 1);
        std::fs::remove_file(&file).unwrap();
    }
}
