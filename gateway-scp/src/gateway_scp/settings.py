"""What the DICOM door asks of its environment, on top of what every process of ours asks."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from pacs.errors import NotConfigured
from pacs.settings import Settings, variable


@dataclass(frozen=True)
class GatewaySettings(Settings):
    dicom_tls_key: str = variable("", "PEM file of the certificate's private key.")
    dicom_tls_client_ca: str = variable("", "PEM file of the authorities whose clients may call; empty: any client.")
    dicom_tls_peer_ca: str = variable(
        "", "PEM file of the authorities that vouch for peers which C-MOVE reaches over TLS; empty: the system's."
    )
    dicom_tls_peer_certificate: str = variable(
        "", "PEM file of the certificate chain that is shown to those peers; empty: the node's own, if any."
    )
    dicom_tls_peer_key: str = variable("", "PEM file of that certificate's private key.")
    dicom_health_port: int = variable(0, "Port of /healthz over HTTP; 0: none.")
    dicom_max_associations: int = variable(64, "Associations that one process holds at once.")
    dicom_reuse_port: bool = variable(False, "Share the port with other processes of this machine (SO_REUSEPORT).")
    dicom_spool: str = variable(
        "", "Folder for large objects while they arrive; empty: in the home, on AWS the temporary folder."
    )

    @property
    def spool(self) -> Path:
        """A folder on the same file system as the store, where the store is one."""
        if self.dicom_spool:
            return Path(self.dicom_spool)
        return Path(tempfile.gettempdir()) / "spool" if self.platform == "aws" else self.home / "spool"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "GatewaySettings":
        """Raises NotConfigured, naming the variable, for values that do not parse or do not fit together."""
        settings = cast(GatewaySettings, super().from_environment(environment))
        if bool(settings.dicom_tls_certificate) != bool(settings.dicom_tls_key):
            missing = "PACS_DICOM_TLS_KEY" if settings.dicom_tls_certificate else "PACS_DICOM_TLS_CERTIFICATE"
            raise NotConfigured(f"{missing} is not set, but its counterpart is", field=missing)
        if bool(settings.dicom_tls_peer_certificate) != bool(settings.dicom_tls_peer_key):
            raise NotConfigured(
                "PACS_DICOM_TLS_PEER_CERTIFICATE and PACS_DICOM_TLS_PEER_KEY go together",
                field="PACS_DICOM_TLS_PEER_KEY",
            )
        if settings.dicom_tls_client_ca and not settings.dicom_tls_certificate:
            raise NotConfigured(
                "PACS_DICOM_TLS_CLIENT_CA needs PACS_DICOM_TLS_CERTIFICATE", field="PACS_DICOM_TLS_CERTIFICATE"
            )
        return settings
