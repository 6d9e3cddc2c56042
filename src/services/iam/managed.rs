//! Policies that AWS manages: their ARNs resolve, and those of the services that devenv serves have
//! documents that grant what AWS's grant there.
//!
//! <https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html>

/// Path and name behind `arn:aws:iam::aws:policy`, and the actions that it allows on everything.
/// Policies without actions are known by name alone: they can be attached and grant nothing.
const POLICIES: &[(&str, &[&str])] = &[
    ("/AdministratorAccess", &["*"]),
    (
        "/PowerUserAccess",
        &[
            "s3:*",
            "sqs:*",
            "ses:*",
            "secretsmanager:*",
            "kms:*",
            "ssm:*",
            "sns:*",
            "dynamodb:*",
            "lambda:*",
            "logs:*",
            "ec2:*",
            "iam:ListRoles",
            "iam:CreateServiceLinkedRole",
            "iam:DeleteServiceLinkedRole",
        ],
    ),
    (
        "/ReadOnlyAccess",
        &[
            "s3:Get*",
            "s3:List*",
            "sqs:Get*",
            "sqs:List*",
            "ses:Get*",
            "ses:List*",
            "ses:Describe*",
            "secretsmanager:Describe*",
            "secretsmanager:GetResourcePolicy",
            "secretsmanager:List*",
            "kms:Describe*",
            "kms:Get*",
            "kms:List*",
            "ssm:Describe*",
            "ssm:Get*",
            "ssm:List*",
            "iam:Get*",
            "iam:List*",
            "iam:Simulate*",
            "sts:GetAccessKeyInfo",
            "sts:GetCallerIdentity",
            "sts:GetSessionToken",
        ],
    ),
    ("/AmazonS3FullAccess", &["s3:*", "s3-object-lambda:*"]),
    (
        "/AmazonS3ReadOnlyAccess",
        &["s3:Get*", "s3:List*", "s3:Describe*", "s3-object-lambda:Get*", "s3-object-lambda:List*"],
    ),
    ("/AmazonSQSFullAccess", &["sqs:*"]),
    (
        "/AmazonSQSReadOnlyAccess",
        &[
            "sqs:GetQueueAttributes",
            "sqs:GetQueueUrl",
            "sqs:ListDeadLetterSourceQueues",
            "sqs:ListQueues",
            "sqs:ListMessageMoveTasks",
            "sqs:ListQueueTags",
        ],
    ),
    ("/AmazonSESFullAccess", &["ses:*"]),
    ("/AmazonSESReadOnlyAccess", &["ses:Get*", "ses:List*", "ses:BatchGetMetricData"]),
    (
        "/SecretsManagerReadWrite",
        &[
            "secretsmanager:*",
            "kms:DescribeKey",
            "kms:ListAliases",
            "kms:ListKeys",
            "tag:GetResources",
        ],
    ),
    (
        "/AWSKeyManagementServicePowerUser",
        &[
            "kms:CreateAlias",
            "kms:CreateKey",
            "kms:DeleteAlias",
            "kms:Describe*",
            "kms:GenerateRandom",
            "kms:Get*",
            "kms:List*",
            "kms:TagResource",
            "kms:UntagResource",
            "iam:ListGroups",
            "iam:ListRoles",
            "iam:ListUsers",
        ],
    ),
    (
        "/AmazonSSMFullAccess",
        &[
            "ssm:*",
            "ssmmessages:*",
            "ec2messages:*",
            "cloudwatch:PutMetricData",
            "ec2:DescribeInstanceStatus",
            "logs:*",
        ],
    ),
    ("/AmazonSSMReadOnlyAccess", &["ssm:Describe*", "ssm:Get*", "ssm:List*"]),
    (
        "/AmazonSSMManagedInstanceCore",
        &[
            "ssm:DescribeAssociation",
            "ssm:GetDeployablePatchSnapshotForInstance",
            "ssm:GetDocument",
            "ssm:DescribeDocument",
            "ssm:GetManifest",
            "ssm:GetParameter",
            "ssm:GetParameters",
            "ssm:ListAssociations",
            "ssm:ListInstanceAssociations",
            "ssm:PutInventory",
            "ssm:PutComplianceItems",
            "ssm:PutConfigurePackageResult",
            "ssm:UpdateAssociationStatus",
            "ssm:UpdateInstanceAssociationStatus",
            "ssm:UpdateInstanceInformation",
            "ssmmessages:*",
            "ec2messages:*",
        ],
    ),
    ("/IAMFullAccess", &["iam:*", "organizations:DescribeAccount", "organizations:ListRoots"]),
    (
        "/IAMReadOnlyAccess",
        &[
            "iam:GenerateCredentialReport",
            "iam:GenerateServiceLastAccessedDetails",
            "iam:Get*",
            "iam:List*",
            "iam:SimulateCustomPolicy",
            "iam:SimulatePrincipalPolicy",
        ],
    ),
    ("/IAMUserChangePassword", &["iam:ChangePassword", "iam:GetAccountPasswordPolicy"]),
    ("/CloudWatchLogsFullAccess", &["logs:*", "cloudwatch:GenerateQuery"]),
    ("/CloudWatchFullAccess", &["autoscaling:Describe*", "cloudwatch:*", "logs:*", "sns:*"]),
    ("/AmazonSNSFullAccess", &["sns:*"]),
    ("/AmazonDynamoDBFullAccess", &["dynamodb:*", "dax:*"]),
    ("/AWSLambda_FullAccess", &["lambda:*", "logs:DescribeLogGroups", "states:*", "xray:*"]),
    ("/AmazonEC2FullAccess", &["ec2:*", "elasticloadbalancing:*", "cloudwatch:*", "autoscaling:*"]),
    (
        "/AmazonEC2ReadOnlyAccess",
        &["ec2:Describe*", "elasticloadbalancing:Describe*", "autoscaling:Describe*"],
    ),
    (
        "/AmazonEC2ContainerRegistryReadOnly",
        &[
            "ecr:GetAuthorizationToken",
            "ecr:BatchCheckLayerAvailability",
            "ecr:GetDownloadUrlForLayer",
            "ecr:GetRepositoryPolicy",
            "ecr:DescribeRepositories",
            "ecr:ListImages",
            "ecr:DescribeImages",
            "ecr:BatchGetImage",
            "ecr:ListTagsForResource",
        ],
    ),
    (
        "/service-role/AWSLambdaBasicExecutionRole",
        &["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
    ),
    (
        "/service-role/AWSLambdaSQSQueueExecutionRole",
        &[
            "sqs:ReceiveMessage",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "logs:CreateLogGroup",
            "logs:CreateLogStream",
            "logs:PutLogEvents",
        ],
    ),
    (
        "/service-role/AWSLambdaVPCAccessExecutionRole",
        &[
            "logs:CreateLogGroup",
            "logs:CreateLogStream",
            "logs:PutLogEvents",
            "ec2:CreateNetworkInterface",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeSubnets",
            "ec2:DeleteNetworkInterface",
            "ec2:AssignPrivateIpAddresses",
            "ec2:UnassignPrivateIpAddresses",
        ],
    ),
    (
        "/service-role/AmazonECSTaskExecutionRolePolicy",
        &[
            "ecr:GetAuthorizationToken",
            "ecr:BatchCheckLayerAvailability",
            "ecr:GetDownloadUrlForLayer",
            "ecr:BatchGetImage",
            "logs:CreateLogStream",
            "logs:PutLogEvents",
        ],
    ),
    (
        "/job-function/ViewOnlyAccess",
        &[
            "s3:ListAllMyBuckets",
            "s3:ListBucket",
            "sqs:ListQueues",
            "kms:ListAliases",
            "kms:ListKeys",
            "iam:Get*",
            "iam:List*",
            "ses:List*",
            "secretsmanager:ListSecrets",
            "ssm:DescribeParameters",
        ],
    ),
    (
        "/SecurityAudit",
        &[
            "iam:Get*",
            "iam:List*",
            "iam:Simulate*",
            "kms:Describe*",
            "kms:Get*",
            "kms:List*",
            "s3:GetBucket*",
            "s3:ListAllMyBuckets",
            "s3:ListBucket",
            "secretsmanager:DescribeSecret",
            "secretsmanager:GetResourcePolicy",
            "secretsmanager:ListSecrets",
            "sqs:GetQueueAttributes",
            "sqs:ListQueues",
            "ssm:Describe*",
        ],
    ),
    (
        "/AWSXRayDaemonWriteAccess",
        &[
            "xray:PutTraceSegments",
            "xray:PutTelemetryRecords",
            "xray:GetSamplingRules",
            "xray:GetSamplingTargets",
            "xray:GetSamplingStatisticSummaries",
        ],
    ),
    ("/AdministratorAccess-Amplify", &[]),
    ("/AmazonAPIGatewayAdministrator", &[]),
    ("/AmazonAPIGatewayInvokeFullAccess", &[]),
    ("/AmazonAthenaFullAccess", &[]),
    ("/AmazonBedrockFullAccess", &[]),
    ("/AmazonCognitoPowerUser", &[]),
    ("/AmazonDynamoDBReadOnlyAccess", &[]),
    ("/AmazonEC2ContainerRegistryFullAccess", &[]),
    ("/AmazonEC2ContainerRegistryPowerUser", &[]),
    ("/AmazonECS_FullAccess", &[]),
    ("/AmazonEKSClusterPolicy", &[]),
    ("/AmazonEKSServicePolicy", &[]),
    ("/AmazonEKSVPCResourceController", &[]),
    ("/AmazonEKSWorkerNodePolicy", &[]),
    ("/AmazonEKS_CNI_Policy", &[]),
    ("/AmazonElastiCacheFullAccess", &[]),
    ("/AmazonEventBridgeFullAccess", &[]),
    ("/AmazonKinesisFullAccess", &[]),
    ("/AmazonKinesisReadOnlyAccess", &[]),
    ("/AmazonOpenSearchServiceFullAccess", &[]),
    ("/AmazonRDSFullAccess", &[]),
    ("/AmazonRDSReadOnlyAccess", &[]),
    ("/AmazonRoute53FullAccess", &[]),
    ("/AmazonSNSReadOnlyAccess", &[]),
    ("/AmazonSageMakerFullAccess", &[]),
    ("/AmazonVPCFullAccess", &[]),
    ("/AmazonVPCReadOnlyAccess", &[]),
    ("/AWSCertificateManagerFullAccess", &[]),
    ("/AWSCloudFormationFullAccess", &[]),
    ("/AWSCodeBuildAdminAccess", &[]),
    ("/AWSLambda_ReadOnlyAccess", &[]),
    ("/AWSStepFunctionsFullAccess", &[]),
    ("/AWSXrayFullAccess", &[]),
    ("/AWSXrayWriteOnlyAccess", &[]),
    ("/CloudFrontFullAccess", &[]),
    ("/CloudWatchAgentServerPolicy", &[]),
    ("/CloudWatchReadOnlyAccess", &[]),
    ("/ElasticLoadBalancingFullAccess", &[]),
    ("/aws-service-role/AWSSupportServiceRolePolicy", &[]),
    ("/job-function/Billing", &[]),
    ("/job-function/DatabaseAdministrator", &[]),
    ("/job-function/NetworkAdministrator", &[]),
    ("/job-function/SupportUser", &[]),
    ("/job-function/SystemAdministrator", &[]),
    ("/service-role/AWSGlueServiceRole", &[]),
    ("/service-role/AWSLambdaDynamoDBExecutionRole", &[]),
    ("/service-role/AWSLambdaENIManagementAccess", &[]),
    ("/service-role/AWSLambdaKinesisExecutionRole", &[]),
    ("/service-role/AWSLambdaRole", &[]),
    ("/service-role/AmazonAPIGatewayPushToCloudWatchLogs", &[]),
    ("/service-role/AmazonEBSCSIDriverPolicy", &[]),
    ("/service-role/AmazonEC2ContainerServiceAutoscaleRole", &[]),
    ("/service-role/AmazonEC2ContainerServiceforEC2Role", &[]),
    ("/service-role/AmazonEC2SpotFleetTaggingRole", &[]),
    ("/service-role/AmazonRDSEnhancedMonitoringRole", &[]),
    ("/service-role/AmazonS3ObjectLambdaExecutionRolePolicy", &[]),
    ("/service-role/CloudWatchEventsBuiltInTargetExecutionAccess", &[]),
];

/// The namespace of their ARNs.
const ARNS: &str = "arn:aws:iam::aws:policy";

/// A policy that AWS manages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    full: &'static str,
    actions: &'static [&'static str],
}

/// The one with this ARN.
pub fn find(arn: &str) -> Option<Known> {
    let name = arn.strip_prefix(ARNS)?;
    all().find(|known| known.full == name)
}

/// All of them.
pub fn all() -> impl Iterator<Item = Known> {
    POLICIES.iter().map(|(full, actions)| Known { full, actions })
}

impl Known {
    /// ARN.
    pub fn arn(self) -> String {
        format!("{ARNS}{}", self.full)
    }

    /// `/service-role/`.
    pub fn path(self) -> &'static str {
        self.full.rfind('/').map_or("/", |at| &self.full[..=at])
    }

    /// Name.
    pub fn name(self) -> &'static str {
        self.full.rsplit('/').next().unwrap_or_default()
    }

    /// Its document, where devenv has one.
    pub fn document(self) -> Option<String> {
        if self.actions.is_empty() {
            return None;
        }
        let action: Vec<String> = self.actions.iter().map(|a| format!("\"{a}\"")).collect();
        let action = action.join(", ");
        let action = if self.actions.len() == 1 { action } else { format!("[{action}]") };
        Some(format!(
            r#"{{"Version": "2012-10-17", "Statement": [{{"Effect": "Allow", "Action": {action}, "Resource": "*"}}]}}"#
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Grammar, Policy};

    #[test]
    fn every_document_is_a_policy_and_every_name_is_found() {
        for known in all() {
            assert_eq!(find(&known.arn()), Some(known));
            if let Some(document) = known.document() {
                Policy::parse(&document, Grammar::Identity).unwrap();
            }
        }
        let role =
            find("arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole").unwrap();
        assert_eq!((role.path(), role.name()), ("/service-role/", "AWSLambdaBasicExecutionRole"));
        assert_eq!(find("arn:aws:iam::aws:policy/Rain"), None);
    }
}
