"""Which pages of other origins may read an answer, and call at all? One answer for functions, gateways and buckets.

Asked by entry.http, the local gateway and the stacks; stdlib only. Source: Fetch Standard §3.3 "CORS protocol"
"""

REQUEST_HEADERS = (
    "Accept",
    "Authorization",
    "Content-Type",
    "If-Modified-Since",
    "If-None-Match",
    "Range",
    "X-PACS-Authorization",
)
RESPONSE_HEADERS = (
    "Content-Length",
    "Content-Location",
    "Content-Range",
    "ETag",
    "Location",
    "Retry-After",
    "Warning",
    "X-Request-Id",
)
PREFLIGHT_LIFE_S = 3600
VARY, ALLOW_ORIGIN, EXPOSE_HEADERS = b"vary", b"access-control-allow-origin", b"access-control-expose-headers"

Headers = list[tuple[bytes, bytes]]


def allowed_origins(setting: str) -> frozenset[str]:
    """The origins that PACS_CORS_ORIGINS lists."""
    return frozenset(each.strip() for each in setting.split(",") if each.strip())


def shared_with(origins: frozenset[str], asking: Headers, headers: Headers) -> Headers:
    """The headers of an answer, with what lets a page of an allowed origin read it; `asking`: those of the request.

    Names are in lower case. Where it has been said already, it stays said once.
    """
    if not origins:
        return headers
    varies = [word.strip() for name, value in headers if name == VARY for word in value.split(b",")]
    told = [pair for pair in headers if pair[0] not in (VARY, ALLOW_ORIGIN, EXPOSE_HEADERS)]
    told.append((VARY, b", ".join([*(each for each in varies if each.lower() != b"origin"), b"origin"])))
    origin = next((value for name, value in asking if name == b"origin"), b"")
    if origin.decode("latin-1") in origins:
        told += [(ALLOW_ORIGIN, origin), (EXPOSE_HEADERS, ", ".join(RESPONSE_HEADERS).lower().encode())]
    return told


def preflight_headers(methods: str) -> dict[str, str]:
    """What a browser that asks before it calls is told, besides whether its page may; `methods`: joined by commas."""
    return {
        "Access-Control-Allow-Methods": methods,
        "Access-Control-Allow-Headers": ", ".join(REQUEST_HEADERS).lower(),
        "Access-Control-Max-Age": str(PREFLIGHT_LIFE_S),
    }
