"""Does the link still hold by which somebody looks? Asked for every call of a token that a share has issued.

The authorizer knows no database, so this is asked by whoever serves; an answer is believed for a few seconds.
"""

from datetime import datetime, timedelta

from pacs.bootstrap import services
from pacs.errors import TokenExpired
from pacs.people.scope import Scope
from pacs.viewing.shares import is_alive

BELIEVED = timedelta(seconds=5)
BELIEVED_MAX = 1024

believed: dict[str, datetime] = {}


def require_open_share(scope: Scope) -> None:
    """Raises TokenExpired when the share of this scope was revoked, or is over."""
    now = services().clock.now()
    asked = believed.get(scope.session_id)
    if asked is not None and asked <= now < asked + BELIEVED:
        return
    if not is_alive(services().database, scope.session_id, now):
        believed.pop(scope.session_id, None)
        raise TokenExpired("this share is over")
    if len(believed) >= BELIEVED_MAX:
        believed.clear()
    believed[scope.session_id] = now
