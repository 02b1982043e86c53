"""What an error of botocore means to us. Asked by the adapters of this room."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError

from pacs.errors import PacsError, Unavailable


def error_code(error: ClientError) -> str:
    """AWS's code of an error; of an answer without a body (HEAD) the HTTP status."""
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def translated(
    what: str, *, missing: dict[str, type[PacsError]], otherwise: type[Unavailable] = Unavailable
) -> Iterator[None]:
    """Raises `missing[code]` for the codes it names, `otherwise` for every other error of AWS."""
    try:
        yield
    except ClientError as error:
        code = error_code(error)
        if code in missing:
            raise missing[code](f"{what}: not there") from error
        raise otherwise(f"{what} does not answer: {code}") from error
    except BotoCoreError as error:
        raise otherwise(f"{what} does not answer: {type(error).__name__}") from error
