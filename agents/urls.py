"""Addresses below `/o/<slug>/runs/`."""

from django.urls import path

from agents import views

app_name = "agents"
urlpatterns = [
    path("", views.run_list, name="list"),
    path("views/", views.view_new, name="view_new"),
    path("views/<uuid:view_id>/", views.view_change, name="view_change"),
    path("batches/", views.batch_confirm, name="batch_new"),
    path("batches/<uuid:batch_id>/", views.batch_detail, name="batch"),
    path("given-up/", views.dead_letters, name="dead_letters"),
    path("given-up/<uuid:job_id>/again/", views.job_retry, name="job_retry"),
    path("questions/", views.question_list, name="questions"),
    path("questions/<uuid:task_id>/", views.question_detail, name="question"),
    path("<uuid:run_id>/", views.run_detail, name="detail"),
    path("<uuid:run_id>/card/", views.card, name="card"),
    path("<uuid:run_id>/steps/<str:key>/", views.step_detail, name="step"),
    path("<uuid:run_id>/cancel/", views.cancel, name="cancel"),
    path("<uuid:run_id>/pause/", views.pause, name="pause"),
    path("<uuid:run_id>/resume/", views.resume, name="resume"),
    path("<uuid:run_id>/steps/<str:key>/skip/", views.skip, name="skip"),
    path("<uuid:run_id>/steps/<str:key>/retry/", views.retry, name="retry"),
    path("<uuid:run_id>/steps/<str:key>/outcome/", views.outcome, name="outcome"),
    path("<uuid:run_id>/plan/", views.plan_page, name="plan"),
    path("<uuid:run_id>/plan/<str:key>/", views.plan_step, name="plan_step"),
    path("<uuid:run_id>/plan/<str:key>/ask-first/", views.plan_ask_first, name="plan_ask_first"),
    path("<uuid:run_id>/plan/<str:key>/drop/", views.plan_drop, name="plan_drop"),
    path("<uuid:run_id>/plan/<str:key>/order/", views.plan_order, name="plan_order"),
    path("<uuid:run_id>/undo/", views.run_undo, name="undo"),
    path("<uuid:run_id>/steps/<str:key>/undo/", views.step_undo, name="step_undo"),
]
