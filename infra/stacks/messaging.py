"""What waits between the functions: the catalogue's queues and topics, and the events of the stores."""

from aws_cdk import Duration, Environment, Stack
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_notifications as notifications
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from functions import catalogue
from functions.entries import Source, Topic
from infra.settings import Stage
from infra.stacks.data import Data

DEAD = "-dlq"
KEPT = Duration.days(14)


def dead_letter_queue(scope: Construct, name: str, stage: Stage, key: kms.IKey) -> sqs.Queue:
    """The queue of what failed for good under this name; two weeks to look at it."""
    return sqs.Queue(
        scope,
        f"{name}{DEAD}",
        queue_name=f"{stage.prefix}{name}{DEAD}",
        encryption_master_key=key,
        enforce_ssl=True,
        retention_period=KEPT,
    )


class Messaging(Stack):
    """Every queue has its dead-letter queue, named after it with `-dlq` behind, as `pacs.aws.queue` knows."""

    def __init__(self, scope: Construct, stage: Stage, data: Data) -> None:
        super().__init__(
            scope,
            f"{stage.prefix}messaging",
            env=Environment(region=stage.region),
            description="Bulut PACS: queues and topics",
            termination_protection=stage.protect,
        )
        self.stage = stage
        # Imported, because a grant on the construct itself would write into `data` and close a circle.
        self.key = kms.Key.from_key_arn(self, "Key", data.key.key_arn)
        self.queues: dict[str, sqs.Queue] = {}
        self.dead_letter_queues: dict[str, sqs.Queue] = {}
        for function in catalogue.FUNCTIONS:
            for source in function.sources:
                self._queue(source, function.timeout_s)
        self.topics = {topic.name: self._topic(topic) for topic in catalogue.TOPICS}
        for store, queue in catalogue.STORE_EVENTS.items():
            self._store_events(store, data.stores[store], self.queues[queue])

    def _queue(self, source: Source, timeout_s: int) -> None:
        dead = dead_letter_queue(self, source.queue, self.stage, self.key)
        self.dead_letter_queues[source.queue] = dead
        self.queues[source.queue] = sqs.Queue(
            self,
            source.queue,
            queue_name=f"{self.stage.prefix}{source.queue}",
            dead_letter_queue=sqs.DeadLetterQueue(max_receive_count=source.max_receives, queue=dead),
            encryption_master_key=self.key,
            enforce_ssl=True,
            retention_period=KEPT,
            visibility_timeout=Duration.seconds(6 * timeout_s + source.window_s),
        )

    def _topic(self, topic: Topic) -> sns.Topic:
        built = sns.Topic(
            self, topic.name, topic_name=f"{self.stage.prefix}{topic.name}", master_key=self.key, enforce_ssl=True
        )
        for queue in topic.subscribers:
            built.add_subscription(
                subscriptions.SqsSubscription(
                    self.queues[queue],
                    dead_letter_queue=self.dead_letter_queues[queue],
                    raw_message_delivery=True,
                )
            )
        return built

    def _store_events(self, store: str, bucket: s3.IBucket, queue: sqs.Queue) -> None:
        # Told from here and not from `data`, which would then have to know a queue that knows its key.
        imported = s3.Bucket.from_bucket_name(self, store, bucket.bucket_name)
        imported.add_event_notification(
            s3.EventType.OBJECT_CREATED,
            notifications.SqsDestination(queue),
            s3.NotificationKeyFilter(suffix=".dcm"),
        )
