"""The Lambda handler of `functions/pages`."""

from functions.pages.answering import show_error
from functions.pages.routes import router
from pacs.entry.http import make_app, make_handler

handler = make_handler(make_app(router, tell=show_error))
