"""The Lambda handler of `functions/reports`."""

from functions.reports.routes import router
from pacs.entry.http import make_app, make_handler

handler = make_handler(make_app(router))
