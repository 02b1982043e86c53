"""The Lambda handler of `functions/ai`."""

from fastapi import Request, Response

from functions.ai.routes import router
from pacs.entry.http import make_app, make_handler, tell_error
from pacs.entry.portal import show_error

PAGES = ("/viewer/", "/admin/")


async def tell(request: Request, error: Exception) -> Response:
    """People are told of an error by a page, programs in JSON."""
    return await (show_error if request.url.path.startswith(PAGES) else tell_error)(request, error)


handler = make_handler(make_app(router, tell=tell))
