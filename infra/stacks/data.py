"""What must not be lost: the key, the three stores, the database, the signing keys, and the network they share."""

from aws_cdk import Aws, CfnOutput, Duration, Environment, RemovalPolicy, SecretValue, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_rds as rds
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from infra.settings import Stage
from infra.stacks.log_groups import retained_log_group
from pacs.viewing.origins import PREFLIGHT_LIFE_S, RESPONSE_HEADERS

# Errors are logged without the statement and without the DETAIL line, both of which may quote a patient.
DATABASE_PARAMETERS = {
    "log_error_verbosity": "terse",
    "log_min_duration_statement": "-1",
    "log_min_error_statement": "fatal",
    "log_statement": "none",
    "rds.force_ssl": "1",
}
SHORT_LIVED = ("audio/", "exports/", "reports/", "responses/", "associations/", "uploads/")
READ = (s3.HttpMethods.GET, s3.HttpMethods.HEAD)


class Data(Stack):
    """Everything else refers to this stack; it refers to none."""

    def __init__(self, scope: Construct, stage: Stage) -> None:
        super().__init__(
            scope,
            f"{stage.prefix}data",
            env=Environment(region=stage.region),
            description="Bulut PACS: stores, database, keys",
            termination_protection=stage.protect,
        )
        self.stage = stage
        self.keep = RemovalPolicy.RETAIN if stage.protect else RemovalPolicy.DESTROY
        self.key = self._key()
        self.access_logs = self._access_logs()
        self.originals = self._originals()
        self.derived = self._derived()
        self.exchange = self._exchange()
        self.stores = {"originals": self.originals, "derived": self.derived, "exchange": self.exchange}
        self.vpc = self._vpc()
        self.database = self._database()
        # `python -m infra.keys` fills it; deployments leave what it holds alone.
        self.signing_secret = secretsmanager.Secret(
            self,
            "SigningKeys",
            secret_name=f"{stage.prefix}signing-keys",
            description="Keys that sign tokens, by audience",
            secret_string_value=SecretValue.unsafe_plain_text("{}"),
            encryption_key=self.key,
            removal_policy=self.keep,
        )

        CfnOutput(self, "ExchangeBucket", value=self.exchange.bucket_name)

    @property
    def database_secret_arn(self) -> str:
        """The secret that RDS made and rotates by itself."""
        secret = self.database.secret
        assert secret is not None
        return secret.secret_arn

    def _key(self) -> kms.Key:
        key = kms.Key(
            self,
            "Key",
            alias=f"{self.stage.prefix}data",
            description=f"Encrypts everything that {self.stage.prefix}* keeps",
            enable_key_rotation=True,
            removal_policy=self.keep,
        )
        our_logs = f"arn:{Aws.PARTITION}:logs:{self.stage.region}:{Aws.ACCOUNT_ID}:*"
        services = {
            "s3.amazonaws.com": {"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
            "sns.amazonaws.com": {"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
            "events.amazonaws.com": {"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
            "cloudwatch.amazonaws.com": {"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
            "cloudfront.amazonaws.com": self._our_distributions(),
            # What Step Functions logs goes this way.
            "delivery.logs.amazonaws.com": {"StringEquals": {"kms:EncryptionContext:SourceArn": our_logs}},
            f"logs.{self.stage.region}.amazonaws.com": {
                "ArnLike": {"kms:EncryptionContext:aws:logs:arn": f"arn:{Aws.PARTITION}:logs:*:{Aws.ACCOUNT_ID}:*"}
            },
        }
        for service, conditions in services.items():
            key.add_to_resource_policy(
                iam.PolicyStatement(
                    principals=[iam.ServicePrincipal(service)],
                    actions=["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey*", "kms:DescribeKey"],
                    resources=["*"],
                    conditions=conditions,
                )
            )
        return key

    @staticmethod
    def _our_distributions() -> dict[str, dict[str, str]]:
        # Any distribution of this account: naming the one in `edge` would tie the two stacks in a circle.
        return {"ArnLike": {"aws:SourceArn": f"arn:{Aws.PARTITION}:cloudfront::{Aws.ACCOUNT_ID}:distribution/*"}}

    def _access_logs(self) -> s3.Bucket:
        return s3.Bucket(
            self,
            "AccessLogs",
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            lifecycle_rules=[s3.LifecycleRule(expiration=Duration.days(self.stage.log_days))],
            removal_policy=self.keep,
        )

    def _bucket(self, name: str, *rules: s3.LifecycleRule, methods: tuple[s3.HttpMethods, ...] = READ) -> s3.Bucket:
        return s3.Bucket(
            self,
            name,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            bucket_key_enabled=True,
            # Large answers are redirects to here, after which browsers may name no origin any more. It is the signature
            # in the address, or in the form, that says who may read or write.
            cors=[
                s3.CorsRule(
                    allowed_headers=["*"],
                    allowed_methods=list(methods),
                    allowed_origins=["*"],
                    exposed_headers=list(RESPONSE_HEADERS),
                    max_age=PREFLIGHT_LIFE_S,
                )
            ],
            encryption=s3.BucketEncryption.KMS,
            encryption_key=self.key,
            enforce_ssl=True,
            lifecycle_rules=[
                s3.LifecycleRule(abort_incomplete_multipart_upload_after=Duration.days(2)),
                *rules,
            ],
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            removal_policy=self.keep,
            server_access_logs_bucket=self.access_logs,
            server_access_logs_prefix=f"{name.lower()}/",
            versioned=True,
        )

    def _originals(self) -> s3.Bucket:
        return self._bucket(
            "Originals",
            s3.LifecycleRule(
                transitions=[
                    s3.Transition(storage_class=s3.StorageClass.INTELLIGENT_TIERING, transition_after=Duration.days(0))
                ]
            ),
        )

    def _derived(self) -> s3.Bucket:
        bucket = self._bucket(
            "Derived",
            s3.LifecycleRule(noncurrent_version_expiration=Duration.days(1)),
            # Frames are nearly all of it; what somebody still wants is made again.
            *(
                s3.LifecycleRule(prefix=kind, expiration=Duration.days(self.stage.derived_days))
                for kind in ("frames/", "thumbnails/", "video/")
            ),
        )
        bucket.add_to_resource_policy(
            iam.PolicyStatement(
                sid="FramesByCloudFront",
                principals=[iam.ServicePrincipal("cloudfront.amazonaws.com")],
                actions=["s3:GetObject"],
                resources=[bucket.arn_for_objects("frames/*")],
                conditions=self._our_distributions(),
            )
        )
        return bucket

    def _exchange(self) -> s3.Bucket:
        expiring = [
            s3.LifecycleRule(prefix=prefix, expiration=Duration.days(self.stage.exchange_days))
            for prefix in SHORT_LIVED
        ]
        older = s3.LifecycleRule(noncurrent_version_expiration=Duration.days(7))
        return self._bucket("Exchange", older, *expiring, methods=(*READ, s3.HttpMethods.POST))

    def _vpc(self) -> ec2.Vpc:
        """Two zones; the gateway stands in the public half, the database in the half that knows no way out."""
        vpc = ec2.Vpc(
            self,
            "Vpc",
            max_azs=2,
            nat_gateways=0,
            restrict_default_security_group=False,
            subnet_configuration=[
                ec2.SubnetConfiguration(
                    name="public", subnet_type=ec2.SubnetType.PUBLIC, cidr_mask=24, map_public_ip_on_launch=False
                ),
                ec2.SubnetConfiguration(name="database", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED, cidr_mask=24),
            ],
        )
        vpc.add_gateway_endpoint("S3", service=ec2.GatewayVpcEndpointAwsService.S3)
        flow_logs = retained_log_group(self, "FlowLogGroup", "vpc", self.stage, self.key)
        vpc.add_flow_log("FlowLog", destination=ec2.FlowLogDestination.to_cloud_watch_logs(flow_logs))
        return vpc

    def _database(self) -> rds.DatabaseCluster:
        identifier = f"{self.stage.prefix}database"
        logs = retained_log_group(
            self, "DatabaseLogs", "", self.stage, self.key, exact_name=f"/aws/rds/cluster/{identifier}/postgresql"
        )
        cluster = rds.DatabaseCluster(
            self,
            "Database",
            cluster_identifier=identifier,
            engine=rds.DatabaseClusterEngine.aurora_postgres(version=rds.AuroraPostgresEngineVersion.VER_17_9),
            backup=rds.BackupProps(retention=Duration.days(self.stage.backup_days)),
            cloudwatch_logs_exports=["postgresql"],
            copy_tags_to_snapshot=True,
            credentials=rds.Credentials.from_username("pacs", encryption_key=self.key),
            manage_master_user_password=True,
            default_database_name="pacs",
            deletion_protection=self.stage.protect,
            enable_data_api=True,
            iam_authentication=True,
            parameters=DATABASE_PARAMETERS,
            removal_policy=RemovalPolicy.SNAPSHOT if self.stage.protect else RemovalPolicy.DESTROY,
            serverless_v2_max_capacity=self.stage.database_max_acu,
            serverless_v2_min_capacity=self.stage.database_min_acu,
            storage_encrypted=True,
            storage_encryption_key=self.key,
            vpc=self.vpc,
            vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED),
            writer=rds.ClusterInstance.serverless_v2("Writer", auto_minor_version_upgrade=True),
        )
        cluster.node.add_dependency(logs)
        return cluster
