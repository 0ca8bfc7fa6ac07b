"""Websocket addresses."""

from channels.routing import URLRouter
from django.urls import path

from accounts.access import content_require
from accounts.sign_in import browser_of
from accounts.sign_in_sockets import socket_actor
from jarvis_site.kernel.realtime.consumer import RealtimeConsumer

consumer = RealtimeConsumer.as_asgi(actor_for=socket_actor, content_require=content_require, browser_of=browser_of)
websockets = URLRouter([path("ws/o/<slug:slug>/", consumer)])
