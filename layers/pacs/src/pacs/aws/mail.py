"""How do e-mails leave the cloud? Through SES, from the address that the owner has verified there."""

from typing import Any

from pacs.aws.translation import translated
from pacs.errors import NotConfigured


class SesMailer:
    """Plain texts, with HTML beside them where there is some, sent from one address."""

    def __init__(self, sender: str, client: Any) -> None:
        self._sender = sender
        self._client = client

    def send(self, to: str, subject: str, text: str, *, html: str = "") -> None:
        if not self._sender:
            raise NotConfigured("no address to send e-mails from", field="PACS_MAIL_SENDER")
        parts = {"Text": text, **({"Html": html} if html else {})}
        body = {kind: {"Data": said, "Charset": "UTF-8"} for kind, said in parts.items()}
        with translated("the e-mail service", missing={}):
            self._client.send_email(
                FromEmailAddress=self._sender,
                Destination={"ToAddresses": [to]},
                Content={"Simple": {"Subject": {"Data": subject, "Charset": "UTF-8"}, "Body": body}},
            )
