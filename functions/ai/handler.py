"""The Lambda handler of `functions/ai`."""

from functions.ai.routes import router
from pacs.entry.http import make_app, make_handler

handler = make_handler(make_app(router))
