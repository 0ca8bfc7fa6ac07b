"""Websocket addresses."""

from channels.routing import URLRouter
from django.urls import path

from accounts.access import content_require
from accounts.selectors import actor_for
from jarvis_site.kernel.realtime.consumer import RealtimeConsumer

consumer = RealtimeConsumer.as_asgi(actor_for=actor_for, content_require=content_require)
websockets = URLRouter([path("ws/o/<slug:slug>/", consumer)])
