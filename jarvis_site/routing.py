"""Websocket addresses."""

from channels.routing import URLRouter
from django.urls import path

from accounts.selectors import actor_for
from jarvis_site.kernel.realtime.consumer import RealtimeConsumer

websockets = URLRouter([path("ws/o/<slug:slug>/", RealtimeConsumer.as_asgi(actor_for=actor_for))])
