"""The Lambda handler of `functions/studies`."""

from functions.studies.routes import router
from pacs.entry.http import make_app, make_handler

handler = make_handler(make_app(router))
