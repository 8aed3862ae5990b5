//! One client per service, account and Region, made once per session.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use aws_config::{
    BehaviorVersion, Region as SdkRegion, SdkConfig, default_provider::region::DefaultRegionChain,
    profile::ProfileFileCredentialsProvider, provider_config::ProviderConfig, retry::RetryConfig,
    timeout::TimeoutConfig,
};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use controller_core::{
    id::{AccountId, Region, Scope},
    observed::Trouble,
};
use jiff::Timestamp;
use tokio::sync::OnceCell;

use super::{error::trouble, session::Sessions};
use crate::{clock::Clock, config::Settings, observe::Censuses};

/// Accounts and Regions whose clients are kept: more than are served at a time. A sweep meets
/// every account, and memory must not grow with them.
const WORKLOADS: usize = 64;
/// Macie's service principal, for which the administrator is registered.
const MACIE: &str = "macie.amazonaws.com";

/// How patient the clients are.
#[derive(Debug, Clone)]
pub struct Tuning {
    /// Attempts per call, the first included.
    pub attempts: u32,
    /// The first pause between two attempts; it doubles, with jitter.
    pub backoff: Duration,
    /// Time for one call with all its attempts.
    pub operation_timeout: Duration,
    /// Time for one attempt.
    pub attempt_timeout: Duration,
    /// Whether the clients slow down together when AWS throttles.
    pub adaptive: bool,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            attempts: 4,
            backoff: Duration::from_millis(500),
            operation_timeout: Duration::from_secs(30),
            attempt_timeout: Duration::from_secs(8),
            adaptive: true,
        }
    }
}

/// Who the controller is.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The delegated Macie administrator's account.
    pub account: AccountId,
    /// `aws`, `aws-cn`, `aws-us-gov`, ...
    pub partition: String,
}

/// The controller cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// AWS did not say who the caller is.
    #[error(
        "cannot tell who the caller is; give the AWS credentials of the delegated Macie administrator account"
    )]
    WhoAmI(#[source] Trouble),
    /// The caller is somebody else.
    #[error(
        "account {account} is not the delegated Macie administrator ({why}); give the AWS credentials of that account"
    )]
    NotAdministrator {
        /// The caller's account.
        account: AccountId,
        /// What AWS says.
        why: String,
    },
    /// AWS said something strange.
    #[error("`{arn}` is not an ARN with an account and a partition")]
    Arn {
        /// What it said.
        arn: String,
    },
}

/// Clients in a workload account and Region.
#[derive(Debug, Clone)]
pub struct Workload {
    /// S3.
    pub s3: aws_sdk_s3::Client,
    /// The tagging index.
    pub tagging: aws_sdk_resourcegroupstagging::Client,
}

/// AWS as the administrator sees it, and as the member role sees it in each account.
#[derive(Debug)]
pub struct Aws {
    base: SdkConfig,
    /// Who the controller is.
    pub identity: Identity,
    /// The role to assume in workload accounts.
    member_role: String,
    clock: Clock,
    sessions: Sessions,
    sts: aws_sdk_sts::Client,
    /// AWS Organizations.
    pub organizations: aws_sdk_organizations::Client,
    /// EventBridge in the home Region.
    pub events: aws_sdk_eventbridge::Client,
    /// SQS in the home Region.
    pub sqs: aws_sdk_sqs::Client,
    macie: Mutex<BTreeMap<Region, aws_sdk_macie2::Client>>,
    workloads: Mutex<BTreeMap<Scope, (Credentials, Workload)>>,
    pub(crate) censuses: Censuses,
    /// The management account does not change while a process lives.
    pub(crate) management: OnceCell<AccountId>,
}

/// The base configuration: the SDK's own chain of credentials and endpoints, our patience and clock.
pub async fn base_config(settings: &Settings, clock: &Clock, tuning: &Tuning) -> SdkConfig {
    let retry = match tuning.adaptive {
        true => RetryConfig::adaptive(),
        false => RetryConfig::standard(),
    };
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(3))
        .operation_timeout(tuning.operation_timeout)
        .operation_attempt_timeout(tuning.attempt_timeout)
        .build();
    // One pool of connections for all clients, or each has its own.
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
        .build_https();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http.clone())
        .retry_config(
            retry
                .with_max_attempts(tuning.attempts)
                .with_initial_backoff(tuning.backoff),
        )
        .timeout_config(timeouts)
        .time_source(clock.clone());
    if let Ok(name) =
        aws_config::AppName::new(concat!("macie-self-service-", env!("CARGO_PKG_VERSION")))
    {
        loader = loader.app_name(name);
    }
    if let Some(profile) = &settings.profile {
        let credentials = of_profile(profile, settings, http).await;
        loader = loader
            .profile_name(profile)
            .credentials_provider(credentials);
    }
    if let Some(region) = &settings.region {
        loader = loader.region(SdkRegion::new(region.clone()));
    }
    if let Some(endpoint) = &settings.endpoint {
        let (key, secret) = (&endpoint.access_key_id, &endpoint.secret_access_key);
        loader = loader
            .endpoint_url(&endpoint.url)
            .credentials_provider(Credentials::new(key, secret, None, None, "settings"));
        if let Some(client) = &endpoint.http_client {
            loader = loader.http_client(client.clone());
        }
    }
    loader.load().await
}

/// The credentials of a profile that was asked for. The SDK's own chain would take those of the
/// environment first (AWS SDKs and Tools Reference Guide, standardized-credentials).
async fn of_profile(
    name: &str,
    settings: &Settings,
    http: SharedHttpClient,
) -> ProfileFileCredentialsProvider {
    let region = match &settings.region {
        Some(region) => Some(SdkRegion::new(region.clone())),
        None => {
            let regions = DefaultRegionChain::builder().profile_name(name).build();
            regions.region().await
        }
    };
    let config = ProviderConfig::without_region().with_region(region);
    ProfileFileCredentialsProvider::builder()
        .configure(&config.with_http_client(http))
        .profile_name(name)
        .build()
}

impl Aws {
    /// Connects as the caller, who is the administrator.
    pub async fn connect(
        base: SdkConfig,
        home: &Region,
        member_role: &str,
        clock: Clock,
    ) -> Result<Self, ConnectError> {
        let aws = Self::as_caller(base, home, member_role, clock).await?;
        aws.check_administrator().await?;
        Ok(aws)
    }

    /// Connects as the caller, whoever that is: to read what this account may read.
    pub async fn as_caller(
        base: SdkConfig,
        home: &Region,
        member_role: &str,
        clock: Clock,
    ) -> Result<Self, ConnectError> {
        let home = SdkRegion::new(home.as_str().to_owned());
        let base = base.into_builder().region(home).build();
        let sts = aws_sdk_sts::Client::new(&base);
        Ok(Self {
            identity: identity(&sts).await?,
            member_role: member_role.to_owned(),
            clock,
            sessions: Sessions::default(),
            organizations: aws_sdk_organizations::Client::new(&base),
            events: aws_sdk_eventbridge::Client::new(&base),
            sqs: aws_sdk_sqs::Client::new(&base),
            sts,
            base,
            macie: Mutex::default(),
            workloads: Mutex::default(),
            censuses: Censuses::default(),
            management: OnceCell::new(),
        })
    }

    /// Macie in a Region, as the administrator.
    pub fn macie(&self, region: &Region) -> aws_sdk_macie2::Client {
        let mut clients = lock(&self.macie);
        let client = clients
            .entry(region.clone())
            .or_insert_with(|| aws_sdk_macie2::Client::new(&self.in_region(region)));
        client.clone()
    }

    /// S3 and the tagging index in the scope's account and Region, as the member role.
    pub async fn workload(&self, scope: &Scope) -> Result<Workload, Trouble> {
        let session = self.session(scope).await?;
        let mut clients = lock(&self.workloads);
        match clients.get(scope) {
            Some((known, clients)) if *known == session => Ok(clients.clone()),
            _ => {
                if clients.len() >= WORKLOADS {
                    clients.clear();
                }
                let made = self.make(scope, session.clone());
                clients.insert(scope.clone(), (session, made.clone()));
                Ok(made)
            }
        }
    }

    /// S3 in the administrator's account by the caller's own right: for the results bucket.
    pub fn own_s3(&self, region: &Region) -> aws_sdk_s3::Client {
        aws_sdk_s3::Client::new(&self.in_region(region))
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The ARN of a member of the administrator.
    pub fn member_arn(&self, scope: &Scope) -> String {
        let Identity { account, partition } = &self.identity;
        format!(
            "arn:{partition}:macie2:{}:{account}:member/{}",
            scope.region, scope.account
        )
    }

    /// Whether the caller is the delegated Macie administrator. Jobs and members that another
    /// account made would be invisible to the controller, and paid for twice.
    pub async fn check_administrator(&self) -> Result<(), ConnectError> {
        check_administrator(&self.organizations, &self.identity.account).await
    }

    /// The configuration of clients in a Region, as the caller.
    pub fn in_region(&self, region: &Region) -> SdkConfig {
        let region = SdkRegion::new(region.as_str().to_owned());
        self.base.clone().into_builder().region(region).build()
    }

    /// Credentials of the member role, in the administrator's own account too: the controller's
    /// role reads no bucket anywhere.
    async fn session(&self, scope: &Scope) -> Result<Credentials, Trouble> {
        let role = format!(
            "arn:{}:iam::{}:role/{}",
            self.identity.partition, scope.account, self.member_role
        );
        let now = self.clock.now();
        let session = self.sessions.open(&self.sts, &scope.account, &role, now);
        session.await
    }

    fn make(&self, scope: &Scope, session: Credentials) -> Workload {
        let config = self.in_region(&scope.region).into_builder();
        let config = config
            .credentials_provider(SharedCredentialsProvider::new(session))
            .build();
        Workload {
            s3: aws_sdk_s3::Client::new(&config),
            tagging: aws_sdk_resourcegroupstagging::Client::new(&config),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn check_administrator(
    organizations: &aws_sdk_organizations::Client,
    account: &AccountId,
) -> Result<(), ConnectError> {
    let listed = organizations
        .list_delegated_administrators()
        .service_principal(MACIE);
    let listed = listed
        .send()
        .await
        .map_err(|error| ConnectError::NotAdministrator {
            account: account.clone(),
            why: trouble("organizations:ListDelegatedAdministrators", &error).to_string(),
        })?;
    let mut administrators = listed.delegated_administrators().iter();
    if administrators.any(|administrator| administrator.id() == Some(account.as_str())) {
        return Ok(());
    }
    Err(ConnectError::NotAdministrator {
        account: account.clone(),
        why: format!(
            "AWS Organizations names another delegated administrator for {MACIE}, or none"
        ),
    })
}

async fn identity(sts: &aws_sdk_sts::Client) -> Result<Identity, ConnectError> {
    let caller = sts.get_caller_identity().send().await;
    let caller =
        caller.map_err(|error| ConnectError::WhoAmI(trouble("sts:GetCallerIdentity", &error)))?;
    let arn = caller.arn.unwrap_or_default();
    let partition = arn.split(':').nth(1).unwrap_or_default().to_owned();
    match caller.account.and_then(|account| account.parse().ok()) {
        Some(account) if !partition.is_empty() => Ok(Identity { account, partition }),
        _ => Err(ConnectError::Arn { arn }),
    }
}
