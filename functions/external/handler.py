"""The Lambda handler of `functions/external`."""

from functions.external.knocking import tell
from functions.external.routes import router
from pacs.entry.http import make_app, make_handler

handler = make_handler(make_app(router, tell=tell))
