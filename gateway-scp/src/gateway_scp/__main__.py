"""`python -m gateway_scp`: the DICOM node of this environment."""

import sys

from gateway_scp import log
from gateway_scp.scp import serve
from gateway_scp.settings import GatewaySettings
from pacs.bootstrap import stores
from pacs.errors import PacsError


def main() -> int:
    """Exit code 0 after a drained end, 1 when the node cannot start."""
    log.start()
    try:
        settings = GatewaySettings.from_environment()
        serve(settings, stores(settings))
    except PacsError as error:
        log.error(error.message)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
