"""RAI LLM: an own vision model on one GPU, spoken to as OpenAI is. Off unless a stage names an instance for it.

Nobody reaches it but CloudFront, through a VPC origin, and whoever brings the Bearer token. Nights it is not there.
Why it is ECS and not SageMaker, and what to do first: docs/adr/0019, docs/rai-llm.md.
"""

from aws_cdk import Aws, CfnOutput, Duration, Environment, Stack, TimeZone
from aws_cdk import aws_applicationautoscaling as scaling
from aws_cdk import aws_autoscaling as autoscaling
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as elb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from infra.settings import Stage
from infra.stacks.data import Data
from infra.stacks.grants import allow, use_key
from infra.stacks.log_groups import retained_log_group

PORT = 8000
# CloudFront waits no longer for a first byte; a draft of eight images takes half of it.
LONGEST_ANSWER = Duration.seconds(120)
# What the agent of ECS asks for; pulling and logging are done by the task's own role.
OF_CLUSTER = ("ecs:RegisterContainerInstance", "ecs:DeregisterContainerInstance")
OF_INSTANCE = (
    *("ecs:Poll", "ecs:StartTelemetrySession", "ecs:UpdateContainerInstancesState"),
    *("ecs:SubmitAttachmentStateChanges", "ecs:SubmitContainerStateChange", "ecs:SubmitTaskStateChange"),
)
# Image, weights and compiling: the first health check that counts.
START = Duration.minutes(15)
DISK_GIB, MEMORY_MIB = 120, 13_000
# Eight images of 1280 pixels are 17,000 tokens to this model.
IMAGES_MAX, TOKENS_MAX = 8, 24_576


class RaiLlm(Stack):
    """`service` is vLLM's OpenAI server with one pinned model; between the stage's hours there is one task of it."""

    def __init__(self, scope: Construct, stage: Stage, data: Data) -> None:
        super().__init__(
            scope,
            f"{stage.prefix}rai-llm",
            env=Environment(region=stage.region),
            description="Bulut PACS: an own vision model on a GPU",
            termination_protection=stage.protect,
        )
        self.stage, self.data = stage, data
        # Imported, because a grant on the construct itself would write into `data` and close a circle.
        self.key = kms.Key.from_key_arn(self, "Key", data.key.key_arn)
        self.token = secretsmanager.Secret(
            self,
            "Token",
            secret_name=f"{stage.prefix}rai-llm-token",
            description="Bearer token of RAI LLM",
            encryption_key=self.key,
            generate_secret_string=secretsmanager.SecretStringGenerator(exclude_punctuation=True, password_length=48),
        )
        self.door, self.room = self._security_groups()
        self.cluster, capacity = self._cluster()
        self.service = self._service(capacity)
        self.balancer = self._balancer()
        distribution = self._distribution()
        self._hours()
        CfnOutput(self, "Url", value=f"https://{distribution.domain_name}/v1")
        CfnOutput(self, "TokenArn", value=self.token.secret_arn)

    def _security_groups(self) -> tuple[ec2.SecurityGroup, ec2.SecurityGroup]:
        door = ec2.SecurityGroup(
            self, "Door", vpc=self.data.vpc, description="Who reaches RAI LLM", allow_all_outbound=False
        )
        # Out it goes for the image and the weights alone; in comes nobody but the balancer.
        room = ec2.SecurityGroup(
            self, "Room", vpc=self.data.vpc, description="The GPU of RAI LLM", allow_all_outbound=False
        )
        room.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(443), "image, weights, AWS")
        door.add_ingress_rule(ec2.Peer.ipv4(self.data.vpc.vpc_cidr_block), ec2.Port.tcp(80), "CloudFront's VPC origin")
        door.add_egress_rule(room, ec2.Port.tcp(PORT), "the model")
        room.add_ingress_rule(door, ec2.Port.tcp(PORT), "from the balancer alone")
        return door, room

    def _cluster(self) -> tuple[ecs.Cluster, ecs.AsgCapacityProvider]:
        """Instances come when a task waits, and go when none is left."""
        cluster = ecs.Cluster(
            self,
            "Cluster",
            cluster_name=f"{self.stage.prefix}rai-llm",
            container_insights_v2=ecs.ContainerInsights.ENABLED,
            vpc=self.data.vpc,
        )
        group = autoscaling.AutoScalingGroup(
            self,
            "Machines",
            vpc=self.data.vpc,
            vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PUBLIC),
            launch_template=self._machine(),
            min_capacity=0,
            max_capacity=1,
            health_checks=autoscaling.HealthChecks.ec2(grace_period=START),
        )
        capacity = ecs.AsgCapacityProvider(
            self,
            "Capacity",
            auto_scaling_group=group,
            enable_managed_draining=True,
            enable_managed_termination_protection=False,
        )
        cluster.add_asg_capacity_provider(capacity)
        return cluster, capacity

    def _machine(self) -> ec2.LaunchTemplate:
        """What comes when it is needed, under a role of its own."""
        role = iam.Role(
            self,
            "InstanceRole",
            assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"),
            description="What the GPU's machine may touch",
        )
        arn = f"arn:{Aws.PARTITION}:ecs:{self.stage.region}:{Aws.ACCOUNT_ID}"
        name = f"{self.stage.prefix}rai-llm"
        role.add_to_policy(allow(("ecs:DiscoverPollEndpoint",), "*"))
        role.add_to_policy(allow(OF_CLUSTER, f"{arn}:cluster/{name}"))
        role.add_to_policy(allow(OF_INSTANCE, f"{arn}:container-instance/{name}/*"))
        return ec2.LaunchTemplate(
            self,
            "Machine",
            instance_type=ec2.InstanceType(self.stage.gpu_instance_type),
            machine_image=ecs.EcsOptimizedImage.amazon_linux2023(ecs.AmiHardwareType.GPU),
            associate_public_ip_address=True,  # the way out, as the DICOM node has it: docs/adr/0001
            security_group=self.room,
            role=role.without_policy_updates(),  # CDK would add more than the agent asks for
            require_imdsv2=True,
            http_put_response_hop_limit=1,  # containers do not borrow the machine's role
            detailed_monitoring=True,
            user_data=ec2.UserData.for_linux(),
            block_devices=[
                ec2.BlockDevice(
                    device_name="/dev/xvda",
                    volume=ec2.BlockDeviceVolume.ebs(
                        DISK_GIB, encrypted=True, volume_type=ec2.EbsDeviceVolumeType.GP3, delete_on_termination=True
                    ),
                )
            ],
        )

    def _service(self, capacity: ecs.AsgCapacityProvider) -> ecs.Ec2Service:
        return ecs.Ec2Service(
            self,
            "Service",
            cluster=self.cluster,
            task_definition=self._task(),
            capacity_provider_strategies=[
                ecs.CapacityProviderStrategy(capacity_provider=capacity.capacity_provider_name, weight=1)
            ],
            circuit_breaker=ecs.DeploymentCircuitBreaker(rollback=True),
            desired_count=0,  # the hours decide
            health_check_grace_period=START,
            max_healthy_percent=100,  # there is one GPU
            min_healthy_percent=0,
        )

    def _task(self) -> ecs.Ec2TaskDefinition:
        stage = self.stage
        task = ecs.Ec2TaskDefinition(self, "Task", network_mode=ecs.NetworkMode.BRIDGE)
        task.add_to_execution_role_policy(use_key(self.data))
        container = task.add_container(
            "vllm",
            image=ecs.ContainerImage.from_registry(stage.gpu_image),
            command=[
                *("--model", stage.gpu_model, "--revision", stage.gpu_model_revision),
                *("--served-model-name", stage.gpu_model, "--port", str(PORT)),
                *("--max-model-len", str(TOKENS_MAX), "--limit-mm-per-prompt", f'{{"image": {IMAGES_MAX}}}'),
                *("--gpu-memory-utilization", "0.92"),  # prompts are logged when it is asked for alone
            ],
            secrets={"VLLM_API_KEY": ecs.Secret.from_secrets_manager(self.token)},
            gpu_count=1,
            memory_limit_mib=MEMORY_MIB,
            linux_parameters=ecs.LinuxParameters(self, "Linux", shared_memory_size=2048),
            logging=ecs.LogDrivers.aws_logs(
                stream_prefix="vllm", log_group=retained_log_group(self, "Logs", "rai-llm", stage, self.key)
            ),
            port_mappings=[ecs.PortMapping(container_port=PORT, host_port=PORT)],
        )
        container.add_ulimits(ecs.Ulimit(name=ecs.UlimitName.MEMLOCK, soft_limit=-1, hard_limit=-1))
        return task

    def _balancer(self) -> elb.ApplicationLoadBalancer:
        """Inside the VPC. vLLM asks its token below /v1 alone, so nothing else is let through."""
        balancer = elb.ApplicationLoadBalancer(
            self,
            "Balancer",
            vpc=self.data.vpc,
            vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED),
            internet_facing=False,
            security_group=self.door,
            deletion_protection=self.stage.protect,
            drop_invalid_header_fields=True,
            idle_timeout=LONGEST_ANSWER,
        )
        balancer.log_access_logs(self.data.access_logs, "rai-llm")
        listener = balancer.add_listener(
            "Http", port=80, open=False, default_action=elb.ListenerAction.fixed_response(404)
        )
        listener.add_targets(
            "Model",
            port=PORT,
            protocol=elb.ApplicationProtocol.HTTP,
            priority=1,
            conditions=[elb.ListenerCondition.path_patterns(["/v1/*"])],
            targets=[self.service.load_balancer_target(container_name="vllm", container_port=PORT)],
            deregistration_delay=LONGEST_ANSWER,
            health_check=elb.HealthCheck(path="/health", interval=Duration.seconds(15), healthy_threshold_count=2),
        )
        return balancer

    def _distribution(self) -> cloudfront.Distribution:
        origin = origins.VpcOrigin.with_application_load_balancer(
            self.balancer,
            protocol_policy=cloudfront.OriginProtocolPolicy.HTTP_ONLY,
            read_timeout=LONGEST_ANSWER,
            keepalive_timeout=Duration.seconds(60),
        )
        return cloudfront.Distribution(
            self,
            "Distribution",
            comment=f"{self.stage.prefix}rai-llm",
            default_behavior=cloudfront.BehaviorOptions(
                origin=origin,
                allowed_methods=cloudfront.AllowedMethods.ALLOW_ALL,
                cache_policy=cloudfront.CachePolicy.CACHING_DISABLED,
                origin_request_policy=cloudfront.OriginRequestPolicy.ALL_VIEWER_EXCEPT_HOST_HEADER,
                viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.HTTPS_ONLY,
            ),
            minimum_protocol_version=cloudfront.SecurityPolicyProtocol.TLS_V1_2_2021,
        )

    def _hours(self) -> None:
        """One task from the first hour to the last, on the stage's days; none at night."""
        first, last = self.stage.gpu_hours
        count = self.service.auto_scale_task_count(min_capacity=0, max_capacity=1)
        for name, hour, tasks in (("Morning", first, 1), ("Night", last, 0)):
            count.scale_on_schedule(
                name,
                schedule=scaling.Schedule.cron(minute="0", hour=str(hour), week_day=self.stage.gpu_days),
                time_zone=TimeZone.of(self.stage.time_zone),
                min_capacity=tasks,
                max_capacity=tasks,
            )
