"""Addresses below `/o/<slug>/chat/`."""

from django.urls import path

from chat import views

app_name = "chat"
urlpatterns = [
    path("", views.start, name="list"),
    path("new/", views.conversation_new, name="new"),
    path("items/", views.items, name="items"),
    path("<uuid:conversation_id>/", views.conversation_detail, name="detail"),
    path("<uuid:conversation_id>/send/", views.message_send, name="send"),
    path("<uuid:conversation_id>/stop/", views.reply_stop, name="stop"),
    path("<uuid:conversation_id>/turns/<uuid:message_id>/", views.turn, name="turn"),
    path("<uuid:conversation_id>/turns/<uuid:message_id>/again/", views.reply_again, name="again"),
]
