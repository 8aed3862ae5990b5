//! Custom resources of the CloudFormation templates.
