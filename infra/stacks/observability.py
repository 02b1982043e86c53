"""What must not go unseen: alarms, told by one topic, and one dashboard."""

from aws_cdk import Duration, Environment, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.settings import Stage
from infra.stacks.api import Api
from infra.stacks.data import Data
from infra.stacks.ingest import Ingest
from infra.stacks.messaging import Messaging
from infra.stacks.workflow import Workflow

PERIOD = Duration.minutes(5)
OLDEST_MESSAGE_S = 900
SLOW_ANSWER_MS = 5000
SERVER_ERRORS = 5


class Observability(Stack):
    """`alarms` by their name; each tells the one topic when it goes off and when it is over."""

    def __init__(
        self,
        scope: Construct,
        stage: Stage,
        data: Data,
        messaging: Messaging,
        api: Api,
        ingest: Ingest,
        workflow: Workflow,
    ) -> None:
        super().__init__(
            scope,
            f"{stage.prefix}observability",
            env=Environment(region=stage.region),
            description="Bulut PACS: alarms and the dashboard",
            termination_protection=stage.protect,
        )
        self.stage = stage
        self.topic = sns.Topic(
            self,
            "Alarms",
            topic_name=f"{stage.prefix}alarms",
            enforce_ssl=True,
            master_key=kms.Key.from_key_arn(self, "Key", data.key.key_arn),
        )
        if stage.alarm_email:
            self.topic.add_subscription(subscriptions.EmailSubscription(stage.alarm_email))
        self.alarms: dict[str, cloudwatch.Alarm] = {}
        dead_letter_queues = messaging.dead_letter_queues | {"schedules": api.failed_schedules}
        self._queue_alarms(messaging.queues, dead_letter_queues)
        self._api_alarms(api)
        self._workflow_alarms(workflow)
        self._alarm(
            "gateway-unhealthy",
            ingest.targets.metrics.un_healthy_host_count(period=Duration.minutes(1), statistic="Maximum"),
            1,
            "A task of the DICOM node does not answer its health check.",
            periods=3,
        )
        self._dashboard(data, messaging, api, ingest, workflow)

    def _alarm(
        self, name: str, metric: cloudwatch.IMetric, threshold: float, description: str, periods: int = 1
    ) -> None:
        alarm = cloudwatch.Alarm(
            self,
            name,
            alarm_name=f"{self.stage.prefix}{name}",
            alarm_description=description,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            evaluation_periods=periods,
            metric=metric,
            threshold=threshold,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        alarm.add_alarm_action(actions.SnsAction(self.topic))
        alarm.add_ok_action(actions.SnsAction(self.topic))
        self.alarms[name] = alarm

    def _queue_alarms(self, queues: dict[str, sqs.Queue], dead_letter_queues: dict[str, sqs.Queue]) -> None:
        for name, queue in dead_letter_queues.items():
            self._alarm(
                f"{name}-dead",
                queue.metric_approximate_number_of_messages_visible(period=PERIOD, statistic="Maximum"),
                1,
                f"Something in {name} failed for good: `pacs failures` lists it.",
            )
        for name, queue in queues.items():
            self._alarm(
                f"{name}-old",
                queue.metric_approximate_age_of_oldest_message(period=PERIOD, statistic="Maximum"),
                OLDEST_MESSAGE_S,
                f"A message has waited in {name} for {OLDEST_MESSAGE_S} s.",
            )

    def _api_alarms(self, api: Api) -> None:
        self._alarm(
            "api-5xx",
            api.rest_api.metric_server_error(period=PERIOD, statistic="Sum"),
            SERVER_ERRORS,
            "The API answers with errors of its own.",
        )
        self._alarm(
            "api-p95",
            api.rest_api.metric_latency(period=PERIOD, statistic="p95"),
            SLOW_ANSWER_MS,
            "The API is slow: one answer in twenty takes longer than this.",
            periods=3,
        )

    def _workflow_alarms(self, workflow: Workflow) -> None:
        for name, machine in workflow.machines.items():
            ends_badly = cloudwatch.MathExpression(
                expression="failed + late + stopped",
                using_metrics={
                    "failed": machine.metric_failed(),
                    "late": machine.metric_timed_out(),
                    "stopped": machine.metric_aborted(),
                },
                period=PERIOD,
                label="Ended before their time",
            )
            self._alarm(
                f"{name}-failed",
                ends_badly,
                1,
                f"An execution of {name} has ended before its time: the console of Step Functions tells where.",
            )

    def _dashboard(self, data: Data, messaging: Messaging, api: Api, ingest: Ingest, workflow: Workflow) -> None:
        graphed = {
            "Waiting": [queue.metric_approximate_number_of_messages_visible() for queue in messaging.queues.values()],
            "Failed for good": [
                queue.metric_approximate_number_of_messages_visible() for queue in messaging.dead_letter_queues.values()
            ],
            "API: requests and errors": [
                api.rest_api.metric_count(),
                api.rest_api.metric_client_error(),
                api.rest_api.metric_server_error(),
            ],
            "API: latency": [api.rest_api.metric_latency(statistic=each) for each in ("p50", "p95")],
            "Functions: errors": [function.metric_errors() for function in api.functions.values()],
            "Functions: p95 duration": [
                function.metric_duration(statistic="p95") for function in api.functions.values()
            ],
            "State machines": [
                *[machine.metric_started() for machine in workflow.machines.values()],
                *[machine.metric_failed() for machine in workflow.machines.values()],
            ],
            "DICOM node": [
                ingest.targets.metrics.healthy_host_count(),
                ingest.balancer.metrics.active_flow_count(),
                ingest.service.metric_cpu_utilization(),
            ],
            "Database": [data.database.metric_serverless_database_capacity(), data.database.metric_acu_utilization()],
        }
        graphs = [cloudwatch.GraphWidget(title=title, left=left, width=12) for title, left in graphed.items()]
        cloudwatch.Dashboard(
            self,
            "Dashboard",
            dashboard_name=f"{self.stage.prefix}overview",
            widgets=[
                [cloudwatch.AlarmStatusWidget(alarms=list(self.alarms.values()), width=24)],
                *[graphs[first : first + 2] for first in range(0, len(graphs), 2)],
            ],
        )
