//! `TagResource` and `UntagResource` of S3 Control for a bucket.
//!
//! The workspace has no client for S3 Control, and two calls are no reason to build one. Both
//! speak S3's protocol under S3's signing name, so they ride on an S3 call whose reply is empty
//! too (`DeleteBucketTagging`): before it is signed, it becomes the other request. Sources: S3 API
//! Reference, `API_control_TagResource` and `API_control_UntagResource`.

use anyhow::{Context, Result};
use aws_smithy_runtime_api::{client::orchestrator::HttpRequest, http::HttpError};
use aws_smithy_types::body::SdkBody;
use controller::aws::trouble;

use crate::aws::Aws;

const NAMESPACE: &str = "http://awss3control.amazonaws.com/doc/2018-08-20/";

impl Aws {
    /// Adds a tag to a bucket by `TagResource`.
    pub async fn tag_resource(&self, bucket: &str, key: &str, value: &str) -> Result<()> {
        let body = format!(
            "<TagResourceRequest xmlns=\"{NAMESPACE}\"><Tags><Tag><Key>{key}</Key>\
             <Value>{value}</Value></Tag></Tags></TagResourceRequest>"
        );
        let sent = self.control("POST", bucket, "", body).await;
        sent.context("s3:TagResource")
    }

    /// Takes a tag from a bucket by `UntagResource`.
    pub async fn untag_resource(&self, bucket: &str, key: &str) -> Result<()> {
        let query = format!("?tagKeys={key}");
        let sent = self.control("DELETE", bucket, &query, String::new()).await;
        sent.context("s3:UntagResource")
    }

    async fn control(
        &self,
        method: &'static str,
        bucket: &str,
        query: &str,
        body: String,
    ) -> Result<()> {
        let (account, partition) = (self.workload.to_string(), &self.partition);
        let host = self.s3_control();
        let uri = format!("{host}/v20180820/tags/arn%3A{partition}%3As3%3A%3A%3A{bucket}{query}");
        let rewrite = move |mut request: HttpRequest| {
            request.set_method(method)?;
            request.set_uri(uri.clone())?;
            let headers = request.headers_mut();
            headers.insert("x-amz-account-id", account.clone());
            if !body.is_empty() {
                headers.insert("content-type", "application/xml");
            }
            *request.body_mut() = SdkBody::from(body.clone());
            Ok::<_, HttpError>(request)
        };
        let call = self.s3.delete_bucket_tagging().bucket(bucket);
        let sent = call.customize().map_request(rewrite).send().await;
        sent.map(|_| ())
            .map_err(|error| trouble("s3control", &error).into())
    }

    /// `https://<account>.s3-control.<region>.<suffix>`, or the local AWS.
    fn s3_control(&self) -> String {
        let suffix = match self.partition.as_str() {
            "aws-cn" => "amazonaws.com.cn",
            _ => "amazonaws.com",
        };
        let (account, region) = (&self.workload, &self.region);
        let aws = || format!("https://{account}.s3-control.{region}.{suffix}");
        self.endpoint.clone().unwrap_or_else(aws)
    }
}
