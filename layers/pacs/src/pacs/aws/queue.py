"""Where do messages wait in the cloud? In SQS; topics are SNS's, whose subscriptions deliver raw messages.

A queue's dead letters lie in the queue of the same name with `-dlq` behind it. Received and acknowledged by AWS's
event source mapping, which calls the functions.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from pacs.aws.translation import translated
from pacs.errors import BadRequest, NotFound, Unavailable
from pacs.ports import DeadLetter, QueueDepth

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

BODY_MAX_BYTES = 256 << 10
BATCH = 10
BATCH_MAX_BYTES = 256 << 10
HOLD_S = 60  # how long dead letters in hand stay out of others' sight if we die
MISSING = ("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist", "NotFound")


class SqsQueue:
    """A Queue of SQS and SNS. Names of the catalogue are appended to the prefixes."""

    def __init__(self, url_prefix: str, arn_prefix: str, sqs: "SQSClient", sns: "SNSClient") -> None:
        self._url_prefix = url_prefix
        self._arn_prefix = arn_prefix
        self._sqs = sqs
        self._sns = sns

    def send(self, queue: str, bodies: Sequence[str], *, delay_s: int = 0) -> None:
        for batch in batches(bodies):
            entries: list[Any] = [
                {"Id": str(number), "MessageBody": body, "DelaySeconds": delay_s} for number, body in enumerate(batch)
            ]
            with translated_queue(queue):
                answer = self._sqs.send_message_batch(QueueUrl=self._url(queue), Entries=entries)
            refuse_failed(queue, answer.get("Failed", []))

    def publish(self, topic: str, bodies: Sequence[str]) -> None:
        for batch in batches(bodies):
            entries: list[Any] = [{"Id": str(number), "Message": body} for number, body in enumerate(batch)]
            with translated_queue(topic):
                answer = self._sns.publish_batch(TopicArn=self._arn_prefix + topic, PublishBatchRequestEntries=entries)
            refuse_failed(topic, answer.get("Failed", []))

    def depth(self, queue: str) -> QueueDepth:
        """SQS's approximate counts. The oldest age is 0.0: SQS tells it to CloudWatch only."""
        waiting, delayed, in_flight = self._counts(self._url(queue))
        return QueueDepth(waiting + delayed, in_flight, sum(self._counts(self._dead(queue))), 0.0)

    def dead_letters(self, queue: str, *, limit: int = 100) -> list[DeadLetter]:
        """Looked at by receiving them all and giving them back; meanwhile nobody else sees them."""
        found: list[MessageTypeDef] = []
        while len(found) < limit and (messages := self._receive_dead(queue, min(BATCH, limit - len(found)))):
            found += messages
        for start in range(0, len(found), BATCH):
            back: list[Any] = [
                {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"], "VisibilityTimeout": 0}
                for number, message in enumerate(found[start : start + BATCH])
            ]
            with translated_queue(queue):
                self._sqs.change_message_visibility_batch(QueueUrl=self._dead(queue), Entries=back)
        return [
            DeadLetter(each["MessageId"], queue, each["Body"], int(each["Attributes"]["ApproximateReceiveCount"]))
            for each in found
        ]

    def redrive(self, queue: str) -> int:
        """Moved one batch after the other: sent first and then deleted, so that none is lost."""
        count = 0
        while messages := self._receive_dead(queue, BATCH):
            self.send(queue, [message["Body"] for message in messages])
            entries: list[Any] = [
                {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
                for number, message in enumerate(messages)
            ]
            with translated_queue(queue):
                answer = self._sqs.delete_message_batch(QueueUrl=self._dead(queue), Entries=entries)
            refuse_failed(queue, answer.get("Failed", []))
            count += len(messages)
        return count

    def _url(self, queue: str) -> str:
        return self._url_prefix + queue

    def _dead(self, queue: str) -> str:
        return f"{self._url(queue)}-dlq"

    def _counts(self, url: str) -> tuple[int, int, int]:
        with translated_queue(url):
            attributes = self._sqs.get_queue_attributes(
                QueueUrl=url,
                AttributeNames=[
                    "ApproximateNumberOfMessages",
                    "ApproximateNumberOfMessagesDelayed",
                    "ApproximateNumberOfMessagesNotVisible",
                ],
            )["Attributes"]
        return (
            int(attributes["ApproximateNumberOfMessages"]),
            int(attributes["ApproximateNumberOfMessagesDelayed"]),
            int(attributes["ApproximateNumberOfMessagesNotVisible"]),
        )

    def _receive_dead(self, queue: str, limit: int) -> "list[MessageTypeDef]":
        with translated_queue(queue):
            # A wait, however short, asks all of SQS's servers and not a sample of them.
            return self._sqs.receive_message(
                QueueUrl=self._dead(queue),
                MaxNumberOfMessages=limit,
                VisibilityTimeout=HOLD_S,
                WaitTimeSeconds=1,
                MessageSystemAttributeNames=["ApproximateReceiveCount"],
            ).get("Messages", [])


def translated_queue(name: str) -> AbstractContextManager[None]:
    return translated(f"the queue {name}", missing=dict.fromkeys(MISSING, NotFound))


def refuse_failed(name: str, failed: Sequence[Any]) -> None:
    """Raises Unavailable when AWS took only a part of a batch."""
    if failed:
        raise Unavailable(f"the queue {name} did not take {len(failed)} messages: {failed[0].get('Code')}")


def batches(bodies: Sequence[str]) -> Iterator[list[str]]:
    """At most 10 messages that together take no more than 256 KB. Raises BadRequest for a body over 256 KB."""
    batch: list[str] = []
    total = 0
    for body in bodies:
        size = len(body.encode())
        if size > BODY_MAX_BYTES:
            raise BadRequest("a message may take 256 KB", field="body")
        if batch and (len(batch) == BATCH or total + size > BATCH_MAX_BYTES):
            yield batch
            batch, total = [], 0
        batch.append(body)
        total += size
    if batch:
        yield batch
