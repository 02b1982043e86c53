"""The Lambda handler of `functions/portal`."""

from pacs.entry.http import make_app, make_handler

from functions.portal.routes import router

handler = make_handler(make_app(router))
