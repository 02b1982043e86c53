"""The Lambda handler of `functions/launch`."""

from pacs.entry.http import make_app, make_handler

from functions.launch.routes import router

handler = make_handler(make_app(router))
