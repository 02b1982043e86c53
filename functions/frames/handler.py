"""The Lambda handler of `functions/frames`."""

from pacs.entry.http import make_app, make_handler

from functions.frames.routes import router

handler = make_handler(make_app(router))
