"""Every finding of cdk-nag that we live with, and why. Read by infra/app.py; a test proves that none is idle.

Paths start at the stack, without the stage's prefix; an acknowledgement holds for everything below its path.
"""

from aws_cdk import Acknowledgment, App, Validations
from constructs import IConstruct

from infra.settings import STAGES, Stage
from infra.stacks.grants import bedrock_models, transcription_jobs

PUBLISHER = "edge/Custom::CDKBucketDeployment8693BB64968944B69AAFB0CC9EB8756C512MiB"
CDK_FUNCTION = "A helper of CDK itself, which runs during deployments and at no other time."
INLINE = "Each role has the one policy that its function needs; nothing else could share it."
OBJECTS = "Every object of this store: whose they are is the Scope's business, not IAM's."
NO_REPLICA = "One region keeps eleven nines; a second one is the owner's choice and doubles the bill."
INSIDE = "CloudFront comes through its own interface in this VPC; out of it leads no way to this listener."
OWN_ADDRESSES = "The addresses of this VPC alone, which the rule cannot read."
ECS_AGENT = "Where the agent of ECS reports is asked without a resource."
GPU_INSTANCES = "arn:<AWS::Partition>:ecs:{region}:<AWS::AccountId>:container-instance/{prefix}rai-llm/*"
AWS_POLICY = "arn:<AWS::Partition>:iam::aws:policy/service-role"
VAULT = "arn:<AWS::Partition>:secretsmanager:{region}:<AWS::AccountId>:secret:{prefix}vault/*"
ORIGINALS = "{prefix}data:ExportsOutputFnGetAttOriginals63BA965BArn26B89E1C"
DERIVED = "{prefix}data:ExportsOutputFnGetAttDerived2F7F6E82ArnEC19F768"
EXCHANGE = "{prefix}data:ExportsOutputFnGetAttExchange6745BA1EArn27C4A345"

# Path, rule and reason of each.
ACKNOWLEDGED: tuple[tuple[str, str, str], ...] = (
    # Data
    ("data", "HIPAA.Security-IAMNoInlinePolicy", INLINE),
    ("data", "HIPAA.Security-S3BucketReplicationEnabled", NO_REPLICA),
    ("data/AccessLogs", "HIPAA.Security-S3BucketVersioningEnabled", "Logs are written once and expire."),
    ("data/AccessLogs", "HIPAA.Security-S3DefaultEncryptionKMS", "S3 delivers logs to no bucket with a key of ours."),
    ("data/Database", "AwsSolutions-RDS10", "dev only: it may be thrown away."),
    ("data/Database", "HIPAA.Security-RDSEnhancedMonitoringEnabled", "A serverless writer has no host to watch."),
    ("data/Database", "HIPAA.Security-RDSInBackupPlan", "Aurora's own backups reach back to any second."),
    ("data/Database", "HIPAA.Security-RDSInstanceDeletionProtectionEnabled", "dev only: it may be thrown away."),
    ("data/SigningKeys", "AwsSolutions-SMG4", "`python -m infra.keys --rotate` does it, the edge's copy included."),
    ("data/SigningKeys", "HIPAA.Security-SecretsManagerRotationEnabled", "As AwsSolutions-SMG4."),
    ("data/Vpc", "HIPAA.Security-VPCDefaultSecurityGroupClosed", "Nothing is in the default group."),
    ("data/Vpc", "HIPAA.Security-VPCNoUnrestrictedRouteToIGW", "Only the balancer and its tasks: docs/adr/0001."),
    # Messaging
    ("messaging", "HIPAA.Security-IAMNoInlinePolicy", CDK_FUNCTION),
    ("messaging", f"AwsSolutions-IAM4[Policy::{AWS_POLICY}/AWSLambdaBasicExecutionRole]", CDK_FUNCTION),
    # API
    ("api", "AwsSolutions-L1", "Python 3.13 is what the layers' packages are built for and tested with."),
    ("api", "AwsSolutions-IAM5[Resource::*]", "X-Ray's two actions know no resource."),
    ("api", f"AwsSolutions-IAM5[Resource::{ORIGINALS}/*]", OBJECTS),
    ("api", f"AwsSolutions-IAM5[Resource::{DERIVED}/*]", OBJECTS),
    ("api", f"AwsSolutions-IAM5[Resource::{EXCHANGE}/*]", OBJECTS),
    ("api", f"AwsSolutions-IAM5[Resource::{VAULT}]", "A secret each for what administrators tell us."),
    ("api", "HIPAA.Security-IAMNoInlinePolicy", INLINE),
    ("api", "HIPAA.Security-LambdaConcurrency", "One clinic: the account's own limit is the right one."),
    ("api", "HIPAA.Security-LambdaDLQ", "Queues and schedules have theirs; the rest is called and answers."),
    ("api", "HIPAA.Security-LambdaInsideVPC", "Everything they touch is an API with IAM: no VPC, no NAT."),
    ("api/schedules-dlq", "AwsSolutions-SQS3", "It is the dead-letter queue of the schedules."),
    ("api/Api", "AwsSolutions-APIG2", "FastAPI validates, and says in our shape what is wrong."),
    ("api/Api", "AwsSolutions-APIG3", "dev only: prod has a web ACL."),
    (
        "api/Api",
        "AwsSolutions-APIG4",
        "Sign-in and launch check what they are given themselves; preflights ask nothing.",
    ),
    ("api/Api", "AwsSolutions-COG4", "The members are in our own database; a Lambda authorizer checks their tokens."),
    ("api/Api", f"AwsSolutions-IAM4[Policy::{AWS_POLICY}/AmazonAPIGatewayPushToCloudWatchLogs]", "Made for this."),
    ("api/Api", "HIPAA.Security-APIGWCacheEnabledAndEncrypted", "Answers belong to who asked: nothing is cached."),
    ("api/Api", "HIPAA.Security-APIGWSSLEnabled", "Behind it are Lambda functions, which see no client certificate."),
    # Workflow
    ("workflow", "HIPAA.Security-IAMNoInlinePolicy", INLINE),
    ("workflow/report-job", "AwsSolutions-SF1", "Failures alone are logged; histories hold the rest for 90 days."),
    ("workflow/report-jobRole", "AwsSolutions-IAM5[Resource::*]", "Deliveries of logs and traces know no resource."),
    # Ingest
    ("ingest", "HIPAA.Security-IAMNoInlinePolicy", INLINE),
    ("ingest/Balancer", "HIPAA.Security-ELBDeletionProtectionEnabled", "dev only: it may be thrown away."),
    ("ingest/Balancer", "HIPAA.Security-ELBv2ACMCertificateRequired", "Old modalities speak no TLS; 2762 does."),
    ("ingest/Task", "AwsSolutions-ECS2", "Names of buckets and ports; secrets are read at run time."),
    ("ingest/Task", "AwsSolutions-IAM5[Resource::*]", "ecr:GetAuthorizationToken knows no resource."),
    ("ingest/Task", f"AwsSolutions-IAM5[Resource::{ORIGINALS}/*]", "It stores the instances of all organizations."),
    ("ingest/Task", f"AwsSolutions-IAM5[Resource::{EXCHANGE}/associations/*]", "One object an association."),
    ("ingest/Task", f"AwsSolutions-IAM5[Resource::{EXCHANGE}/config/*]", "Who may send, and whom to try."),
    ("ingest/Task", f"AwsSolutions-IAM5[Resource::{EXCHANGE}/responses/echoes/*]", "One object a peer that was tried."),
    ("ingest/Task", f"AwsSolutions-IAM5[Resource::{EXCHANGE}/responses/nodes/*]", "One object a running node."),
    # Edge
    ("edge/Distribution", "AwsSolutions-CFR1", "A referring doctor may be anywhere; tokens say who sees."),
    ("edge/Distribution", "AwsSolutions-CFR2", "The web ACL stands before the API: infra/stacks/firewall.py."),
    (
        "edge/Distribution",
        "AwsSolutions-CFR3",
        "Its logs would hold query strings, and launch links carry tokens there.",
    ),
    ("edge/Distribution", "AwsSolutions-CFR4", "Until the stage has a domain of its own."),
    ("edge/Site", "AwsSolutions-S1", "A published viewer: who fetched it tells nothing."),
    ("edge/Site", "HIPAA.Security-S3BucketLoggingEnabled", "As AwsSolutions-S1."),
    ("edge/Site", "HIPAA.Security-S3BucketReplicationEnabled", "Built from the repository."),
    ("edge/Site", "HIPAA.Security-S3DefaultEncryptionKMS", "Published files; S3's own key will do."),
    # RAI LLM
    ("rai-llm/Balancer/Http", "HIPAA.Security-ALBHttpToHttpsRedirection", INSIDE),
    ("rai-llm/Balancer/Http", "HIPAA.Security-ELBv2ACMCertificateRequired", INSIDE),
    ("rai-llm/Distribution", "AwsSolutions-CFR1", "Our functions alone call it, from whichever region."),
    ("rai-llm/Distribution", "AwsSolutions-CFR2", "Whoever lacks the token gets nothing but 401 and 404."),
    ("rai-llm/Distribution", "AwsSolutions-CFR3", "The balancer behind it writes down each call."),
    ("rai-llm/Distribution", "AwsSolutions-CFR4", "It has CloudFront's own name; clients of ours speak TLS 1.3."),
    ("rai-llm/Door", "AwsSolutions-EC23", OWN_ADDRESSES),
    ("rai-llm/Door", "HIPAA.Security-EC2RestrictedCommonPorts", OWN_ADDRESSES),
    ("rai-llm/Door", "HIPAA.Security-EC2RestrictedSSH", OWN_ADDRESSES),
    ("rai-llm/InstanceRole", "AwsSolutions-IAM5[Resource::*]", ECS_AGENT),
    (
        "rai-llm/InstanceRole",
        f"AwsSolutions-IAM5[Resource::{GPU_INSTANCES}]",
        "Whichever machine of this cluster it is.",
    ),
    ("rai-llm", "HIPAA.Security-IAMNoInlinePolicy", INLINE),
    (
        "rai-llm/Machines",
        "AwsSolutions-AS3",
        "One machine comes and goes with the hours; the alarm is a failing health check.",
    ),
    ("rai-llm/Token", "AwsSolutions-SMG4", "A new token needs a new task: docs/rai-llm.md says how."),
    ("rai-llm/Token", "HIPAA.Security-SecretsManagerRotationEnabled", "As AwsSolutions-SMG4."),
    (PUBLISHER, "AwsSolutions-L1", CDK_FUNCTION),
    (PUBLISHER, f"AwsSolutions-IAM4[Policy::{AWS_POLICY}/AWSLambdaBasicExecutionRole]", CDK_FUNCTION),
    (PUBLISHER, "AwsSolutions-IAM5[Action::s3:Abort*]", CDK_FUNCTION),
    (PUBLISHER, "AwsSolutions-IAM5[Action::s3:DeleteObject*]", CDK_FUNCTION),
    (PUBLISHER, "AwsSolutions-IAM5[Action::s3:GetBucket*]", CDK_FUNCTION),
    (PUBLISHER, "AwsSolutions-IAM5[Action::s3:GetObject*]", CDK_FUNCTION),
    (PUBLISHER, "AwsSolutions-IAM5[Action::s3:List*]", CDK_FUNCTION),
    (PUBLISHER, "AwsSolutions-IAM5[Resource::*]", "cloudfront:CreateInvalidation by CDK's helper."),
    (PUBLISHER, "AwsSolutions-IAM5[Resource::<SiteE53D7754.Arn>/*]", CDK_FUNCTION),
    (
        PUBLISHER,
        "AwsSolutions-IAM5[Resource::arn:aws:s3:::cdk-hnb659fds-assets-<AWS::AccountId>-{region}/*]",
        CDK_FUNCTION,
    ),
    (PUBLISHER, "HIPAA.Security-IAMNoInlinePolicy", CDK_FUNCTION),
    (PUBLISHER, "HIPAA.Security-LambdaConcurrency", CDK_FUNCTION),
    (PUBLISHER, "HIPAA.Security-LambdaDLQ", CDK_FUNCTION),
    (PUBLISHER, "HIPAA.Security-LambdaInsideVPC", CDK_FUNCTION),
)

# The same for what CDK itself warns of.
WARNED: tuple[tuple[str, str, str], ...] = (
    (
        "messaging",
        "Annotation::@aws-cdk/aws-s3-notifications:sqsKMSPermissionsNotAdded",
        "The key's policy in infra/stacks/data.py lets S3 use it.",
    ),
    (
        "edge/Distribution",
        "Annotation::@aws-cdk/aws-cloudfront-origins:updateImportedBucketPolicyOac",
        "The bucket's policy in infra/stacks/data.py lets CloudFront read frames.",
    ),
)


def acknowledged(stage: Stage) -> list[tuple[str, str, str]]:
    """The table as one stage sees it: construct path from the app, rule, reason."""
    table = [entry for entry in ACKNOWLEDGED if stage.gpu_instance_type or not entry[0].startswith("rai-llm")]
    return [
        (stage.prefix + path, rule.format(prefix=stage.prefix, region=stage.region), reason)
        for path, rule, reason in [*table, *asked(stage)]
    ]


def asked(stage: Stage) -> list[tuple[str, str, str]]:
    """What asking the stage's models of AWS needs."""
    here = (stage, "<AWS::Partition>", "<AWS::AccountId>")
    told = [
        *((each, "Our jobs are named by their recordings.") for each in transcription_jobs(*here)),
        *((each, "A profile leads to whichever region has room.") for each in bedrock_models(*here)),
    ]
    return [("api", f"AwsSolutions-IAM5[Resource::{arn}]", reason) for arn, reason in told if "*" in arn]


def acknowledge(app: App, stages: tuple[Stage, ...] = STAGES) -> None:
    """Tell cdk-nag what we know. Raises for a path that no construct has."""
    for stage in stages:
        warned = [(stage.prefix + path, rule, reason) for path, rule, reason in WARNED]
        for path, rule, reason in [*acknowledged(stage), *warned]:
            construct: IConstruct = app
            for part in path.split("/"):
                construct = construct.node.find_child(part)
            Validations.of(construct).acknowledge(Acknowledgment(id=rule, reason=reason))
