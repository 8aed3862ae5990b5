//! The two accounts, and the calls that several questions make.

use anyhow::{Context, Result, ensure};
use aws_config::{BehaviorVersion, Region as SdkRegion, SdkConfig, retry::RetryConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_sdk_macie2::types::{MacieStatus, RelationshipStatus};
use aws_sdk_s3::types::{Tag, Tagging};
use controller::aws::trouble;
use controller_core::{
    id::{AccountId, Region},
    observed::{ErrorClass, Trouble},
};
use local_aws::iam;

use crate::{args::Args, guard, waiter::Waiter};

/// Macie's service principal.
const MACIE: &str = "macie.amazonaws.com";

/// Clients in both accounts.
#[derive(Debug)]
pub struct Aws {
    /// The Region.
    pub region: Region,
    /// `aws`, `aws-cn`, `aws-us-gov`, ...
    pub partition: String,
    /// The delegated Macie administrator.
    pub administrator: AccountId,
    /// The account that is played with.
    pub workload: AccountId,
    /// Macie as the administrator.
    pub macie: aws_sdk_macie2::Client,
    /// Organizations as the administrator.
    pub organizations: aws_sdk_organizations::Client,
    /// Macie as the workload account.
    pub own_macie: aws_sdk_macie2::Client,
    /// Organizations as the workload account.
    pub own: aws_sdk_organizations::Client,
    /// S3 as the workload account.
    pub s3: aws_sdk_s3::Client,
    /// The tagging index as the workload account.
    pub tagging: aws_sdk_resourcegroupstagging::Client,
    /// EventBridge as the workload account.
    pub events: aws_sdk_eventbridge::Client,
    /// SQS as the workload account.
    pub sqs: aws_sdk_sqs::Client,
    /// Who lets time pass.
    pub waiter: Waiter,
    /// The local AWS, if it is one.
    pub endpoint: Option<String>,
}

impl Aws {
    /// Connects with both profiles, and makes sure that they are what they are said to be.
    pub async fn connect(args: &Args) -> Result<Self> {
        let address = guard::endpoint(args.endpoint.as_deref())?;
        let endpoint = address.map(|address| format!("http://{address}"));
        let of = |profile| config(profile, &args.region, endpoint.as_deref());
        let (admin, work) = (
            of(&args.administrator_profile).await,
            of(&args.workload_profile).await,
        );
        let (administrator, partition) =
            identity(&admin).await.context("--administrator-profile")?;
        let (workload, _) = identity(&work).await.context("--workload-profile")?;
        let s3 = aws_sdk_s3::config::Builder::from(&work).force_path_style(endpoint.is_some());
        let aws = Self {
            region: args.region.clone(),
            partition,
            administrator,
            workload,
            macie: aws_sdk_macie2::Client::new(&admin),
            organizations: aws_sdk_organizations::Client::new(&admin),
            own_macie: aws_sdk_macie2::Client::new(&work),
            own: aws_sdk_organizations::Client::new(&work),
            s3: aws_sdk_s3::Client::from_conf(s3.build()),
            tagging: aws_sdk_resourcegroupstagging::Client::new(&work),
            events: aws_sdk_eventbridge::Client::new(&work),
            sqs: aws_sdk_sqs::Client::new(&work),
            waiter: address.map_or(Waiter::Real, |address| Waiter::Turn(address.to_string())),
            endpoint,
        };
        guard::place(&aws, args).await?;
        aws.check_administrator().await?;
        Ok(aws)
    }

    async fn check_administrator(&self) -> Result<()> {
        let listed = self
            .organizations
            .list_delegated_administrators()
            .service_principal(MACIE);
        let listed = listed.send().await;
        let listed =
            listed.map_err(|error| trouble("organizations:ListDelegatedAdministrators", &error))?;
        let mut all = listed.delegated_administrators().iter();
        ensure!(
            all.any(|one| one.id() == Some(self.administrator.as_str())),
            "{} is not the delegated Macie administrator: give the profile of that account",
            self.administrator
        );
        Ok(())
    }

    /// The names of the workload account's buckets in the Region.
    pub async fn buckets(&self) -> Result<Vec<String>> {
        let mut names = Vec::new();
        let mut token = None;
        loop {
            let page = self.s3.list_buckets().bucket_region(self.region.as_str());
            let page = page
                .max_buckets(1000)
                .set_continuation_token(token)
                .send()
                .await;
            let page = page.map_err(|error| trouble("s3:ListBuckets", &error))?;
            names.extend(
                page.buckets()
                    .iter()
                    .filter_map(|b| b.name().map(str::to_owned)),
            );
            token = page.continuation_token().map(str::to_owned);
            if token.is_none() {
                return Ok(names);
            }
        }
    }

    /// Replaces a bucket's tags; none is an empty set.
    pub async fn put_tags(&self, bucket: &str, tags: &[(&str, &str)]) -> Result<()> {
        let tags = tags
            .iter()
            .map(|(key, value)| tag(key, value))
            .collect::<Result<Vec<_>>>()?;
        let tagging = Tagging::builder().set_tag_set(Some(tags)).build()?;
        let put = self
            .s3
            .put_bucket_tagging()
            .bucket(bucket)
            .tagging(tagging)
            .send()
            .await;
        put.map_err(|error| trouble("s3:PutBucketTagging", &error))?;
        Ok(())
    }

    /// Writes a text object of so many megabytes (10^6 bytes).
    pub async fn put_object(&self, bucket: &str, key: &str, megabytes: usize) -> Result<()> {
        let text = "number,text\n".repeat(megabytes * 1_000_000 / 12);
        let put = self
            .s3
            .put_object()
            .bucket(bucket)
            .key(key)
            .body(text.into_bytes().into());
        put.send()
            .await
            .map_err(|error| trouble("s3:PutObject", &error))?;
        Ok(())
    }

    /// The workload account as a member of the administrator; `None` for a stranger.
    pub async fn member(&self) -> Result<Option<RelationshipStatus>> {
        match self.get_member().await {
            Ok(status) => Ok(Some(status)),
            // AWS has been seen to say both of a stranger.
            Err(error) if matches!(error.class, ErrorClass::NotFound | ErrorClass::Invalid) => {
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// `GetMember` as it is answered.
    pub async fn get_member(&self) -> Result<RelationshipStatus, Trouble> {
        let got = self
            .macie
            .get_member()
            .id(self.workload.as_str())
            .send()
            .await;
        let got = got.map_err(|error| trouble("macie2:GetMember", &error))?;
        Ok(got
            .relationship_status
            .unwrap_or(RelationshipStatus::from("")))
    }

    /// Suspends or resumes the member.
    pub async fn set_member(&self, status: MacieStatus) -> Result<()> {
        let update = self
            .macie
            .update_member_session()
            .id(self.workload.as_str());
        let update = update.status(status).send().await;
        update.map_err(|error| trouble("macie2:UpdateMemberSession", &error))?;
        Ok(())
    }
}

/// A tag of S3.
pub fn tag(key: &str, value: &str) -> Result<Tag> {
    Ok(Tag::builder().key(key).value(value).build()?)
}

/// The local AWS is reached without a look at the environment, so that nothing there can lead
/// anywhere else.
async fn config(profile: &str, region: &Region, endpoint: Option<&str>) -> SdkConfig {
    let region = SdkRegion::new(region.to_string());
    let Some(endpoint) = endpoint else {
        return aws_config::defaults(BehaviorVersion::latest())
            .profile_name(profile)
            .region(region)
            .load()
            .await;
    };
    let key = iam::access_key(profile);
    let credentials = Credentials::new(key, iam::SECRET, None, None, "local");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(region)
        .endpoint_url(endpoint)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .retry_config(RetryConfig::disabled())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build()
}

async fn identity(config: &SdkConfig) -> Result<(AccountId, String)> {
    let caller = aws_sdk_sts::Client::new(config)
        .get_caller_identity()
        .send()
        .await;
    let caller = caller.map_err(|error| trouble("sts:GetCallerIdentity", &error))?;
    let arn = caller.arn.unwrap_or_default();
    let partition = arn.split(':').nth(1).unwrap_or("aws").to_owned();
    Ok((caller.account.unwrap_or_default().parse()?, partition))
}
