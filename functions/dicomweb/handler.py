"""The Lambda handler of `functions/dicomweb`."""

from pacs.entry.http import make_app, make_handler

from functions.dicomweb.routes import router

handler = make_handler(make_app(router))
