"""What may be done with runs."""

from django.utils.translation import gettext_lazy

from accounts.access import EVERYBODY, declare

RUNS_READ = declare("runs.read", gettext_lazy("read one's own runs"), EVERYBODY)
TASKS_ANSWER = declare("tasks.answer", gettext_lazy("answer questions that runs put to one"), EVERYBODY)
RUNS_START = declare("runs.start", gettext_lazy("start runs from words or from a plan"), EVERYBODY)
RUNS_CONTROL = declare("runs.control", gettext_lazy("stop and settle one's own runs"), EVERYBODY)
RUNS_REPAIR = declare("runs.repair", gettext_lazy("see what was given up in anybody's runs, and have it tried again"))
LIMITS_MANAGE = declare("limits.manage", gettext_lazy("see and set how much runs may use"))
