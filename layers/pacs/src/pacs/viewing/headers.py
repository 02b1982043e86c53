"""Which headers go with the viewer's files, and with answers. Asked by entry and both edges; stdlib only."""

POLICY = {
    "default-src": "'self'",
    # OHIF compiles its decoders from WebAssembly; no script stands in a page, so none may.
    "script-src": "'self' 'wasm-unsafe-eval'",
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data: blob:",
    "font-src": "'self' data:",
    "connect-src": "'self' blob: data:",
    "worker-src": "'self' blob:",
    "media-src": "'self' blob:",
    "object-src": "'self' blob:",
    "base-uri": "'self'",
    "form-action": "'self'",
    # The radiologist's desk has the viewer beside the report.
    "frame-ancestors": "'self'",
}

VIEWER_HEADERS: dict[str, str] = {
    "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in POLICY.items()),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}

# With what is no page of ours: what was stored is anybody's, also a document that is HTML, and our origin has sessions.
ANSWER_HEADERS: dict[str, str] = {
    "Content-Security-Policy": "script-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
}

ALWAYS_ASK = "no-cache"
A_DAY = "public, max-age=86400"
A_YEAR = "public, max-age=31536000, immutable"


def cache_control(path: str) -> str:
    """How long a browser may keep a file of the site. Names carry OHIF's hash, but not that of our patches: a day.

    The page and our configuration are asked for each time (and answered 304 by their ETag).
    """
    name = path.rsplit("/", 1)[-1]
    return A_DAY if "." in name and name not in ("index.html", "app-config.js") else ALWAYS_ASK


def asset_cache_control(path: str) -> str:
    """How long a browser may keep a file of the pages: what is not ours names its version, ours is asked for."""
    return A_YEAR if path.startswith("vendor/") else ALWAYS_ASK
