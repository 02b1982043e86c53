"""The Lambda handler of `functions/pages`."""

from functions.pages.routes import router
from pacs.entry.http import make_app, make_handler
from pacs.entry.portal import show_error

handler = make_handler(make_app(router, tell=show_error))
