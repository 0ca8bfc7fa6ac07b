"""Addresses below `/o/<slug>/mail/`."""

from django.urls import path

from agents.servers.mail import views

app_name = "mail"
urlpatterns = [
    path("", views.inbox, name="inbox"),
    path("drafts/", views.drafts, name="drafts"),
    path("outbox/", views.outbox, name="outbox"),
    path("sent/", views.sent, name="sent"),
    path("search/", views.search, name="search"),
    path("new/", views.compose, name="compose"),
    path("drafts/<uuid:draft_id>/", views.draft, name="draft"),
    path("drafts/<uuid:draft_id>/discard/", views.draft_discard, name="draft_discard"),
    path("outbox/<uuid:message_id>/again/", views.again, name="again"),
    path("outbox/<uuid:message_id>/resend/", views.resend, name="resend"),
    path("<str:mail_id>/", views.mail, name="mail"),
    path("<str:mail_id>/invite.ics", views.invitation, name="invitation"),
]
