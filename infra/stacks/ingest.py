"""The door for modalities: a network load balancer before the DICOM node, which runs as Fargate tasks."""

from pathlib import Path

from aws_cdk import CfnOutput, Duration, Environment, IgnoreMode, Stack
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecr_assets as ecr_assets
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as elb
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.settings import TLS_PORT, Stage
from infra.stacks.data import Data
from infra.stacks.functions import environment
from infra.stacks.grants import BUCKET_ACTIONS, DATABASE_ACTIONS, READ_SECRET, allow, use_key
from infra.stacks.log_groups import retained_log_group

HEALTH_PORT = 8080
DRAIN = Duration.seconds(120)
TEMPORARY = "/tmp"  # noqa: S108 - the one folder of the task that can be written to
# What the node tells in the exchange store.
TOLD = ("associations", "responses/echoes", "responses/nodes")
# What the image is built from; everything else stays out of the context and of its hash.
CONTEXT = ("/*", "!/pyproject.toml", "!/uv.lock", "!/layers", "!/gateway-scp", "__pycache__", "*.pyc")


class Ingest(Stack):
    """`service` is the node; `targets` says how many of its tasks are healthy."""

    def __init__(self, scope: Construct, stage: Stage, data: Data, image_context: Path) -> None:
        super().__init__(
            scope,
            f"{stage.prefix}ingest",
            env=Environment(region=stage.region),
            description="Bulut PACS: the DICOM node",
            termination_protection=stage.protect,
        )
        self.stage, self.data = stage, data
        self.door, self.room = self._security_groups()
        self.balancer = elb.NetworkLoadBalancer(
            self,
            "Balancer",
            vpc=data.vpc,
            vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PUBLIC),
            cross_zone_enabled=True,
            deletion_protection=stage.protect,
            internet_facing=True,
            security_groups=[self.door],
        )
        self.balancer.log_access_logs(data.access_logs, "balancer")
        self.service = self._service(self._task(image_context))
        self.targets = self._targets()
        self._listeners()
        self._scaling()
        CfnOutput(self, "DicomHost", value=self.balancer.load_balancer_dns_name)

    def _security_groups(self) -> tuple[ec2.SecurityGroup, ec2.SecurityGroup]:
        door = ec2.SecurityGroup(
            self, "Door", vpc=self.data.vpc, description="Who reaches the DICOM node", allow_all_outbound=False
        )
        room = ec2.SecurityGroup(self, "Room", vpc=self.data.vpc, description="Tasks of the DICOM node")
        ports = [self.stage.dicom_port, *([TLS_PORT] if self.stage.dicom_tls_certificate_arn else [])]
        for network in self.stage.modality_networks:
            for port in ports:
                door.add_ingress_rule(ec2.Peer.ipv4(network), ec2.Port.tcp(port), "modalities")
        for port in (self.stage.dicom_port, HEALTH_PORT):
            door.add_egress_rule(room, ec2.Port.tcp(port), "the node and its health")
            room.add_ingress_rule(door, ec2.Port.tcp(port), "from the balancer alone")
        return door, room

    def _task(self, image_context: Path) -> ecs.FargateTaskDefinition:
        stage = self.stage
        task = ecs.FargateTaskDefinition(
            self,
            "Task",
            cpu=stage.gateway_cpu,
            memory_limit_mib=stage.gateway_memory_mib,
            runtime_platform=ecs.RuntimePlatform(
                cpu_architecture=ecs.CpuArchitecture.ARM64, operating_system_family=ecs.OperatingSystemFamily.LINUX
            ),
            volumes=[ecs.Volume(name="temporary")],
        )
        container = task.add_container(
            "scp",
            image=ecs.ContainerImage.from_asset(
                str(image_context),
                exclude=list(CONTEXT),
                file="gateway-scp/Dockerfile",
                ignore_mode=IgnoreMode.GIT,
                platform=ecr_assets.Platform.LINUX_ARM64,
            ),
            environment=self._environment(),
            logging=ecs.LogDrivers.aws_logs(
                stream_prefix="scp",
                log_group=retained_log_group(self, "Logs", "gateway-scp", stage, self.data.key),
            ),
            port_mappings=[
                ecs.PortMapping(container_port=stage.dicom_port),
                ecs.PortMapping(container_port=HEALTH_PORT),
            ],
            readonly_root_filesystem=True,
            stop_timeout=DRAIN,
        )
        container.add_mount_points(ecs.MountPoint(container_path=TEMPORARY, source_volume="temporary", read_only=False))
        for statement in self._grants():
            task.add_to_task_role_policy(statement)
        return task

    def _environment(self) -> dict[str, str]:
        return {
            **environment(self.stage, self.data),
            "PACS_BIND": "0.0.0.0",  # noqa: S104 - the security group says who comes
            "PACS_DICOM_PORT": str(self.stage.dicom_port),
            "PACS_DICOM_HEALTH_PORT": str(HEALTH_PORT),
            "TMPDIR": TEMPORARY,
        }

    def _grants(self) -> list[iam.PolicyStatement]:
        originals, exchange = self.data.originals, self.data.exchange
        return [
            # Reading is for HEAD: the same bytes again change nothing.
            allow(("s3:PutObject", "s3:AbortMultipartUpload", "s3:GetObject"), originals.arn_for_objects("*")),
            # The table of modalities, and which peers to try; what came of that, and how the node is.
            allow(("s3:GetObject",), exchange.arn_for_objects("config/*")),
            allow(("s3:PutObject",), *(exchange.arn_for_objects(f"{each}/*") for each in TOLD)),
            allow(BUCKET_ACTIONS[:1], originals.bucket_arn, exchange.bucket_arn),
            # C-FIND and C-MOVE ask the index.
            allow(DATABASE_ACTIONS, self.data.database.cluster_arn),
            allow(READ_SECRET, self.data.database_secret_arn),
            use_key(self.data),
        ]

    def _service(self, task: ecs.FargateTaskDefinition) -> ecs.FargateService:
        cluster = ecs.Cluster(
            self,
            "Cluster",
            cluster_name=f"{self.stage.prefix}ingest",
            container_insights_v2=ecs.ContainerInsights.ENABLED,
            vpc=self.data.vpc,
        )
        return ecs.FargateService(
            self,
            "Service",
            cluster=cluster,
            task_definition=task,
            assign_public_ip=True,  # the way to S3 is the gateway endpoint; to ECR and the logs this one
            circuit_breaker=ecs.DeploymentCircuitBreaker(rollback=True),
            desired_count=self.stage.gateway_tasks_min,
            max_healthy_percent=200,
            min_healthy_percent=100,
            security_groups=[self.room],
            vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PUBLIC),
        )

    def _targets(self) -> elb.NetworkTargetGroup:
        return elb.NetworkTargetGroup(
            self,
            "Targets",
            vpc=self.data.vpc,
            port=self.stage.dicom_port,
            protocol=elb.Protocol.TCP,
            deregistration_delay=DRAIN,
            health_check=elb.HealthCheck(
                enabled=True,
                interval=Duration.seconds(10),
                path="/healthz",
                port=str(HEALTH_PORT),
                protocol=elb.Protocol.HTTP,
            ),
            preserve_client_ip=True,  # the modality table knows peers by their address
            targets=[self.service.load_balancer_target(container_name="scp", container_port=self.stage.dicom_port)],
        )

    def _listeners(self) -> None:
        self.balancer.add_listener("Dicom", port=self.stage.dicom_port, default_target_groups=[self.targets])
        if self.stage.dicom_tls_certificate_arn:
            certificate = acm.Certificate.from_certificate_arn(
                self, "Certificate", self.stage.dicom_tls_certificate_arn
            )
            self.balancer.add_listener(
                "DicomTls",
                port=TLS_PORT,
                protocol=elb.Protocol.TLS,
                certificates=[certificate],
                default_target_groups=[self.targets],
                ssl_policy=elb.SslPolicy.TLS13_RES,
            )

    def _scaling(self) -> None:
        scaling = self.service.auto_scale_task_count(
            min_capacity=self.stage.gateway_tasks_min, max_capacity=self.stage.gateway_tasks_max
        )
        # Slowly in: an association may last for an hour, and a task that stops has two minutes.
        scaling.scale_on_cpu_utilization("Cpu", target_utilization_percent=60, scale_in_cooldown=Duration.minutes(30))
