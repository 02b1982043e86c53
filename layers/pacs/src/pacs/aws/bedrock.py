"""How do models of Amazon Bedrock describe images? By Converse, with the account's own rights: there is no key.

The request, which may be about a patient, stays in the account and its region. Neither it nor the answer is told in an
error. Source: Amazon Bedrock API Reference, "Converse"; User Guide, "Get validated JSON results from models"
"""

import json
import logging
import time
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    ReadTimeoutError,
)
from botocore.parsers import ResponseParserError

from pacs.aws.translation import error_code
from pacs.errors import ModelBusy, ModelRefused, ModelTimeout, NotConfigured, PacsError, Unavailable
from pacs.models.answers import as_text, count, require_text
from pacs.models.calling import BUSY, CONNECT_S, retry_after_s, settings_of
from pacs.models.manners import manner_of, system_of
from pacs.ports import Answer, Endpoint, Question, Usage

WHAT = "Amazon Bedrock"
# What another model, or the right to use it, would mend.
NOT_OURS = ("AccessDeniedException", "ResourceNotFoundException")
NO_RIGHTS = ("UnrecognizedClientException", "ExpiredTokenException", "InvalidSignatureException")
REFUSED = "ValidationException"
NO_MODEL = ("model identifier", "inference profile", "on-demand throughput")


class BedrockDescriber:
    """Describes images with one model, or one inference profile, of Bedrock."""

    def __init__(self, endpoint: Endpoint) -> None:
        if endpoint.foreign:
            raise NotConfigured(f"{WHAT} is asked where the owner says", field=self._setting(endpoint, "URL"))
        self._endpoint = endpoint
        self._model_setting = self._setting(endpoint, "MODEL")
        self._manner = manner_of(endpoint)

    @staticmethod
    def _setting(endpoint: Endpoint, name: str) -> str:
        return f"{settings_of(endpoint.provider)}_{name}"

    def ask(self, question: Question) -> Answer:
        began = time.monotonic()
        answer = None
        while answer is None:
            answer = self._converse(question)
        parts = answer["output"].get("message", {}).get("content", [])
        text = as_text("".join(part["text"] for part in parts if "text" in part))
        cached = count(answer, "usage", "cacheReadInputTokens")
        new = count(answer, "usage", "inputTokens") + count(answer, "usage", "cacheWriteInputTokens")
        out, seconds = count(answer, "usage", "outputTokens"), time.monotonic() - began
        usage = Usage(new + cached, out, cached, len(question.images), seconds)
        return Answer(require_text(text, WHAT, usage), usage, self._endpoint.model)

    def _converse(self, question: Question) -> dict[str, Any] | None:
        """The answer; None when the model has to be asked for less. Raises Unavailable, NotConfigured, ModelRefused."""
        try:
            client = client_of(self._endpoint.url, self._endpoint.timeout_s)
            found: dict[str, Any] = client.converse(**self._request(question))
        except ClientError as error:
            if error_code(error) == REFUSED and self._manner.asks_for_less(str(error)):
                return None
            raise self._refusal(error) from None  # its text may tell what was sent
        except (NoCredentialsError, NoRegionError) as error:
            raise NotConfigured(f"{WHAT} needs an AWS account and region") from error
        except ParamValidationError:  # which tells what was sent
            raise NotConfigured(f"{WHAT} has no such model", field=self._model_setting) from None
        except (ConnectTimeoutError, ReadTimeoutError) as error:
            raise ModelTimeout(f"{WHAT} does not answer in time: {type(error).__name__}") from error
        except (BotoCoreError, ResponseParserError, ValueError) as error:
            raise Unavailable(f"{WHAT} does not answer: {type(error).__name__}") from error
        if "output" not in found:
            raise Unavailable(f"{WHAT} answers something else")
        return found

    def _request(self, question: Question) -> dict[str, Any]:
        limits: dict[str, Any] = {"maxTokens": question.most_tokens + self._endpoint.thinking_tokens}
        if self._manner.temperature:
            limits["temperature"] = 0
        asked: dict[str, Any] = {
            "modelId": self._endpoint.model,
            "system": [{"text": system_of(question.system, question.schema)}],
            "messages": messages_of(question),
            "inferenceConfig": limits,
        }
        if question.schema and self._manner.format == "json_schema":
            described = {"name": "answer", "schema": json.dumps(question.schema)}
            asked["outputConfig"] = {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": described}}}
        return asked

    def _refusal(self, error: ClientError) -> PacsError:
        code, told = error_code(error), str(error).lower()
        if code in NOT_OURS or (code == REFUSED and any(words in told for words in NO_MODEL)):
            return NotConfigured(f"{WHAT} lets us use no such model: {code}", field=self._model_setting)
        if code in NO_RIGHTS:
            return NotConfigured(f"{WHAT} does not know this account: {code}")
        if code == REFUSED:
            return ModelRefused(f"{WHAT} refuses what it is asked: {code}")
        answer = error.response.get("ResponseMetadata", {})
        wait_s = retry_after_s(answer.get("HTTPHeaders", {}).get("retry-after", ""), datetime.now(UTC))
        kind = ModelBusy if answer.get("HTTPStatusCode") in BUSY else Unavailable
        return kind(f"{WHAT} is busy: {code}", retry_after_s=wait_s)


@lru_cache(maxsize=8)
def client_of(url: str, timeout_s: float) -> Any:
    """A client that asks once: whoever waits for Bedrock does so outside. Raises NoRegionError."""
    import boto3
    from botocore.config import Config

    for name in ("botocore", "urllib3"):
        logging.getLogger(name).setLevel(logging.INFO)  # below, they log where it is, what is sent and answered
    once = Config(connect_timeout=CONNECT_S, read_timeout=timeout_s, retries={"total_max_attempts": 1})
    return boto3.Session().client("bedrock-runtime", endpoint_url=url or None, config=once)


def messages_of(question: Question) -> list[dict[str, Any]]:
    content: list[dict[str, Any]] = []
    for number, image in enumerate(question.images, 1):
        content += [{"text": f"Image {number}:"}, {"image": {"format": "jpeg", "source": {"bytes": image}}}]
    said = [{"role": "user", "content": [*content, {"text": question.text}]}]
    for answered, told in question.turns:
        said += [
            {"role": "assistant", "content": [{"text": answered}]},
            {"role": "user", "content": [{"text": told}]},
        ]
    return said
